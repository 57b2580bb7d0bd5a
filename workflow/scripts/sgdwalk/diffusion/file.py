"""The diffusion of a run as a file: written by one job, read by tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.files import records


def write(path: str | Path, result: RunDiffusion, origin: Mapping[str, Any]) -> None:
    """Write the diffusion of one run, with a record of where it comes from."""
    records.write_file(path, "diffusion", result, origin)


def read(path: str | Path) -> RunDiffusion:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "diffusion", RunDiffusion)
