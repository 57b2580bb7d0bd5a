"""Distances between runs as a file: written by one job, read by a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgdwalk.files import records
from sgdwalk.geometry.run_distances import RunDistances


def write(path: str | Path, result: RunDistances, origin: Mapping[str, Any]) -> None:
    """Write the pairs of a study, with a record of where they come from."""
    records.write_file(path, "run_distances", result, origin)


def read(path: str | Path) -> RunDistances:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "run_distances", RunDistances)
