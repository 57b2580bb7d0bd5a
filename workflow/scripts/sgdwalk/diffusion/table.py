"""Exponents of runs and windows as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sgdwalk.diffusion.ragged import is_much
from sgdwalk.diffusion.regimes import EXPONENTS, Segment
from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.diffusion.window import MSDNull, WindowDiffusion
from sgdwalk.files.table import versions_cell
from sgdwalk.fits.estimate import Estimate

# Exponents that belong to one regime each.
OF_REGIMES = ("exponent_short", "exponent_max", "exponent_long")


def exponent_rows(
    run: str, settings: Mapping[str, Any], result: RunDiffusion
) -> list[dict[str, Any]]:
    """Rows of ``exponents.csv`` for one run: one per window, or one without if it has none.

    The whole run, from its sketch, has the last one.
    """
    shared = _shared(run, settings, result)
    rows = [{**shared, **_numbers(window)} for window in result.windows]
    if not rows:
        why = "; ".join(f"{window}: {reason}" for window, reason in result.missing.items())
        rows = [{**shared, **_numbers(None), "undefined": why or None}]
    if result.whole is not None:
        rows.append({**shared, **_numbers(result.whole.window), "whole_run": "yes"})
    return rows


def group_rows(run: str, settings: Mapping[str, Any], result: RunDiffusion) -> list[dict[str, Any]]:
    """Rows of ``groups.csv`` for one run: one per group of parameter tensors and window."""
    shared = _shared(run, settings, result)
    rows = []
    for name, group in result.groups.items():
        place = {**shared, "group": name, "parameters": group.parameters, "tensors": group.tensors}
        for window in group.windows:
            row = {**place, **_numbers(window.diffusion), "share_of_msd": window.share_of_msd}
            for number, share in enumerate(window.component_shares.tolist(), start=1):
                row[f"share_{number}"] = share
            rows.append(row)
        if not group.windows:
            why = "; ".join(f"{window}: {reason}" for window, reason in group.missing.items())
            rows.append({**place, **_numbers(None), "undefined": why or "no whole window"})
    return rows


def _shared(run: str, settings: Mapping[str, Any], result: RunDiffusion) -> dict[str, Any]:
    return {
        "run": run,
        **settings,
        "diverged_at": result.diverged_at,
        "versions": versions_cell(result.origin),
    }


def _numbers(window: WindowDiffusion | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "window_length": window and window.length,
        "stride": window and window.stride,
        "window_start": window.start if window else None,
        "window_last": window.last if window else None,
        "whole_run": "no" if window else None,
    }
    for name in EXPONENTS:
        row[name] = getattr(window, name) if window else Estimate.undefined()
    row["regimes"] = len(window.regimes) if window else None
    row["effective_dimension"] = window.effective_dimension if window else None
    for name in OF_REGIMES:
        row |= _of_regime(name, window)
    nulls: dict[str, MSDNull | None] = {
        "signs": window.signs if window else None,
        "signs_about_drift": window.signs_about_drift if window else None,
    }
    for label, null in nulls.items():
        row[f"inside_{label}"] = _yes_or_no(null.inside if null else None)
        row[f"p_{label}"] = null.p_value if null else None
    for name in OF_REGIMES:
        shorter = window and window.quarter
        row[f"quarter_{name}"] = getattr(shorter, name) if shorter else Estimate.undefined()
    row["sketch_error"] = window and window.sketch_error
    row["ragged_share"] = window and window.ragged_share
    row["warning"] = "ragged batches" if is_much(row["ragged_share"]) else None
    row["undefined"] = (
        "; ".join(f"{key}: {why}" for key, why in window.missing.items()) if window else None
    )
    return row


def _of_regime(name: str, window: WindowDiffusion | None) -> dict[str, Any]:
    """What stands beside the exponent of one regime: its misfit, and the nulls over its lags."""
    which = window.regime_of(name) if window else None
    kind = name.removeprefix("exponent_")
    segment: Segment | None = None
    signs = about_drift = Estimate.undefined()
    if window is not None and which is not None:
        segment = window.regimes[which]
        signs = window.signs.exponents[which]
        about_drift = _exponent(window.signs_about_drift, which)
    return {
        f"misfit_{kind}": segment and segment.misfit,
        f"misfit_expected_{kind}": segment and segment.misfit_expected,
        f"bends_{kind}": _yes_or_no(segment.bends if segment else None),
        f"signs_{name}": signs,
        f"signs_about_drift_{name}": about_drift,
    }


def _exponent(null: MSDNull | None, which: int) -> Estimate:
    return null.exponents[which] if null else Estimate.undefined()


def _yes_or_no(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"
