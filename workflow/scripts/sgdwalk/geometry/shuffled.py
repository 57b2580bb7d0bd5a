"""The increments of a walk in random order: the walk without its memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.geometry.distances import as_gram


def shuffled_order(count: int, seed: int) -> np.ndarray:
    """Return the (count,) indices of increments in random order."""
    return np.random.default_rng(seed).permutation(count)


def shuffled(gram: np.ndarray, seed: int) -> np.ndarray:
    """Return the Gram matrix of the same increments in random order.

    Args:
        gram: (T-1, T-1) inner products of increments.
        seed: of the order.

    Returns:
        (T-1, T-1) matrix with rows and columns permuted alike.
    """
    order = shuffled_order(len(gram), seed)
    return gram[np.ix_(order, order)]


def shuffled_msd(gram: ArrayLike) -> np.ndarray:
    """Return the mean squared displacement of the same increments in random order.

    It is the exact mean over all orders, `lag mean(G_ii) + lag (lag - 1) mean_{i != j}(G_ij)`: a
    mean drift stays, every correlation goes.

    Args:
        gram: (T-1, T-1) inner products of increments.

    Returns:
        (T-1,) mean squared displacements at lags 1 to T-1 records.

    Raises:
        InputError: if `gram` is no Gram matrix.
    """
    values = as_gram(gram)
    count = len(values)
    lag = np.arange(1, count + 1)
    trace = values.trace()
    pairs = max(count * (count - 1), 1)
    return lag * trace / count + lag * (lag - 1.0) * (values.sum() - trace) / pairs
