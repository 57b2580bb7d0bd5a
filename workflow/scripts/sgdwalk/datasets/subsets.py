"""Random subsets of a dataset in which every class has its share."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from sgdwalk.errors import InputError


def stratified_subset(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Sorted indices of a random subset of ``size`` in which every class has its share.

    Shares are rounded by largest remainder, so they are right to within one.
    """
    classes, counts = np.unique(labels, return_counts=True)
    shares = counts * size / len(labels)
    sizes = np.floor(shares).astype(int)
    extra = np.argsort(sizes - shares, kind="stable")[: size - sizes.sum()]
    sizes[extra] += 1
    order = random_order(len(labels), seed)
    chosen = [order[labels[order] == c][:n] for c, n in zip(classes, sizes, strict=True)]
    return np.sort(np.concatenate(chosen))


def random_order(count: int, seed: int) -> np.ndarray:
    """Random permutation of ``count`` indices, the same with every version of NumPy."""
    return np.argsort(np.random.PCG64(seed).random_raw(count), kind="stable")


def balanced_subset(targets: Tensor, size: int, seed: int = 0) -> np.ndarray:
    """Indices of a random subset with as equal a number of samples per class as there are.

    Args:
        targets: class labels, (N,).
        size: number of samples wanted, 1 to N.
        seed: of the draw.

    Returns:
        Sorted indices, (size,).

    Raises:
        InputError: `size` outside 1..N.
    """
    labels = np.asarray(targets)
    if not 1 <= size <= len(labels):
        raise InputError(f"balanced_subset: size is {size}, allowed 1 to {len(labels)}")
    order = np.random.default_rng(seed).permutation(len(labels))
    # Deal the classes in turn: a sample's turn is how many of its class come before it.
    turn = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    rank = np.empty(len(labels), dtype=int)
    rank[order] = np.arange(len(labels))
    return np.sort(np.lexsort((rank, turn))[:size])
