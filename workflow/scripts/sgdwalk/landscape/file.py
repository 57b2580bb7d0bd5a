"""Loss surfaces as files: a tile of a plane, the lines of a run, and a run's surfaces together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgdwalk.files import records
from sgdwalk.landscape.results import PlaneTile, RunLines, RunSurfaces


def write(path: str | Path, result: RunSurfaces, origin: Mapping[str, Any]) -> None:
    """Write the whole loss surface of a run."""
    records.write_file(path, "landscape", result, origin)


def read(path: str | Path) -> RunSurfaces:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "landscape", RunSurfaces)


def write_tile(path: str | Path, result: PlaneTile, origin: Mapping[str, Any]) -> None:
    """Write one of a plane's tiles."""
    records.write_file(path, "landscape-tile", result, origin)


def read_tile(path: str | Path) -> PlaneTile:
    """Read what `write_tile` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "landscape-tile", PlaneTile)


def write_lines(path: str | Path, result: RunLines, origin: Mapping[str, Any]) -> None:
    """Write what is one-dimensional of a run's loss surface."""
    records.write_file(path, "landscape-lines", result, origin)


def read_lines(path: str | Path) -> RunLines:
    """Read what `write_lines` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "landscape-lines", RunLines)
