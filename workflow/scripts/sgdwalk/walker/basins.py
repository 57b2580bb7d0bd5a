"""Basins of a terrain, and how walkers find, stay in and leave them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.walker.terrain import Terrain
from sgdwalk.walker.walk import Walks
from sgdwalk.walker.watershed import catchments, merge_shallow


@dataclass(frozen=True, eq=False)
class Basins:
    """The K basins of a terrain that are at least `min_depth` deep.

    Each grid point belongs to the basin it descends into. The core of a basin is its part less than
    `min_depth` above its minimum: it lies below every pass out of the basin, so a walker there is
    in no other basin, and small ripples on a ridge make no visits.

    Attributes:
        min_depth: threshold of depth and height of the cores, units of loss.
        labels: basin of each grid point, `(N, M)`, int32.
        core: whether the grid point is in the core of its basin, `(N, M)`.
        minimum: lowest loss, `(K,)`.
        position: where it is, `(K, 2)`.
        depth: height of the lowest pass to a deeper basin above the minimum, `(K,)`; inf for the
            deepest.
        area: of the basin, `(K,)`; all together have the square's area 4.
        core_area: of its core, `(K,)`: the larger, the flatter the basin.
    """

    min_depth: float
    labels: np.ndarray
    core: np.ndarray
    minimum: np.ndarray
    position: np.ndarray
    depth: np.ndarray
    area: np.ndarray
    core_area: np.ndarray

    @property
    def deepest(self) -> int:
        """Basin with the lowest minimum."""
        return int(np.argmin(self.minimum))

    @property
    def flattest(self) -> int:
        """Basin with the largest core."""
        return int(np.argmax(self.core_area))

    @property
    def curvature(self) -> np.ndarray:
        """Effective curvature `(K,)`, `2 pi min_depth / core_area`.

        For a quadratic minimum it is the geometric mean of the two curvatures.
        """
        return 2 * np.pi * self.min_depth / self.core_area


@dataclass(frozen=True, eq=False)
class Stays:
    """Uninterrupted stays of walkers in basins, V of them, by walker and then by time.

    Attributes:
        walker: `(V,)`.
        basin: `(V,)`.
        entry: index of the first position of the stay, `(V,)`.
        duration: steps until another basin's core is reached, or until the walk ends, `(V,)`.
        escaped: False where the walk ends first: the duration is then a lower bound, `(V,)`.
    """

    walker: np.ndarray
    basin: np.ndarray
    entry: np.ndarray
    duration: np.ndarray
    escaped: np.ndarray


def find_basins(terrain: Terrain, min_depth: float) -> Basins:
    """Divide a terrain into basins.

    Every grid point points to the steepest descent among its eight neighbours; connected points of
    equal loss count as one. Following the pointers gives the catchment of every local minimum.
    Then passes are opened from the lowest up: where a pass joins two sets of catchments, the
    shallower set, if its depth (pass minus minimum) is below `min_depth`, joins the basin across.

    Args:
        terrain: to divide.
        min_depth: depth from which on a basin counts, units of loss, > 0. The walker's effective
            temperature `sigma^2 / (2 eta)` (0.0025 by default) is what to compare it with.

    Returns:
        The basins, in order of their minima.

    Raises:
        InputError: `min_depth` is not positive.

    Source: topological persistence of minima, Edelsbrunner, Letscher and Zomorodian, Discrete
    Comput. Geom. 28, 511 (2002); watersheds by steepest descent, Beucher and Meyer (1993).
    """
    if not 0 < min_depth < np.inf:
        raise InputError(f"min_depth: {min_depth}; a positive height is needed")
    loss = terrain.values
    catchment, lowest = catchments(loss, terrain.spacing)
    basin_of, depth = merge_shallow(catchment, loss, loss.flat[lowest], min_depth)
    survivors = np.flatnonzero(basin_of == np.arange(len(lowest)))
    survivors = survivors[np.argsort(loss.flat[lowest[survivors]], kind="stable")]
    rank = np.empty(len(lowest), dtype=np.int32)
    rank[survivors] = np.arange(len(survivors))
    labels = rank[basin_of[catchment]]
    minimum = loss.flat[lowest[survivors]]
    core = loss < minimum[labels] + min_depth
    weight = np.multiply.outer(*(_share(n) for n in loss.shape))
    row, column = np.unravel_index(lowest[survivors], loss.shape)
    count = len(survivors)
    return Basins(
        min_depth=min_depth,
        labels=labels,
        core=core,
        minimum=minimum,
        position=np.stack([terrain.x[row], terrain.y[column]], axis=1),
        depth=depth[survivors],
        area=np.bincount(labels.ravel(), weight.ravel(), count),
        core_area=np.bincount(labels[core], weight[core], count),
    )


def visited_basins(basins: Basins, positions: np.ndarray) -> np.ndarray:
    """Basin in whose core each walker has last been.

    Args:
        basins: of the terrain walked on.
        positions: `(W, T, 2)`; each counts for its nearest grid point.

    Returns:
        Basin `(W, T)`, int32; -1 before a walker's first visit to a core.
    """
    shape = np.array(basins.labels.shape)
    nearest = np.rint((np.asarray(positions) + 1) / 2 * (shape - 1)).astype(np.intp)
    index = nearest[..., 0], nearest[..., 1]
    in_core = basins.core[index]
    # Carry the last visit forward along each walk.
    times = np.where(in_core, np.arange(in_core.shape[1]), -1)
    last = np.maximum.accumulate(times, axis=1)
    here = basins.labels[index]
    return np.where(last < 0, np.int32(-1), np.take_along_axis(here, np.maximum(last, 0), axis=1))


def stays(visited: np.ndarray) -> Stays:
    """Cut walks into stays in basins.

    The durations of the stays that ended are the escape times; those of the others are censored.

    Args:
        visited: as from `visited_basins`, `(W, T)`.

    Returns:
        The stays; time before the first visit to a core belongs to none.
    """
    final = visited.shape[1] - 1
    begins = np.ones(visited.shape, dtype=bool)
    begins[:, 1:] = visited[:, 1:] != visited[:, :-1]
    walker, entry = np.nonzero(begins)
    last = np.append(walker[1:] != walker[:-1], True)
    end = np.where(last, final, np.append(entry[1:], 0))
    basin = visited[walker, entry]
    known = basin >= 0
    return Stays(walker[known], basin[known], entry[known], (end - entry)[known], ~last[known])


def time_in_basins(visited: np.ndarray, count: int) -> np.ndarray:
    """Share of all positions of all walkers in each of `count` basins, `(count,)`.

    The shares add up to one less the share of positions before any visit to a core.
    """
    return np.bincount(visited[visited >= 0], minlength=count) / visited.size


def first_passage_times(visited: np.ndarray, basin: int) -> np.ndarray:
    """Steps until each walker first reaches the core of a basin, `(W,)`; nan where it never does.

    The share of walkers that reach it is the share that is not nan.
    """
    there = visited == basin
    return np.where(there.any(axis=1), there.argmax(axis=1), np.nan)


def _share(points: int) -> np.ndarray:
    """Length of the side of the square that belongs to each of its grid points."""
    share = np.full(points, 2.0 / (points - 1))
    share[[0, -1]] /= 2
    return share


@dataclass(frozen=True, eq=False)
class BasinStatistics:
    """Visits of W walkers to the K basins of a terrain, in order of their minima."""

    minimum: Annotated[np.ndarray, "(K,) lowest loss of each basin", "loss"]
    position: Annotated[np.ndarray, "(K, 2) where it is", "length"]
    depth: Annotated[np.ndarray, "(K,) of the lowest pass to a deeper one; inf: none", "loss"]
    core_area: Annotated[np.ndarray, "(K,) area less than the threshold above it", "length^2"]
    deepest: Annotated[int, "index of the basin with the lowest minimum"]
    flattest: Annotated[int, "index of the basin with the largest core"]
    time_share: Annotated[np.ndarray, "(K,) share of all positions of all walkers in each basin"]
    stays: Annotated[np.ndarray, "(K,) stays in each basin"]
    escapes: Annotated[np.ndarray, "(K,) stays that ended before the walk"]
    escape_time: Annotated[
        np.ndarray,
        "(K,) mean escape time: steps in the basin by escapes from it; inf without one, nan "
        "without a stay",
        "step",
    ]
    mean_escape_time: Annotated[float, "the same over all basins", "step"]
    reach_deepest: Annotated[np.ndarray, "(W,) steps until the deepest; nan: never", "step"]
    reach_flattest: Annotated[np.ndarray, "(W,) steps until the flattest; nan: never", "step"]
    end_deepest: Annotated[float, "share of walkers whose last visited basin is the deepest"]
    end_flattest: Annotated[float, "share of walkers whose last visited basin is the flattest"]
    missing: Annotated[dict[str, str], "why mean_escape_time is not finite"] = field(
        default_factory=dict
    )


def basin_statistics(walks: Walks, basins: Basins) -> BasinStatistics:
    """Escapes from basins, time in them, and who reaches the deepest and the flattest.

    Stays that the end of the walk cuts off count with their time but not as escapes: the mean
    escape time is then the maximum-likelihood one of an exponential law with censoring.

    Args:
        walks: of the ensemble.
        basins: of the terrain they are on.

    Returns:
        Statistics by basin and by walker.

    Source: Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data (2002), ch. 3.
    """
    count = len(basins.minimum)
    visited = visited_basins(basins, walks.positions)
    visits = stays(visited)
    number = np.bincount(visits.basin, minlength=count)
    escapes = np.bincount(visits.basin[visits.escaped], minlength=count)
    steps = np.bincount(visits.basin, visits.duration, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        escape_time = np.where(number > 0, steps / escapes, np.nan)
        overall = np.float64(steps.sum()) / escapes.sum()
    missing = {}
    if not number.sum():
        missing["mean_escape_time"] = "no walker came to the core of a basin"
    elif not escapes.sum():
        missing["mean_escape_time"] = "no walker left a basin for another one's core"
    return BasinStatistics(
        basins.minimum,
        basins.position,
        basins.depth,
        basins.core_area,
        basins.deepest,
        basins.flattest,
        time_in_basins(visited, count),
        number,
        escapes,
        escape_time,
        float(overall),
        first_passage_times(visited, basins.deepest),
        first_passage_times(visited, basins.flattest),
        float(np.mean(visited[:, -1] == basins.deepest)),
        float(np.mean(visited[:, -1] == basins.flattest)),
        missing,
    )
