"""Sweeps of the walker: exponents and shares over noise, learning rate and draws of a terrain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from sgdwalk.diffusion.regimes import WIDEST
from sgdwalk.files import hdf5, records
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import student_mean
from sgdwalk.walker.analysis import FROZEN, HELD, held_shares, selections
from sgdwalk.walker.basins import Basins, find_basins, first_passage_times, visited_basins
from sgdwalk.walker.diffusion import stage_diffusion, stages
from sgdwalk.walker.terrain import Terrain, make_terrain
from sgdwalk.walker.walk import simulate_walkers

KIND = "walker_sweep"
SETTINGS = ("learning_rate", "noise", "seed", "steps", "walkers")
RESULTS = (
    "held_share",
    "frozen_share",
    "exponent_initial",
    "exponent_final",
    "exponent_initial_free",
    "exponent_final_free",
    "reach_deepest",
    "reach_flattest",
)
_EXPONENTS = tuple(name for name in RESULTS if name.startswith("exponent_"))


@dataclass(frozen=True)
class WalkerPoint:
    """One ensemble of a sweep: its `SETTINGS` and its `RESULTS`.

    Exponents are nan where `undefined` says why.
    """

    learning_rate: Annotated[float, "setting: learning_rate", "length^2/loss"]
    noise: Annotated[float, "setting: noise", "length"]
    seed: Annotated[int, "setting: seed"]
    steps: Annotated[int, "setting: steps", "step"]
    walkers: Annotated[int, "setting: walkers"]
    held_share: Annotated[float, HELD]
    frozen_share: Annotated[float, FROZEN]
    exponent_initial: Annotated[float, "largest exponent of the initial stage, all walkers"]
    exponent_final: Annotated[float, "exponent of the last regime of the final stage, all walkers"]
    exponent_initial_free: Annotated[float, "the first for walkers never held"]
    exponent_final_free: Annotated[float, "the second for walkers never held"]
    reach_deepest: Annotated[float, "share of walkers that reach the deepest basin"]
    reach_flattest: Annotated[float, "share of walkers that reach the flattest basin"]
    undefined: Annotated[str, "why exponents are nan, name: why; name: why"] = ""

    @property
    def missing(self) -> dict[str, str]:
        """The same by name."""
        parts = (part.partition(": ") for part in self.undefined.split("; ") if part)
        return {name: why for name, _, why in parts}


@dataclass(frozen=True)
class SweepResult:
    """All points on the draws of one terrain; `origin["terrain"]` says what they share."""

    points: tuple[WalkerPoint, ...]
    origin: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepMean:
    """Points that differ in the seed alone, put together.

    Attributes:
        settings: that they share, those of the terrain first.
        draws: how many points.
        means: over them, by name in `RESULTS`; points without a number are left out.
        counts: of points that have the number, likewise.
        missing: likewise, where points are left out or there is no interval: how many and why.
    """

    settings: dict[str, Any]
    draws: int
    means: dict[str, Estimate]
    counts: dict[str, int]
    missing: dict[str, str]


def analyse(
    terrain: Mapping[str, Any],
    points: Iterable[Mapping[str, Any]],
    stage: int,
    basin_depth: float,
) -> SweepResult:
    """Simulate all points of a sweep on draws of one terrain.

    Args:
        terrain: its kind and parameters, see `terrain.make_terrain`.
        points: `SETTINGS` of each; the seed is that of the draw and of its walk.
        stage: steps in the initial and in the final stage.
        basin_depth: depth from which on a basin counts, units of loss.

    Returns:
        Points by seed, then in the order they were given.

    Raises:
        InputError: as `terrain.make_terrain`, `basins.find_basins` and `walk.simulate_walkers`.
    """
    kind, parameters = terrain["kind"], {k: v for k, v in terrain.items() if k != "kind"}
    by_seed: dict[int, list[Mapping[str, Any]]] = {}
    for point in points:
        by_seed.setdefault(point["seed"], []).append(point)
    found = []
    for seed, of_draw in sorted(by_seed.items()):
        draw = make_terrain(kind, seed, **parameters)
        basins = find_basins(draw, basin_depth)
        found += [sweep_point(draw, basins, settings, stage) for settings in of_draw]
    return SweepResult(tuple(found))


def sweep_point(
    terrain: Terrain, basins: Basins, settings: Mapping[str, Any], stage: int
) -> WalkerPoint:
    """Simulate one ensemble and reduce it to the numbers of `RESULTS`.

    Args:
        terrain: that is walked on.
        basins: of it.
        settings: of the walk, `SETTINGS`.
        stage: steps in the initial and in the final stage.

    Raises:
        InputError: as `walk.simulate_walkers`.
    """
    walks = simulate_walkers(terrain, **settings)
    spans = stages(walks.losses.shape[1] - 1, stage)
    held, frozen = held_shares(walks)
    exponents: dict[str, Any] = dict.fromkeys(_EXPONENTS, np.nan)
    missing = dict.fromkeys(_EXPONENTS, "a wall held every walker")
    for selection, some in selections(walks).items():
        for stage_name, key in (("initial", "exponent_max"), ("final", "exponent_long")):
            name = f"exponent_{stage_name}"
            if selection == "free":
                name += "_free"
            if some is walks and selection == "free":
                of_all = name.removesuffix("_free")
                exponents[name], missing[name] = exponents[of_all], missing[of_all]
                continue
            stage_result = stage_diffusion(some, *spans[stage_name])
            exponents[name] = float(getattr(stage_result, key))
            missing[name] = (
                f"an interval wider than {WIDEST:g}"
                if stage_result.regimes
                else stage_result.missing[key]
            )
    undefined = (f"{n}: {missing[n]}" for n, value in exponents.items() if np.isnan(value))
    visited = visited_basins(basins, walks.positions)
    deepest, flattest = (
        float(np.mean(np.isfinite(first_passage_times(visited, basin))))
        for basin in (basins.deepest, basins.flattest)
    )
    return WalkerPoint(
        **settings,
        held_share=held,
        frozen_share=frozen,
        **exponents,
        reach_deepest=deepest,
        reach_flattest=flattest,
        undefined="; ".join(undefined),
    )


def averaged(result: SweepResult) -> list[SweepMean]:
    """Means over draws of the terrain, in the order of their first points."""
    shared = result.origin.get("terrain", {})
    groups: dict[tuple[Any, ...], list[WalkerPoint]] = {}
    varied = [name for name in SETTINGS if name != "seed"]
    for point in result.points:
        groups.setdefault(tuple(getattr(point, name) for name in varied), []).append(point)
    means = []
    for values, points in groups.items():
        of = {name: [getattr(p, name) for p in points] for name in RESULTS}
        counts = {name: int(np.isfinite(found).sum()) for name, found in of.items()}
        missing = {name: _left_out(name, counts[name], points) for name in RESULTS}
        means.append(
            SweepMean(
                {**shared, **dict(zip(varied, values, strict=True))},
                len(points),
                {name: student_mean(found) for name, found in of.items()},
                counts,
                {name: why for name, why in missing.items() if why},
            )
        )
    return means


def _left_out(name: str, count: int, points: list[WalkerPoint]) -> str:
    """How many draws have a number, if not all, and why; whether so few have an interval."""
    said = []
    if count < len(points):
        reasons = Counter(p.missing.get(name, "not finite") for p in points if _empty(p, name))
        others = ", ".join(f"{why} in {times}" for why, times in reasons.items())
        said.append(f"{count} of {len(points)} draws, {others}")
    if count == 1:
        said.append("one draw has no interval")
    return ", ".join(said)


def _empty(point: WalkerPoint, name: str) -> bool:
    return not np.isfinite(getattr(point, name))


def write(path: str | Path, result: SweepResult, origin: Mapping[str, Any]) -> None:
    """Write a sweep; `origin["terrain"]` holds what all of its points share."""
    with hdf5.create(path, KIND, origin) as file:
        records.write_columns(file, result.points, WalkerPoint)


def read(path: str | Path) -> SweepResult:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, KIND) as file:
        return SweepResult(records.read_columns(file, WalkerPoint), hdf5.origin(file))
