"""Leading eigenpairs of a network's Hessian, in one call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from sgdwalk.hessian.lanczos import Eigenpairs, extreme_eigenpairs
from sgdwalk.hessian.product import GIBIBYTE, Data, HessianProduct


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
