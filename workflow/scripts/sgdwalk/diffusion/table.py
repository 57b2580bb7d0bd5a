"""Exponents of runs and windows as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sgdwalk.diffusion.regimes import EXPONENTS
from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.diffusion.window import WindowDiffusion
from sgdwalk.files.table import versions_cell
from sgdwalk.fits.estimate import Estimate


def exponent_rows(
    run: str, settings: Mapping[str, Any], result: RunDiffusion
) -> list[dict[str, Any]]:
    """Rows of ``exponents.csv`` for one run: one per window, or one without if it has none."""
    shared = {
        "run": run,
        **settings,
        "diverged_at": result.diverged_at,
        "versions": versions_cell(result.origin),
    }
    return [{**shared, **_numbers(window)} for window in result.windows or [None]]


def _numbers(window: WindowDiffusion | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "window_length": window and window.length,
        "stride": window and window.stride,
        "window_start": window.start if window else None,
    }
    for name in EXPONENTS:
        row[name] = getattr(window, name) if window else Estimate.undefined()
    row["regimes"] = len(window.regimes) if window else None
    row["effective_dimension"] = window.effective_dimension if window else None
    return row
