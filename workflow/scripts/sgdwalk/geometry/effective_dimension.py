"""In how many equal, independent directions a walk moves."""

from __future__ import annotations

from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import as_gram, centred


def effective_dimension(gram: ArrayLike) -> float:
    """Number of equal, independent directions that would make inner products scatter as they do.

    With the mean increment removed, ``(mean G_ii)^2 / mean_{i != j} G_ij^2`` is ``(tr C)^2 / tr
    C^2`` for uncorrelated increments of covariance ``C``. Where increments are correlated in
    time, ``G_ij`` has the mean ``rho tr C`` and, for Gaussian increments whose correlation ``rho``
    depends on ``|i-j|`` alone, the variance ``(1 + rho^2) tr C^2``: so each diagonal's mean is
    removed first and its scatter divided by ``1 + rho^2``, or a strongly correlated walk in many
    dimensions would pass for one in few. Lags up to half the window are used.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments, ``T`` at least 5.

    Returns:
        The effective dimension, at least 1; 1 for a walk that does nothing but drift.

    Raises:
        InputError: ``gram`` is no Gram matrix, or has fewer than 4 increments.
    """
    gram = as_gram(gram)
    values = centred(gram)
    count = len(values)
    if count < 4:
        raise InputError(f"gram: {count} increments; the effective dimension needs at least 4")
    power = values.trace() / count
    if power <= 1e-12 * gram.diagonal().mean():
        return 1.0
    scatter, freedom = 0.0, 0
    for lag in range(1, count // 2 + 1):
        products = values.diagonal(lag)
        mean = products.mean()
        scatter += ((products - mean) ** 2).sum() / (1.0 + min(mean / power, 1.0) ** 2)
        freedom += products.size - 1
    if scatter == 0.0:
        return float("inf")
    return max(1.0, float(power**2 * freedom / scatter))
