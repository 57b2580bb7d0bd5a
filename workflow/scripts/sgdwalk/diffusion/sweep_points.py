"""Exponents of many runs as points of a sweep: one per setting, seeds taken together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sgdwalk.diffusion.file import RunDiffusion
from sgdwalk.recording.window_families import first_family

# The paper gives one value per run; which windows it read them from it does not tell.
WINDOW_READ = {"exponent_max": 0, "exponent_long": -1, "crossover_lag": -1}
_LEVEL = 0.95


@dataclass(frozen=True)
class SweepPoint:
    """What the runs of one setting say.

    Attributes:
        settings: training settings without the seed.
        seeds: runs with at least one whole window.
        values: (value, low, high) by name in `WINDOW_READ`, from the first or the last window; the
            interval is the fit's for one seed and Student's t across several, 95 %; nan where
            undefined.
        others: the same numbers of all windows of all seeds, by name.
        diverged_at: step of divergence of each seed that diverged.
    """

    settings: dict
    seeds: int
    values: dict[str, tuple[float, float, float]]
    others: dict[str, np.ndarray]
    diverged_at: list[int] = field(default_factory=list)


def sweep_points(runs: Iterable[tuple[Mapping, RunDiffusion]]) -> list[SweepPoint]:
    """One point per setting.

    Args:
        runs: training settings and diffusion of each run.
    """
    groups: dict[str, list[tuple[dict, RunDiffusion]]] = {}
    for settings, result in runs:
        setting = {name: value for name, value in settings.items() if name != "seed"}
        groups.setdefault(json.dumps(setting, sort_keys=True), []).append((setting, result))
    return [_point(members) for members in groups.values()]


def _point(members: list[tuple[dict, RunDiffusion]]) -> SweepPoint:
    families = [family for _, result in members if (family := first_family(result.windows))]
    values, others = {}, {}
    for name, which in WINDOW_READ.items():
        logarithmic = name == "crossover_lag"
        values[name] = _together([f[which].exponents[name] for f in families], logarithmic)
        others[name] = np.array([w.exponents[name][0] for f in families for w in f])
    diverged = [r.diverged_at for _, r in members if r.diverged_at is not None]
    return SweepPoint(members[0][0], len(families), values, others, diverged)


def _together(triples: list[tuple[float, float, float]], logarithmic: bool):
    """Mean over seeds with Student's interval, in logarithms for a lag; a single one as it is."""
    triples = [t for t in triples if np.isfinite(t[0])]
    if not triples:
        return (np.nan, np.nan, np.nan)
    if len(triples) == 1:
        return tuple(triples[0])
    from scipy.special import stdtrit

    found = np.array([value for value, _, _ in triples])
    found = np.log(found) if logarithmic else found
    half = stdtrit(len(found) - 1, (1 + _LEVEL) / 2) * found.std(ddof=1) / np.sqrt(len(found))
    ends = np.array([found.mean(), found.mean() - half, found.mean() + half])
    return tuple((np.exp(ends) if logarithmic else ends).tolist())
