"""The geometry of a run's windows as a file: written by one job, read by tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgdwalk.files import records
from sgdwalk.geometry.run import RunGeometry


def write(path: str | Path, result: RunGeometry, origin: Mapping[str, Any]) -> None:
    """Write the geometry of one run, with a record of where it comes from."""
    records.write_file(path, "geometry", result, origin)


def read(path: str | Path) -> RunGeometry:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "geometry", RunGeometry)
