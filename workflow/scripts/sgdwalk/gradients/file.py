"""Gradient statistics of a run as a file: written by one job, read by tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgdwalk.files import records
from sgdwalk.gradients.run import RunGradients


def write(path: str | Path, result: RunGradients, origin: Mapping[str, Any]) -> None:
    """Write the gradient statistics of one run, with a record of where they come from."""
    records.write_file(path, "gradients", result, origin)


def read(path: str | Path) -> RunGradients:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "gradients", RunGradients)
