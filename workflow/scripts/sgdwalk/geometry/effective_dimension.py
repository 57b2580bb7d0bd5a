"""In how many equal, independent directions a walk moves."""

from __future__ import annotations

from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import as_gram, centred
from sgdwalk.geometry.spectrum import cosine_modes, pooled_dimension


def effective_dimension(gram: ArrayLike) -> float:
    """Number of equal, independent directions that would make inner products scatter as they do.

    The mean increment is removed. Of increments of covariance ``C`` that do not know each other it
    is ``(tr C)^2 / tr C^2``. It is taken from cosine modes of the increments, which hardly know
    their neighbours however the increments are correlated in time: the ratio of ``I_j I_k``, of
    their powers, to the square of their product, over neighbouring modes (see `spectrum`). A trend
    of the steps' sizes is allowed for; single steps that are much larger than all others are few
    directions.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments, ``T`` at least 5.

    Returns:
        The effective dimension, at least 1; 1 for a walk that does nothing but drift, inf for steps
        that are all at right angles.

    Raises:
        InputError: ``gram`` is no Gram matrix, or has fewer than 4 increments.
    """
    gram = as_gram(gram)
    values = centred(gram)
    count = len(values)
    if count < 4:
        raise InputError(f"gram: {count} increments; the effective dimension needs at least 4")
    if values.trace() <= 1e-12 * gram.trace():
        return 1.0
    return pooled_dimension(cosine_modes(values), 1)
