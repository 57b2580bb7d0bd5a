"""Rows of the tables of geometry: one per run and window, and one per ensemble and window."""

from __future__ import annotations

from collections.abc import Mapping

from sgdwalk.files.table import versions_cell
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.ageing import Ageing
from sgdwalk.geometry.ensemble import WindowEnsemble
from sgdwalk.geometry.estimates import estimates, nulls, undefined
from sgdwalk.geometry.file import RunGeometry
from sgdwalk.geometry.window import WindowGeometry
from sgdwalk.recording.window_families import family_key


def geometry_rows(run: str, settings: Mapping, result: RunGeometry) -> list[dict]:
    """Rows of ``geometry.csv`` for one run: one per window, or one without if it has none.

    An estimate has columns ``name``, ``name_low``, ``name_high``, its null ``name_null``. Ageing is
    a number of a whole family of windows, and stands in the row of each.
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


def _window(window: WindowGeometry, ageing: Mapping[str, Ageing]) -> dict:
    row = _place(window)
    beside = nulls(window)
    for name, estimate in estimates(window).items():
        row |= _cells(name, estimate)
        null = name.removesuffix("_minibatch").removesuffix("_probe")
        if null in beside:
            row[f"{name}_null"] = beside[null]
    family = ageing.get(family_key(window.length, window.stride))
    if family is not None:
        for lag, fit in zip(family.lag, family.fits, strict=True):
            row |= _cells(f"ageing_exponent_lag{lag}", fit.estimate)
    row["undefined"] = "; ".join(f"{name}: {why}" for name, why in undefined(window).items())
    return row


def ensemble_rows(
    name: str, settings: Mapping, windows: list[WindowEnsemble], origin: Mapping
) -> list[dict]:
    """Rows of ``ensembles.csv`` for one ensemble: means over seeds with their intervals."""
    rows = []
    for window in windows:
        row = {"ensemble": name, **settings, "versions": versions_cell(origin)}
        row |= {**_place(window), "seeds": window.seeds}
        for key, estimate in window.estimates.items():
            row |= _cells(key, estimate)
        if window.ergodicity is not None:
            found = window.ergodicity
            first = Estimate(*(float(x[0]) for x in (found.breaking, found.low, found.high)))
            row |= _cells("ergodicity_breaking", first)
            row["ergodicity_breaking_null"] = float(found.brownian[0])
        row["undefined"] = "; ".join(f"{key}: {why}" for key, why in window.missing.items())
        rows.append(row)
    return rows


def _place(window: WindowGeometry | WindowEnsemble) -> dict:
    return {
        "window_length": window.length,
        "stride": window.stride,
        "window_start": window.start,
    }


def _cells(name: str, estimate: Estimate) -> dict:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
