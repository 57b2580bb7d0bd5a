"""Exponents of many runs as points of a sweep: one per setting, seeds taken together."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import student_mean

# The paper gives one value per run; which windows it read them from it does not tell.
WINDOW_READ = {"exponent_max": 0, "exponent_long": -1, "crossover_lag": -1}


@dataclass(frozen=True)
class SweepPoint:
    """What the runs of one setting say.

    Attributes:
        settings: training settings without the seed.
        seeds: runs with at least one whole window.
        values: by name in `WINDOW_READ`, from the first or the last window; the interval is the
            fit's for one seed and Student's t across several.
        others: the same numbers of all windows of all seeds, by name.
        diverged_at: step of divergence of each seed that diverged.
    """

    settings: dict[str, Any]
    seeds: int
    values: dict[str, Estimate]
    others: dict[str, np.ndarray]
    diverged_at: list[int] = field(default_factory=list)


def sweep_points(runs: Iterable[tuple[Mapping[str, Any], RunDiffusion]]) -> list[SweepPoint]:
    """One point per setting.

    Args:
        runs: training settings and diffusion of each run.
    """
    groups: dict[str, list[tuple[dict[str, Any], RunDiffusion]]] = {}
    for settings, result in runs:
        setting = {name: value for name, value in settings.items() if name != "seed"}
        groups.setdefault(json.dumps(setting, sort_keys=True), []).append((setting, result))
    return [_point(members) for members in groups.values()]


def _point(members: list[tuple[dict[str, Any], RunDiffusion]]) -> SweepPoint:
    families = [family for _, result in members if (family := result.first_family)]
    values, others = {}, {}
    for name, which in WINDOW_READ.items():
        logarithmic = name == "crossover_lag"
        values[name] = _together([getattr(f[which], name) for f in families], logarithmic)
        others[name] = np.array([float(getattr(w, name)) for f in families for w in f])
    diverged = [r.diverged_at for _, r in members if r.diverged_at is not None]
    return SweepPoint(members[0][0], len(families), values, others, diverged)


def _together(seeds: list[Estimate], logarithmic: bool) -> Estimate:
    """Mean over seeds with Student's interval, in logarithms for a lag; a single one as it is."""
    seeds = [estimate for estimate in seeds if estimate.defined]
    if len(seeds) == 1:
        return seeds[0]
    found = np.array([estimate.value for estimate in seeds])
    return student_mean(np.log(found)).map(math.exp) if logarithmic else student_mean(found)
