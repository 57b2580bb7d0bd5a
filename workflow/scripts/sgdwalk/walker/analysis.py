"""Everything that is measured of one ensemble of walkers on one terrain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.walker.basins import BasinStatistics, basin_statistics, find_basins
from sgdwalk.walker.diffusion import StageDiffusion, stage_diffusion, stages
from sgdwalk.walker.gradients import (
    RESOLVED_CELLS,
    GradientDensity,
    WalkRoughness,
    gradient_density,
    walk_roughness,
)
from sgdwalk.walker.grid_roughness import resolved_roughness
from sgdwalk.walker.terrain import Terrain, make_terrain
from sgdwalk.walker.valleys import ValleyStatistics, valley_statistics
from sgdwalk.walker.walk import Walks, simulate_walkers

HELD = "share of walkers that a wall held for at least one step"
FROZEN = "share of walkers that a wall held at the last step"


@dataclass(frozen=True, eq=False)
class Ground:
    """A terrain and the roughness measured back from it."""

    values: Annotated[np.ndarray, "(N, M) loss at the grid points of [-1, 1]^2, first axis x"]
    H: Annotated[float, "roughness exponent it was made with; nan: has none"]
    cell: Annotated[float, "distance of neighbouring grid points, the larger of x and y", "length"]
    roughness: Annotated[
        float, "roughness exponent measured, second differences over roughness_range"
    ]
    roughness_range: Annotated[np.ndarray, "(2,) shortest and longest distance fitted", "length"]
    roughness_before_floor: Annotated[float, "the same before floor and border are cut"]
    missing: Annotated[
        dict[str, str], "why H, roughness (and its range) or roughness_before_floor is nan"
    ] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class WalkerAnalysis:
    """An ensemble analysed, all walkers (`all`) and those that no wall ever held (`free`)."""

    walks: Annotated[Walks, "walks of W walkers, rounded once they were analysed"]
    ground: Annotated[Ground, "the terrain"]
    held_share: Annotated[float, HELD]
    frozen_share: Annotated[float, FROZEN]
    stages: Annotated[
        dict[str, dict[str, StageDiffusion]],
        "diffusion by selection (all, and free if there are any), then by stage",
    ]
    gradients: Annotated[GradientDensity, "density of the gradient, held steps left out"]
    roughness: Annotated[
        WalkRoughness, "loss along walks of the free walkers (of all, if none is free)"
    ]
    valleys: Annotated[ValleyStatistics, "steps of the same walkers along and across valleys"]
    basins: Annotated[dict[str, BasinStatistics], "visits to basins by selection"]
    origin: dict[str, Any] = field(default_factory=dict)


def selections(walks: Walks) -> dict[str, Walks]:
    """All walkers, and, if there are any, those that no wall ever held.

    A steep wall holds a walker for good. With it the ensemble is what the
    rule of the walk gives; without it, only those are left that started well away from such walls.
    """
    free = walks.stuck == 0
    if free.all():
        return {"all": walks, "free": walks}
    return {"all": walks, **({"free": walks.select(free)} if free.any() else {})}


def held_shares(walks: Walks) -> tuple[float, float]:
    """Share of walkers held at any step, and share held at the last one."""
    last = (walks.positions[:, -1] == walks.positions[:, -2]).all(axis=1) & (walks.stuck > 0)
    return float(np.mean(walks.stuck > 0)), float(last.mean())


def survey(terrain: Terrain) -> Ground:
    """Measure a terrain's roughness back, for `fractal` also before its floor and border are cut.

    What a grid cannot say is nan, with the reason.
    """
    before, missing = float("nan"), {}
    cell = max(terrain.spacing)
    if terrain.kind == "fractal" and terrain.seed is not None:
        size = len(terrain.values)
        bare = make_terrain(
            "fractal", terrain.seed, size=size, H=terrain.H, floor=None, border=None
        )
        raw = resolved_roughness(bare.values)
        before = raw.exponent
        if raw.missing:
            missing["roughness_before_floor"] = raw.missing
    else:
        missing["roughness_before_floor"] = "no floor or border is cut"
    found = resolved_roughness(terrain.values)
    if found.missing:
        missing["roughness"] = found.missing
    if terrain.H is None:
        missing["H"] = "not made with one exponent"
    return Ground(
        terrain.values.astype(np.float32),
        float("nan") if terrain.H is None else float(terrain.H),
        cell,
        found.exponent,
        cell * np.array([found.first, found.last]),
        before,
        missing,
    )


def analyse(
    kind: str, settings: Mapping[str, Any], stage: int, basin_depth: float
) -> WalkerAnalysis:
    """Simulate one ensemble on one terrain and analyse it.

    Args:
        kind: of the terrain, a name or the path of a grid.
        settings: arguments of `walk.simulate_walkers`, and `size` of a terrain that is made by
            name; the seed is that of the terrain too.
        stage: steps in the initial and in the final stage.
        basin_depth: depth from which on a basin counts, units of loss.

    Raises:
        InputError: as `terrain.make_terrain`, `walk.simulate_walkers` and `analyse_walks`.
    """
    walk = dict(settings)
    size = {"size": walk.pop("size")} if "size" in walk else {}
    terrain = make_terrain(kind, walk["seed"], **size)
    return analyse_walks(terrain, simulate_walkers(terrain, **walk), stage, basin_depth)


def analyse_walks(terrain: Terrain, walks: Walks, stage: int, basin_depth: float) -> WalkerAnalysis:
    """Analyse one ensemble on one terrain.

    Args:
        terrain: that is walked on.
        walks: of an ensemble on it.
        stage: steps in the initial and in the final stage.
        basin_depth: depth from which on a basin counts, units of loss.

    Returns:
        The analysis.

    Raises:
        InputError: a stage of fewer than two steps, or a depth that is not positive.
    """
    if stage < 2:
        raise InputError(f"stage: {stage} steps; at least 2 are needed")
    chosen = selections(walks)
    best = chosen.get("free", walks)
    spans = stages(walks.losses.shape[1] - 1, stage)
    basins = find_basins(terrain, basin_depth)
    diffusion: dict[str, dict[str, StageDiffusion]] = {}
    visits: dict[str, BasinStatistics] = {}
    for name, some in chosen.items():
        same = name == "free" and some is walks
        diffusion[name] = (
            diffusion["all"]
            if same
            else {which: stage_diffusion(some, *span) for which, span in spans.items()}
        )
        visits[name] = visits["all"] if same else basin_statistics(some, basins)
    return WalkerAnalysis(
        walks.rounded(),
        survey(terrain),
        *held_shares(walks),
        diffusion,
        gradient_density(walks),
        walk_roughness(best, RESOLVED_CELLS * max(terrain.spacing)),
        valley_statistics(best, terrain),
        visits,
    )
