"""Rows of the tables of geometry: one per run and window, and one per ensemble and window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sgdwalk.files.table import versions_cell
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.ageing import Ageing
from sgdwalk.geometry.ensemble import SeedEnsemble, WindowEnsemble
from sgdwalk.geometry.estimates import (
    WALK_EXPONENTS,
    WITHOUT_INTERVAL,
    estimates,
    nulls,
    p_values,
    reordered,
    undefined,
    walk_exponents,
)
from sgdwalk.geometry.nulls import COMPONENTS
from sgdwalk.geometry.run import RunGeometry
from sgdwalk.geometry.whole_walk import WholeWalk
from sgdwalk.geometry.window import WindowGeometry
from sgdwalk.recording.window_families import family_key


def geometry_rows(
    run: str, settings: Mapping[str, Any], result: RunGeometry
) -> list[dict[str, Any]]:
    """Rows of ``geometry.csv`` for one run: one per window, or one without if it has none.

    The null of an estimate has the columns ``name_null``, what the same increments give in random
    order ``name_reordered``. Ageing is a number of a whole family of
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


def component_rows(
    run: str, settings: Mapping[str, Any], result: RunGeometry
) -> list[dict[str, Any]]:
    """Rows of ``components.csv`` for one run: one per window, frame and leading component.

    The whole run, from its sketch, has the last ones.

    Beside the share of a component stand that of a long Brownian walk in many dimensions, and
    those of walks of the same increments with random signs (``uncorrelated``) and with the same
    autocorrelation of steps (``same_autocorrelation``).
    """
    shared = {"run": run, **settings}
    if not result.windows:
        return [{**shared, "undefined": "no whole window was recorded"}]
    rows = []
    walks: list[WindowGeometry | WholeWalk] = [*result.windows]
    for window in walks + ([result.whole] if result.whole else []):
        whole = "yes" if window is result.whole else "no"
        place = {**shared, **_place(window), "whole_run": whole}
        modes = window.modes
        if modes is None:
            rows.append({**place, "undefined": f"share: {window.missing['modes']}"})
            continue
        for frame, shares in modes.shares.items():
            for k, share in enumerate(shares[:COMPONENTS], start=1):
                row = {**place, "frame": frame, "component": k, "share": float(share)}
                row["brownian"] = float(modes.brownian[frame][k - 1])
                why = window.missing.get("nulls", "surrogates do not have it")
                missing = []
                for kind in ("uncorrelated", "same_autocorrelation"):
                    null = window.nulls.get(kind, {}).get(f"{frame}_share_{k}")
                    row[kind] = null or Estimate.undefined()
                    if null is None:
                        missing.append(f"{kind}: {why}")
                rows.append({**row, "undefined": "; ".join(missing)})
    return rows


def _window(window: WindowGeometry, ageing: Mapping[str, Ageing]) -> dict[str, Any]:
    row = _place(window)
    beside, orders, p = nulls(window), reordered(window), p_values(window)
    for name, estimate in estimates(window).items():
        row[name] = estimate.value if name in WITHOUT_INTERVAL else estimate
        if name in beside:
            row[f"{name}_null"] = beside[name]
        if name in p:
            row[f"{name}_p"] = p[name]
        if name in orders:
            row[f"{name}_reordered"] = orders[name]
    reasons = undefined(window)
    family = ageing.get(family_key(window.length, window.stride))
    if family is None:
        reasons["ageing_exponent_*"] = "its family has one window, or none of the lags fits"
    else:
        for lag, fit in zip(family.lag, family.fits, strict=True):
            row[f"ageing_exponent_lag{lag}"] = fit.exponent
            if not fit.exponent.defined:
                reasons[f"ageing_exponent_lag{lag}"] = f"{fit.points} windows; a fit needs three"
    row |= dict.fromkeys(WALK_EXPONENTS)
    row["undefined"] = "; ".join(f"{name}: {why}" for name, why in reasons.items())
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
        pooled = window.exponents
        row |= dict.fromkeys(WALK_EXPONENTS) if pooled is None else walk_exponents(pooled)
        if window.ergodicity is not None:
            found = window.ergodicity
            first = (float(curve[0]) for curve in (found.breaking, found.low, found.high))
            row["ergodicity_breaking"] = Estimate(*first)
            row["ergodicity_breaking_null"] = float(found.brownian[0])
        said = {"exponents": "walk_*", "ergodicity": "ergodicity_breaking"}
        reasons = {said.get(name, name): why for name, why in window.missing.items()}
        row["undefined"] = "; ".join(f"{name}: {why}" for name, why in reasons.items())
        rows.append(row)
    return rows


def _place(window: WindowGeometry | WindowEnsemble | WholeWalk) -> dict[str, Any]:
    return {
        "window_length": window.length,
        "stride": window.stride,
        "window_start": window.start,
    }
