"""Principal components of the walk, and the shares that a random walk's would have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import CheckedGram, principal_components
from sgdwalk.geometry.effective_dimension import effective_dimension

FRAMES = ("centred", "uncentred", "row_normalised")
# Smaller matrices are diagonalised whole: Lanczos' method needs room for its vectors.
_SMALLEST_LANCZOS = 64
_TOLERANCE = 1e-4  # of an eigenvalue
_ROUNDING = 1e-10  # of all variance: a smaller share is of no direction


@dataclass(frozen=True)
class WalkModes:
    """The k leading principal components of a window of T positions.

    Frames are `centred` (about the mean position), `uncentred` (about the first) and
    `row_normalised` (about the first, each position brought to length 1).
    """

    coordinates: Annotated[
        np.ndarray, "(T, k) positions along the components, centred", "parameter"
    ]
    variance: Annotated[np.ndarray, "(k,) explained variance, centred", "parameter^2"]
    shares: Annotated[
        dict[str, np.ndarray], "(k,) part of the sum of squares along each component, by frame"
    ]
    brownian: Annotated[
        dict[str, np.ndarray],
        "(k,) the same of a Brownian walk in many dimensions, long or at the same steps, by frame",
    ]
    brownian_coordinates: Annotated[
        np.ndarray, "(T, k) the course of that one, with this walk's variances", "parameter"
    ]
    dimension: Annotated[float, "effective dimension of the increments"]


def walk_modes(gram: ArrayLike, k: int, step: np.ndarray | None = None) -> WalkModes:
    """Principal components of the walk, with the shares a Brownian walk would have.

    Cosines in time with rapidly falling shares look like structure but are what any random walk
    in many dimensions gives. What walks in as few dimensions, with steps of the same sizes or of
    the same autocorrelation, have is told by surrogates, see `surrogates`.

    Args:
        gram: (T-1, T-1) inner products of increments.
        k: number of components.
        step: (T,) optimizer steps taken before each position, where these are unequally spaced; the
            Brownian walk is then looked at after as many steps, and not a long one.

    Returns:
        The components, their shares in all frames, and the Brownian ones.

    Raises:
        InputError: if `gram` is no Gram matrix, `k` is not 1 to T-1, the window has fewer than
            five positions, or the walk does not move.

    Source: Moore, Ahmed and Antia, J. Theor. Biol. 2018, High dimensional random walks can appear
    low dimensional; Antognini and Sohl-Dickstein, NeurIPS 2018, PCA of high dimensional random
    walks with comparison to neural network training.
    """
    checked = CheckedGram.of(gram)
    length = len(checked) + 1
    coordinates, variance = principal_components(checked, k)
    shares = variance_shares(checked, k)
    if step is None:
        brownian = {frame: brownian_shares(frame, k) for frame in FRAMES}
        order = np.arange(1, k + 1)
        course = np.cos(np.pi * np.outer(np.arange(length) + 0.5, order) / length)
        scale = np.sqrt(2 * variance * (length - 1) / length)
    else:
        # many dimensions: increments are orthogonal, their squares as long as the time between
        own = np.diag(np.diff(step).astype(float))
        brownian = variance_shares(own, k)
        course, own_variance = principal_components(own, k)
        scale = np.sqrt(variance / np.maximum(own_variance, np.finfo(float).tiny))
    sign = np.where(np.einsum("tk,tk->k", course, coordinates) < 0, -1.0, 1.0)
    return WalkModes(
        coordinates=coordinates,
        variance=variance,
        shares=shares,
        brownian=brownian,
        brownian_coordinates=course * scale * sign,
        dimension=effective_dimension(checked),
    )


def variance_shares(gram: ArrayLike, k: int) -> dict[str, np.ndarray]:
    """Shares of the leading principal components of a walk's positions, in every frame.

    Args:
        gram: (T-1, T-1) inner products of increments.
        k: number of components.

    Returns:
        (k,) shares by frame, largest first; zero for components that there are not.

    Raises:
        InputError: if `gram` is no Gram matrix, or the walk does not move.
    """
    products = CheckedGram.of(gram).values.cumsum(axis=0).cumsum(axis=1)
    square = np.maximum(products.diagonal(), 0.0)
    if not square.max() > 0:
        raise InputError("components: the walk does not move, so there is no variance to share")
    centred = np.pad(products, (1, 0))
    centred -= centred.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    away = square > 0
    length = np.sqrt(square[away])
    rows = products[np.ix_(away, away)] / length / length[:, None]
    parts = zip(FRAMES, (centred, products, rows), strict=True)
    shares = {frame: _leading(part, k) / part.trace() for frame, part in parts}
    return {frame: np.where(share < _ROUNDING, 0.0, share) for frame, share in shares.items()}


def brownian_shares(frame: str, k: int) -> np.ndarray:
    """Shares of the components of a Brownian walk in many dimensions, of many steps.

    Centred they are ``6 / (pi j)^2``: 0.608, 0.152, 0.068, 0.038. Uncentred
    ``8 / (pi (2 j - 1))^2``: 0.811, 0.090, 0.032, 0.017. Rows of length 1 have the covariance
    ``sqrt(min(s, t) / max(s, t))``, whose eigenvalues are ``4 / z_j^2`` with the zeros z of the
    Bessel function J_0: 0.692, 0.131, 0.053, 0.029.

    Args:
        frame: one of `FRAMES`.
        k: number of components.

    Returns:
        (k,) shares, largest first.

    Raises:
        InputError: another frame.
    """
    order = np.arange(1, k + 1)
    if frame == "centred":
        return 6 / (np.pi * order) ** 2
    if frame == "uncentred":
        return 8 / (np.pi * (2 * order - 1)) ** 2
    if frame == "row_normalised":
        from scipy.special import jn_zeros

        return 4 / jn_zeros(0, k) ** 2
    raise InputError(f"frame: {frame!r}; allowed: {', '.join(FRAMES)}")


def _leading(products: np.ndarray, k: int) -> np.ndarray:
    """(k,) largest eigenvalues of inner products of positions, zero where there are fewer."""
    size = len(products)
    if size < max(_SMALLEST_LANCZOS, 4 * k):
        values = np.linalg.eigvalsh(products)[::-1][:k]
    else:
        from scipy.sparse.linalg import eigsh

        # Leading components of walks are near to this; a start that is no choice of theirs, such
        # as ones, would be lost by centring.
        start = np.cos(np.pi * np.arange(size) / size) + 0.5
        values = eigsh(
            products, k, which="LA", return_eigenvectors=False, v0=start, tol=_TOLERANCE
        )[::-1]
    return np.pad(np.maximum(values, 0.0), (0, k - len(values)))
