"""Gradient noise at a run's checkpoints as a file: written by one job, read by analyses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgdwalk.files import records
from sgdwalk.noise.results import RunNoise


def write(path: str | Path, result: RunNoise, origin: Mapping[str, Any]) -> None:
    """Write the noise at every checkpoint of one run, with a record of where it comes from."""
    records.write_file(path, "noise", result, origin)


def read(path: str | Path) -> RunNoise:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "noise", RunNoise)
