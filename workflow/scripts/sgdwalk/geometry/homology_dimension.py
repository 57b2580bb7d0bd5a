"""Persistent-homology dimension of the trajectory, through minimum spanning trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.intervals import log_slope


@dataclass(frozen=True)
class HomologyDimension:
    """Lengths of minimum spanning trees and the dimension they scale with."""

    size: Annotated[np.ndarray, "(n,) numbers of positions sampled"]
    length: Annotated[
        np.ndarray, "(R, n) weighted lengths of their trees, of R repetitions", "parameter"
    ]
    dimension: Annotated[
        float, "persistent-homology dimension of degree 0; nan where lengths grow too fast for one"
    ]


def homology_dimension(
    squared_distance: np.ndarray,
    seed: int,
    power: float = 1.0,
    sizes: int = 5,
    repetitions: int = 3,
) -> HomologyDimension:
    """Persistent-homology dimension of degree 0 of the positions visited.

    The lifetimes of connected components in the Vietoris-Rips filtration are the edges of the
    minimum spanning tree. The sum of their powers over random subsamples of n positions grows as
    `n^(1 - power / dimension)`. Subsamples of one window share its positions: their scatter says
    nothing of other windows, so that there is no interval.

    It is a description of the trajectory, not a measure of generalisation: Tan et al. (2024) find
    that its correlation with the generalisation gap is confounded by hyperparameters, fails from
    poor initialisations, and shows model-wise double descent. With the thousand points of a window
    it is also far from its limit: read it beside surrogates of the same walk alone (`surrogates`);
    for independent increments in many dimensions it would be 2.

    Args:
        squared_distance: (T, T) squared distances between positions.
        seed: of the random subsamples.
        power: exponent of the edge lengths.
        sizes: number n of sizes, evenly spaced in the logarithm from T/5 to T.
        repetitions: number R of subsamples of each size.

    Returns:
        Tree lengths and the dimension; `nan` where lengths do not grow slower than the number of
        positions.

    Raises:
        InputError: if the distances are not (T, T) with T of 50 or more, or options make no sense.

    Source: Birdal, Lou, Guibas and Simsekli, NeurIPS 2021; Schweinhart, Adv. Math. 372 (2020);
    Tan, Garcia-Redondo, Wang, Bronstein and Monod, NeurIPS 2024.
    """
    squared_distance = np.asarray(squared_distance)
    length = len(squared_distance)
    if squared_distance.shape != (length, length) or length < 50:
        raise InputError(f"homology: distances {squared_distance.shape}; must be (T, T), T >= 50")
    if power <= 0 or sizes < 3 or repetitions < 2:
        raise InputError(
            f"homology: power {power}, sizes {sizes}, repetitions {repetitions}; "
            "needed are power > 0, three sizes and two repetitions or more"
        )
    distance = np.sqrt(squared_distance)
    rng = np.random.default_rng(seed)
    size = np.unique(np.geomspace(length / 5, length, sizes).round().astype(int))
    lengths = np.empty((repetitions, size.size))
    for column, n in enumerate(size[:-1]):
        for row in range(repetitions):
            chosen = np.sort(rng.choice(length, n, replace=False))
            edges = spanning_tree_edges(distance[np.ix_(chosen, chosen)])
            lengths[row, column] = np.sum(edges**power)
    lengths[:, -1] = np.sum(spanning_tree_edges(distance) ** power)  # all there are, each time
    if not lengths.min() > 0:
        raise InputError("homology: all sampled positions coincide; the walk does not move")
    growth = log_slope(size, np.exp(np.log(lengths).mean(axis=0)))[0]
    return HomologyDimension(size, lengths, power / (1 - growth) if growth < 1 else np.nan)


def spanning_tree_edges(distance: np.ndarray) -> np.ndarray:
    """Edge lengths of the minimum spanning tree of n points, in ascending order.

    Single linkage merges clusters at exactly these lengths; unlike sparse-graph routines it takes
    a distance of zero for an edge.

    Args:
        distance: (n, n) symmetric distances.

    Returns:
        (n-1,) lengths.

    Source: Gower and Ross, Appl. Statist. 18, 54 (1969).
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    return linkage(squareform(distance, checks=False), method="single")[:, 2]
