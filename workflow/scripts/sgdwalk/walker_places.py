"""Where an ensemble of walkers goes: along valleys, into basins and out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from sgdwalk.basins import (
    Basins,
    first_passage_times,
    stays,
    time_in_basins,
    visited_basins,
)
from sgdwalk.terrain import Landscape
from sgdwalk.valleys import steps_along_valleys
from sgdwalk.walker import Walks

STEP_BINS = 60


@dataclass(frozen=True, eq=False)
class ValleyStatistics:
    """Steps of all walkers along and across the valleys they are in."""

    inside_share: Annotated[float, "share of steps that begin in a valley"]
    rms_along: Annotated[float, "root mean square step along the valley, inside", "length"]
    rms_across: Annotated[float, "root mean square step across it, inside", "length"]
    edges: Annotated[np.ndarray, "(bins + 1,) logarithmic edges of step lengths", "length"]
    along: Annotated[np.ndarray, "(bins,) share of steps along the valley per bin"]
    across: Annotated[np.ndarray, "(bins,) share of steps across it per bin"]


@dataclass(frozen=True, eq=False)
class BasinStatistics:
    """Visits of W walkers to the K basins of a landscape, in order of their minima."""

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
        "(K,) mean escape time: steps in the basin by escapes from it; inf without one",
        "step",
    ]
    mean_escape_time: Annotated[float, "the same over all basins", "step"]
    reach_deepest: Annotated[np.ndarray, "(W,) steps until the deepest; nan: never", "step"]
    reach_flattest: Annotated[np.ndarray, "(W,) steps until the flattest; nan: never", "step"]
    end_deepest: Annotated[float, "share of walkers whose last visited basin is the deepest"]
    end_flattest: Annotated[float, "share of walkers whose last visited basin is the flattest"]


def valley_statistics(walks: Walks, landscape: Landscape) -> ValleyStatistics:
    """Steps along and across valleys, see `valleys.steps_along_valleys`.

    Args:
        walks: on this landscape.
        landscape: the terrain.

    Returns:
        Root mean squares and histograms over the steps that began in a valley; nan without any.
    """
    resolved = steps_along_valleys(walks, landscape)
    along, across = resolved.along[resolved.inside], resolved.across[resolved.inside]
    moved = np.concatenate([along[along > 0], across[across > 0]])
    low, high = np.quantile(moved, (1e-3, 1)) if moved.size else (1e-3, 1.0)
    edges = np.geomspace(min(low, high / 2), high, STEP_BINS + 1)
    count = max(along.size, 1)
    return ValleyStatistics(
        float(resolved.inside.mean()),
        float(np.sqrt(np.mean(along**2))) if along.size else np.nan,
        float(np.sqrt(np.mean(across**2))) if along.size else np.nan,
        edges,
        np.histogram(along, edges)[0] / count,
        np.histogram(across, edges)[0] / count,
    )


def basin_statistics(walks: Walks, basins: Basins) -> BasinStatistics:
    """Escapes from basins, time in them, and who reaches the deepest and the flattest.

    Stays that the end of the walk cuts off count with their time but not as escapes: the mean
    escape time is then the maximum-likelihood one of an exponential law with censoring.

    Args:
        walks: of the ensemble.
        basins: of the landscape they are on.

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
    )
