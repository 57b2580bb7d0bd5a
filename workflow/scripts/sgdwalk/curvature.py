"""Leading eigenpairs of a network's Hessian, and where a walk goes among its eigenvectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from torch import Tensor, nn

from sgdwalk.errors import InputError
from sgdwalk.hessian_product import GIBIBYTE, Data, HessianProduct
from sgdwalk.lanczos import Eigenpairs, extreme_eigenpairs


def leading_eigenpairs(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    data: Data,
    k: int,
    *,
    tolerance: float = 1e-3,
    start: np.ndarray | Tensor | None = None,
    seed: int = 0,
    train_mode: bool = False,
    batch_size: int | None = None,
    memory: int = 2 * GIBIBYTE,
) -> Eigenpairs:
    """The k largest eigenvalues of the Hessian of the mean loss, with eigenvectors and residuals.

    For more of one Hessian (smallest eigenvalues, trace, spectral density) make a `HessianProduct`
    and hand it to `extreme_eigenpairs`, `trace` and `spectral_density`, which share its graph.

    Args:
        model: any `nn.Module`; P = number of its trainable parameters.
        loss: `loss(model(inputs), targets)`, the mean over the samples of a batch.
        data: `(inputs, targets)` or an iterable of such batches; every sample counts the same.
        k: number of pairs, 1 to P.
        tolerance: largest residual, as a fraction of the eigenvalue.
        start: eigenvectors of a neighbouring checkpoint, (P, j), or one vector, (P,).
        seed: of the random vectors.
        train_mode: whether batch norm uses the statistics of each batch (see `HessianProduct`).
        batch_size: samples per batch in train mode; all of them by default.
        memory: bytes that graphs may take, and basis vectors may take once more.

    Returns:
        Eigenpairs: values (k,) in descending order, vectors (P, k), residuals (k,).

    Raises:
        InputError: k or an argument of `HessianProduct` out of range; a Hessian not finite.
    """
    product = HessianProduct(
        model, loss, data, train_mode=train_mode, batch_size=batch_size, memory=memory
    )
    vectors = memory // (2 * product.dimension * product.dtype.itemsize)
    pairs, _ = extreme_eigenpairs(
        product,
        k,
        tolerance=tolerance,
        start=start,
        seed=seed,
        capacity=min(vectors, k + 24),
    )
    return pairs


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


def variance_along(positions: Iterable[np.ndarray], vectors: np.ndarray) -> np.ndarray:
    """Variance of a walk's positions along each eigenvector; to be seen against the eigenvalues.

    The variance-flatness relation of Feng and Tu, PNAS 118, e2015617118 (2021), is between these
    two: in equilibrium variance would fall with curvature, in SGD it grows.

    Args:
        positions: of T steps, (P,) each: an array (T, P), or one by one as a replay makes them.
        vectors: orthonormal columns, (P, k).

    Returns:
        Variances (k,), float64, in the units of the squared parameters; divided by T.

    Raises:
        InputError: fewer than two positions, or of another length than the eigenvectors.
    """
    origin, projections = None, []
    for position in positions:
        if len(position) != len(vectors):
            raise InputError(
                f"variance_along: a position of {len(position)} parameters among vectors of "
                f"{len(vectors)}, must be as many"
            )
        # From the first position on: the walk is short beside its distance from the origin.
        origin = np.array(position, dtype=np.float64) if origin is None else origin
        projections.append((position - origin) @ vectors)
    if len(projections) < 2:
        raise InputError(f"variance_along: {len(projections)} positions, need at least 2")
    return np.var(projections, axis=0)
