"""Exponents of runs and windows as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping

from sgdwalk.diffusion.file import EXPONENTS, RunDiffusion
from sgdwalk.files.table import versions_cell


def exponent_rows(run: str, settings: Mapping, result: RunDiffusion) -> list[dict]:
    """Rows of ``exponents.csv`` for one run: one per window, or one without if it has none."""
    shared = {
        "run": run,
        **settings,
        "diverged_at": result.diverged_at,
        "versions": versions_cell(result.origin),
    }
    if not result.windows:
        return [_row(shared, None)]
    return [_row(shared, window) for window in result.windows]


def _row(shared: Mapping, window) -> dict:
    row = dict(shared)
    row["window_length"] = window.length if window else None
    row["stride"] = window.stride if window else None
    row["window_start"] = window.start if window else None
    for name in EXPONENTS:
        values = window.exponents[name] if window else (None, None, None)
        row[name], row[f"{name}_low"], row[f"{name}_high"] = values
    row["regimes"] = len(window.curves["segments"]) if window else None
    row["effective_dimension"] = window.effective_dimension if window else None
    return row
