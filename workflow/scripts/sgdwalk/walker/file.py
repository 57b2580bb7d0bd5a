"""One ensemble of walkers as a file: its terrain, its walks, and what was measured of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgdwalk.files import records
from sgdwalk.walker.analysis import WalkerAnalysis


def write(path: str | Path, result: WalkerAnalysis, origin: Mapping[str, Any]) -> None:
    """Write an ensemble; `origin["settings"]` holds the settings it was made with."""
    records.write_file(path, "walker", result, origin)


def read(path: str | Path) -> WalkerAnalysis:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "walker", WalkerAnalysis)
