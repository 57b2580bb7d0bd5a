"""What the seeds of one training tell as a file: written by one job, read by tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgdwalk.files import records
from sgdwalk.geometry.ensemble import SeedEnsemble


def write(path: str | Path, result: SeedEnsemble, origin: Mapping[str, Any]) -> None:
    """Write the windows of an ensemble, with a record of where they come from."""
    records.write_file(path, "ensemble", result, origin)


def read(path: str | Path) -> SeedEnsemble:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "ensemble", SeedEnsemble)
