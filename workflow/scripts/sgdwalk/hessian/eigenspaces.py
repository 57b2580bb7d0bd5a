"""Overlap of eigenspaces, and how much of a vector lies in one."""

from __future__ import annotations

import numpy as np

from sgdwalk.errors import InputError


def subspace_overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two eigenspaces of neighbouring checkpoints, 0 (orthogonal) to 1 (one in other).

    The mean squared cosine of the principal angles, `|A^T B|_F^2 / min(i, j)`; Gur-Ari, Roberts and
    Dyer, arXiv 1812.04754. Random subspaces of dimension i <= j in P dimensions have j / P.

    Args:
        first: orthonormal columns, (P, i).
        second: orthonormal columns, (P, j).

    Raises:
        InputError: the columns differ in length.
    """
    if len(first) != len(second):
        raise InputError(
            f"subspace_overlap: vectors of {len(first)} and {len(second)} parameters, "
            "must be as many"
        )
    return float(((first.T @ second) ** 2).sum() / min(first.shape[1], second.shape[1]))


def share_inside(vector: np.ndarray, vectors: np.ndarray) -> float:
    """Share of |vector|^2 inside the span of eigenvectors, 0 to 1; of a step or a gradient, say.

    Args:
        vector: (P,), not zero. A random one has k / P.
        vectors: orthonormal columns, (P, k).

    Raises:
        InputError: lengths differ, or `vector` is zero or not finite.
    """
    if len(vector) != len(vectors):
        raise InputError(
            f"share_inside: a vector of {len(vector)} parameters among vectors of "
            f"{len(vectors)}, must be as many"
        )
    vector = np.asarray(vector, dtype=np.float64)
    length = np.linalg.norm(vector)
    if not np.isfinite(length) or length == 0:
        raise InputError("share_inside: the vector is zero or not finite")
    return float((((vector / length) @ vectors) ** 2).sum())
