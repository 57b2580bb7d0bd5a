"""The increments of a walk in random order: the walk without its memory."""

from __future__ import annotations

import numpy as np


def shuffled(gram: np.ndarray, seed: int) -> np.ndarray:
    """Return the Gram matrix of the same increments in random order.

    Args:
        gram: (T-1, T-1) inner products of increments.
        seed: of the order.

    Returns:
        (T-1, T-1) matrix with rows and columns permuted alike.
    """
    order = np.random.default_rng(seed).permutation(len(gram))
    return gram[np.ix_(order, order)]
