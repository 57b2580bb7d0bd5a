"""Catchments of a grid of heights, and the merging of shallow ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def _neighbour_pairs(
    loss: np.ndarray, spacing: tuple[float, float]
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """For half of the eight directions: indices of the points, of their neighbours, distance."""
    index = np.arange(loss.size, dtype=np.int32).reshape(loss.shape)
    yield index[:-1], index[1:], spacing[0]
    yield index[:, :-1], index[:, 1:], spacing[1]
    yield index[:-1, :-1], index[1:, 1:], np.hypot(*spacing)
    yield index[:-1, 1:], index[1:, :-1], np.hypot(*spacing)


def catchments(loss: np.ndarray, spacing: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Find the catchment of every local minimum.

    Every grid point points to the steepest descent among its eight neighbours; connected points of
    equal height descend together, where the steepest of them does.

    Args:
        loss: heights `(N, M)`.
        spacing: distance of neighbouring points along the two axes.

    Returns:
        Catchment of each grid point `(N, M)`, 0 to C-1, and the flat index of the lowest point of
        each catchment `(C,)`.

    Source: watersheds by steepest descent, Beucher and Meyer (1993).
    """
    flat = loss.ravel()
    slope = np.zeros(loss.size)
    target = np.arange(loss.size, dtype=np.int32)
    level = []  # pairs of equal loss
    for here, there, distance in _neighbour_pairs(loss, spacing):
        here, there = here.ravel(), there.ravel()
        drop = (flat[here] - flat[there]) / distance
        level.append(np.stack([here, there])[:, drop == 0])
        for source, sink, fall in ((here, there, drop), (there, here, -drop)):
            steeper = fall > slope[source]
            slope[source[steeper]] = fall[steeper]
            target[source[steeper]] = sink[steeper]
    pairs = np.concatenate(level, axis=1)
    if pairs.size:
        _drain_plateaus(pairs, slope, target)
    while True:  # pointer jumping: twice as far in each round
        further = target[target]
        if np.array_equal(further, target):
            break
        target = further
    lowest, catchment = np.unique(target, return_inverse=True)
    return catchment.reshape(loss.shape), lowest


def _drain_plateaus(pairs: np.ndarray, slope: np.ndarray, target: np.ndarray) -> None:
    """Let all points of a plateau descend where its steepest one does; in place."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(pairs.shape[1], dtype=bool), tuple(pairs)), shape=(len(slope),) * 2)
    _, plateau = connected_components(graph, directed=False)
    members = np.unique(pairs)
    # By plateau, steepest first: the first of each plateau is its outlet (its bottom if closed).
    order = members[np.lexsort((-slope[members], plateau[members]))]
    _, first, group = np.unique(plateau[order], return_index=True, return_inverse=True)
    outlet = order[first]
    others = np.ones(len(order), dtype=bool)
    others[first] = False
    target[order[others]] = outlet[group[others]]


def merge_shallow(
    catchment: np.ndarray, loss: np.ndarray, minimum: np.ndarray, min_depth: float
) -> tuple[np.ndarray, np.ndarray]:
    """Merge catchments shallower than `min_depth` into their neighbours.

    Passes are opened from the lowest up. Where one joins two sets of catchments, the set with the
    higher minimum has found its depth, pass minus minimum; below `min_depth` it joins the basin on
    the other side of the pass.

    Args:
        catchment: of each grid point, `(N, M)`.
        loss: heights `(N, M)`.
        minimum: lowest height of each catchment, `(C,)`.
        min_depth: > 0.

    Returns:
        For each catchment the deepest catchment of its basin `(C,)`, and its depth `(C,)`; inf for
        the deepest of all.

    Source: persistence of minima, Edelsbrunner, Letscher and Zomorodian, Discrete Comput. Geom. 28,
    511 (2002).
    """
    first, second, height = _passes(catchment, loss)
    count = len(minimum)
    depth = np.full(count, np.inf)
    joined = list(range(count))  # sets of catchments connected by the passes opened so far
    basin = list(range(count))  # catchments merged into one basin

    def root(parents: list[int], node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    # The root of a joined set is its deepest catchment; ties go to the first.
    for a, b, top in zip(first.tolist(), second.tolist(), height.tolist(), strict=True):
        deep, shallow = root(joined, a), root(joined, b)
        across = a
        if (minimum[shallow], shallow) < (minimum[deep], deep):
            deep, shallow, across = shallow, deep, b
        depth[shallow] = top - minimum[shallow]
        joined[shallow] = deep
        if depth[shallow] < min_depth:
            # All of the shallow set was merged into its root before, as nothing in it is deeper.
            basin[shallow] = root(basin, across)
    return np.array([root(basin, k) for k in range(count)]), depth


def _passes(catchment: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Passes that suffice to connect all catchments as low as possible, from the lowest up."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    count = int(catchment.max()) + 1
    flat, owner = loss.ravel(), catchment.ravel()
    keys, heights = [], []
    for here, there, _ in _neighbour_pairs(loss, (1.0, 1.0)):
        here, there = here.ravel(), there.ravel()
        a, b = owner[here].astype(np.int64), owner[there].astype(np.int64)
        crossing = a != b
        a, b = a[crossing], b[crossing]
        keys.append(np.minimum(a, b) * count + np.maximum(a, b))
        heights.append(np.maximum(flat[here[crossing]], flat[there[crossing]]))
    key, height = np.concatenate(keys), np.concatenate(heights)
    order = np.lexsort((height, key))
    key, kept = np.unique(key[order], return_index=True)
    # The tree is found on ranks: a sparse graph takes a height of zero for no edge.
    levels, rank = np.unique(height[order][kept], return_inverse=True)
    graph = coo_array((rank + 1.0, (key // count, key % count)), shape=(count, count))
    tree = minimum_spanning_tree(graph.tocsr()).tocoo()
    order = np.argsort(tree.data, kind="stable")
    return tree.row[order], tree.col[order], levels[tree.data[order].astype(np.intp) - 1]
