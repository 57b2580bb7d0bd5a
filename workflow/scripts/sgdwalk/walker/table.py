"""Rows of the walker table: ensembles and points of sweeps, each with its intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sgdwalk.diffusion.regimes import EXPONENTS
from sgdwalk.walker.analysis import WalkerAnalysis
from sgdwalk.walker.sweep import RESULTS, SweepResult, averaged

# The number that stands for a stage: how fast the descent is, and how the walk goes on in the end.
STAGE_EXPONENTS = {"initial": "exponent_max", "final": "exponent_long"}
# Of the results of a sweep, those that each selection of walkers has its own of.
_BY_SELECTION = ("exponent_final", "exponent_initial")


def terrain_rows(name: str, result: WalkerAnalysis) -> list[dict[str, Any]]:
    """Rows of one ensemble: all its walkers, and those that no wall ever held, if there are any.

    Args:
        name: of the terrain.
        result: as read from its file.

    Returns:
        One or two rows.
    """
    rows = []
    for selection, by_stage in result.stages.items():
        basins = result.basins[selection]
        row: dict[str, Any] = {
            "terrain": name,
            **result.origin["settings"],
            "H": result.ground.H,
            "draws": 1,
            "selection": selection,
            "selected": by_stage["whole"].walkers,
            "roughness_before_floor": result.ground.roughness_before_floor,
            "roughness_measured": result.ground.roughness,
            "roughness_from": float(result.ground.roughness_range[0]),
            "roughness_to": float(result.ground.roughness_range[1]),
            "held_share": result.held_share,
            "frozen_share": result.frozen_share,
        }
        for stage, exponent in STAGE_EXPONENTS.items():
            row[f"exponent_{stage}"] = getattr(by_stage[stage], exponent)
        for exponent in EXPONENTS:
            row[exponent] = getattr(by_stage["whole"], exponent)
        row |= {
            "alpha": result.gradients.alpha,
            "hurst_walks": result.roughness.hurst,
            "hurst_from": result.roughness.resolved,
            "hurst_walkers": result.roughness.walkers,
            "valley_share": result.valleys.inside_share,
            "valley_rms_along": result.valleys.rms_along,
            "valley_rms_across": result.valleys.rms_across,
            "basins": len(basins.minimum),
            "deepest_is_flattest": "yes" if basins.deepest == basins.flattest else "no",
            "reach_deepest": float(np.isfinite(basins.reach_deepest).mean()),
            "reach_flattest": float(np.isfinite(basins.reach_flattest).mean()),
            "end_deepest": basins.end_deepest,
            "end_flattest": basins.end_flattest,
            "time_in_deepest": float(basins.time_share[basins.deepest]),
            "time_in_flattest": float(basins.time_share[basins.flattest]),
            "mean_escape_time": basins.mean_escape_time,
            "undefined": _said(_missing(result, selection)),
        }
        rows.append(row)
    return rows


def _missing(result: WalkerAnalysis, selection: str) -> dict[str, str]:
    """Why numbers of a row are empty, under the names of their columns."""
    ground = dict(result.ground.missing)
    found = {
        column: ground[name]
        for column, name in (
            ("H", "H"),
            ("roughness_before_floor", "roughness_before_floor"),
            ("roughness_measured", "roughness"),
        )
        if name in ground
    }
    by_stage = result.stages[selection]
    for stage, exponent in STAGE_EXPONENTS.items():
        if exponent in by_stage[stage].missing:
            found[f"exponent_{stage}"] = by_stage[stage].missing[exponent]
    whole = by_stage["whole"].missing
    found |= {exponent: whole[exponent] for exponent in EXPONENTS if exponent in whole}
    for column, name, missing in (
        ("alpha", "alpha", result.gradients.missing),
        ("hurst_walks", "hurst", result.roughness.missing),
        ("valley_rms_along", "rms_along", result.valleys.missing),
        ("valley_rms_across", "rms_across", result.valleys.missing),
        ("mean_escape_time", "mean_escape_time", result.basins[selection].missing),
    ):
        if name in missing:
            found[column] = missing[name]
    return found


def _said(missing: Mapping[str, str]) -> str:
    """One cell, in which a semicolon ends a reason."""
    return "; ".join(f"{name}: {why.replace('; ', ', ')}" for name, why in missing.items())


def sweep_rows(name: str, result: SweepResult) -> list[dict[str, Any]]:
    """Rows of a sweep: one per setting and selection, averaged over draws of the terrain.

    Args:
        name: of the terrain.
        result: as read from its file.

    Returns:
        Rows with the mean over draws and its 95 % interval (Student).
    """
    of_all = [number for number in RESULTS if number.removesuffix("_free") not in _BY_SELECTION]
    rows = []
    for group in averaged(result):
        for selection, suffix in (("all", ""), ("free", "_free")):
            row = {"terrain": name, **group.settings, "draws": group.draws}
            row["selection"] = selection
            row |= {number: group.means[number].value for number in of_all}
            row |= {number: group.means[number + suffix] for number in _BY_SELECTION}
            why = {n: group.missing.get(n + suffix, "") for n in _BY_SELECTION}
            if "H" not in group.settings:
                why["H"] = "the kind's own"
            why["other columns"] = "not measured in sweeps"
            row["undefined"] = _said({n: said for n, said in why.items() if said})
            rows.append(row)
    return rows
