"""Rows of the walker table: ensembles and points of sweeps, each with its intervals."""

from __future__ import annotations

import numpy as np

from sgdwalk.walker.diffusion import EXPONENTS
from sgdwalk.walker.file import WalkerRecord
from sgdwalk.walker.sweep import RESULTS, Mean, over_draws

# The number that stands for a stage: how fast the descent is, and how the walk goes on in the end.
STAGE_EXPONENTS = {"initial": "exponent_max", "final": "exponent_long"}
_SAME_IN_BOTH = {"exponent_initial", "exponent_final"}


def terrain_rows(name: str, record: WalkerRecord) -> list[dict]:
    """Rows of one ensemble: all its walkers, and those that no wall ever held, if there are any.

    Args:
        name: of the terrain.
        record: as read from its file.

    Returns:
        One or two rows.
    """
    a = record.analysis
    rows = []
    for selection, by_stage in a.stages.items():
        basins = a.basins[selection]
        row = {
            "terrain": name,
            **record.settings,
            "H": a.ground.H,
            "draws": 1,
            "selection": selection,
            "selected": by_stage["whole"].walkers,
            "roughness_before_floor": a.ground.roughness_before_floor,
            "roughness_measured": a.ground.roughness,
            "held_share": a.held_share,
            "frozen_share": a.frozen_share,
        }
        for stage, exponent in STAGE_EXPONENTS.items():
            row |= _with_interval(f"exponent_{stage}", getattr(by_stage[stage], exponent))
        for exponent in EXPONENTS:
            row |= _with_interval(exponent, getattr(by_stage["whole"], exponent))
        row |= _with_interval("alpha", a.gradients.alpha)
        row |= _with_interval("hurst_walks", a.roughness.hurst)
        row |= {
            "valley_share": a.valleys.inside_share,
            "valley_rms_along": a.valleys.rms_along,
            "valley_rms_across": a.valleys.rms_across,
            "basins": len(basins.minimum),
            "deepest_is_flattest": "yes" if basins.deepest == basins.flattest else "no",
            "reach_deepest": float(np.isfinite(basins.reach_deepest).mean()),
            "reach_flattest": float(np.isfinite(basins.reach_flattest).mean()),
            "end_deepest": basins.end_deepest,
            "end_flattest": basins.end_flattest,
            "time_in_deepest": float(basins.time_share[basins.deepest]),
            "time_in_flattest": float(basins.time_share[basins.flattest]),
            "mean_escape_time": basins.mean_escape_time,
        }
        rows.append(row)
    return rows


def sweep_rows(name: str, points: list[dict]) -> list[dict]:
    """Rows of a sweep: one per setting and selection, averaged over draws of the terrain.

    Args:
        name: of the terrain.
        points: as read from its file.

    Returns:
        Rows with the mean over draws and its 95 % interval (Student).
    """
    rows = []
    for settings, means in averaged(points):
        for selection, suffix in (("all", ""), ("free", "_free")):
            row = {"terrain": name, **settings, "draws": means["held_share"].draws}
            row["selection"] = selection
            for result, mean in means.items():
                if result.removesuffix("_free") in _SAME_IN_BOTH:
                    continue
                row[result] = mean.value
            for result in sorted(_SAME_IN_BOTH):
                mean = means[result + suffix]
                row |= _with_interval(result, np.array([mean.value, mean.low, mean.high]))
            rows.append(row)
    return rows


def averaged(points: list[dict]) -> list[tuple[dict, dict[str, Mean]]]:
    """Points of a sweep that differ in the seed alone, put together.

    Args:
        points: settings and results of each.

    Returns:
        Pairs of shared settings and, by name of result, mean and interval.
    """
    groups: dict[tuple, list[dict]] = {}
    for point in points:
        settings = {k: v for k, v in point.items() if k not in RESULTS and k != "seed"}
        groups.setdefault(tuple(settings.items()), []).append(point)
    return [
        (dict(key), {result: over_draws([p[result] for p in group]) for result in RESULTS})
        for key, group in groups.items()
    ]


def _with_interval(name: str, values: np.ndarray) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(float, values), strict=True))
