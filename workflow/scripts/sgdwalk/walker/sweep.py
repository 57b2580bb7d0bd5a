"""Sweeps of the walker: exponents and shares over noise, learning rate and draws of a terrain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sgdwalk.files import hdf5
from sgdwalk.fits.intervals import interval
from sgdwalk.walker.analysis import held_shares, selections
from sgdwalk.walker.basins import Basins, first_passage_times, visited_basins
from sgdwalk.walker.diffusion import stage_diffusion, stages
from sgdwalk.walker.terrain import Terrain
from sgdwalk.walker.walk import simulate_walkers

RESULTS = {
    "held_share": "share of walkers that a wall held for at least one step",
    "frozen_share": "share of walkers that a wall held at the last step",
    "exponent_initial": "largest exponent of the initial stage, all walkers",
    "exponent_final": "exponent of the last regime of the final stage, all walkers",
    "exponent_initial_free": "the first for walkers never held",
    "exponent_final_free": "the second for walkers never held",
    "reach_deepest": "share of walkers that reach the deepest basin",
    "reach_flattest": "share of walkers that reach the flattest basin",
}


@dataclass(frozen=True)
class Mean:
    """Mean over draws of a terrain with its 95 % interval (Student); nan ends for one draw."""

    value: float
    low: float
    high: float
    draws: int


def sweep_point(
    terrain: Terrain, basins: Basins, *, stage: int, seed: int, **walk
) -> dict[str, float]:
    """Simulate one ensemble and reduce it to the numbers of `RESULTS`.

    Args:
        terrain: that is walked on.
        basins: of it.
        stage: steps in the initial and in the final stage.
        seed: of the walk.
        **walk: other arguments of `walk.simulate_walkers`.

    Returns:
        A number for each key of `RESULTS`; exponents are nan where fewer than five walkers moved.

    Raises:
        InputError: as `walk.simulate_walkers`.
    """
    walks = simulate_walkers(terrain, seed=seed, **walk)
    spans = stages(walks.losses.shape[1] - 1, stage)
    held, frozen = held_shares(walks)
    exponents = {}
    for selection, some in selections(walks).items():
        for name, key in (("initial", "exponent_max"), ("final", "exponent_long")):
            if some is walks and selection == "free":
                exponents[name, "free"] = exponents[name, "all"]
            else:
                stage_result = stage_diffusion(some, *spans[name])
                exponents[name, selection] = getattr(stage_result, key)[0]
    visited = visited_basins(basins, walks.positions)
    reach = (
        np.mean(np.isfinite(first_passage_times(visited, basin)))
        for basin in (basins.deepest, basins.flattest)
    )
    values = (
        held,
        frozen,
        exponents["initial", "all"],
        exponents["final", "all"],
        exponents.get(("initial", "free"), np.nan),
        exponents.get(("final", "free"), np.nan),
        *reach,
    )
    return {name: float(value) for name, value in zip(RESULTS, values, strict=True)}


def over_draws(values: Sequence[float]) -> Mean:
    """Mean of one number over draws of a terrain; draws without it are left out."""
    found = np.array([value for value in values if np.isfinite(value)])
    if found.size == 0:
        return Mean(np.nan, np.nan, np.nan, 0)
    error = found.std(ddof=1) / np.sqrt(found.size) if found.size > 1 else np.nan
    ends = interval(found.mean(), error, found.size - 1)
    return Mean(ends.value, ends.low, ends.high, found.size)


def write(path: str | Path, points: list[dict], origin: dict) -> None:
    """Write points of a sweep: their settings, and the results by name.

    Args:
        path: the file to make.
        points: settings and results of each, in one dict; settings are the keys not in `RESULTS`.
        origin: where the file comes from.
    """
    with hdf5.create(path, "walker_sweep", origin) as file:
        for name in points[0]:
            column = [np.nan if point[name] is None else point[name] for point in points]
            hdf5.put(file, name, column, RESULTS.get(name, f"setting: {name}"))


def read(path: str | Path) -> list[dict]:
    """Read what `write` wrote: one dict per point.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "walker_sweep") as file:
        columns = {name: data[()].tolist() for name, data in file.items()}
        shared = hdf5.origin(file)["terrain"]
    rows = zip(*columns.values(), strict=True)
    return [{**shared, **dict(zip(columns, row, strict=True))} for row in rows]
