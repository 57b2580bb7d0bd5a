"""Rows of the tables of geometry: one per run and window, and one per ensemble and window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sgdwalk.files.table import versions_cell
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.ageing import Ageing
from sgdwalk.geometry.ensemble import SeedEnsemble, WindowEnsemble
from sgdwalk.geometry.estimates import estimates, nulls, undefined
from sgdwalk.geometry.run import RunGeometry
from sgdwalk.geometry.window import WindowGeometry
from sgdwalk.recording.window_families import family_key


def geometry_rows(
    run: str, settings: Mapping[str, Any], result: RunGeometry
) -> list[dict[str, Any]]:
    """Rows of ``geometry.csv`` for one run: one per window, or one without if it has none.

    The null of an estimate has the column ``name_null``. Ageing is a number of a whole family of
    windows, and stands in the row of each.
    """
    shared = {
        "run": run,
        **settings,
        "diverged_at": result.diverged_at,
        "versions": versions_cell(result.origin),
    }
    if not result.windows:
        return [{**shared, "undefined": "no whole window was recorded"}]
    return [{**shared, **_window(window, result.ageing)} for window in result.windows]


def _window(window: WindowGeometry, ageing: Mapping[str, Ageing]) -> dict[str, Any]:
    row = _place(window)
    beside = nulls(window)
    for name, estimate in estimates(window).items():
        row[name] = estimate
        null = name.removesuffix("_minibatch").removesuffix("_probe")
        if null in beside:
            row[f"{name}_null"] = beside[null]
    family = ageing.get(family_key(window.length, window.stride))
    if family is not None:
        for lag, fit in zip(family.lag, family.fits, strict=True):
            row[f"ageing_exponent_lag{lag}"] = fit.exponent
    row["undefined"] = "; ".join(f"{name}: {why}" for name, why in undefined(window).items())
    return row


def ensemble_rows(
    name: str, settings: Mapping[str, Any], result: SeedEnsemble
) -> list[dict[str, Any]]:
    """Rows of ``ensembles.csv`` for one ensemble: means over seeds with their intervals."""
    rows = []
    versions = versions_cell(result.origin)
    for window in result.windows:
        row = {"ensemble": name, **settings, "versions": versions, **_place(window)}
        row |= {"seeds": window.seeds, **window.estimates}
        if window.ergodicity is not None:
            found = window.ergodicity
            first = (float(curve[0]) for curve in (found.breaking, found.low, found.high))
            row["ergodicity_breaking"] = Estimate(*first)
            row["ergodicity_breaking_null"] = float(found.brownian[0])
        row["undefined"] = "; ".join(f"{key}: {why}" for key, why in window.missing.items())
        rows.append(row)
    return rows


def _place(window: WindowGeometry | WindowEnsemble) -> dict[str, Any]:
    return {
        "window_length": window.length,
        "stride": window.stride,
        "window_start": window.start,
    }
