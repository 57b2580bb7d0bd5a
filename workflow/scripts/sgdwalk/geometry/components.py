"""Principal components of the walk beside those of a Brownian one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgdwalk.geometry.distances import as_gram, principal_components, squared_distances
from sgdwalk.geometry.effective_dimension import effective_dimension


@dataclass(frozen=True)
class WalkModes:
    """The k leading principal components of a window of T positions.

    Attributes:
        coordinates: (T, k) projected path.
        variance: (k,) explained variance.
        share: (k,) part of the total variance.
        share_low: (k,) lower end of the 95 % interval of `share`.
        share_high: (k,) upper end.
        brownian: (k,) shares of a Brownian walk in many dimensions, `6 / (pi k)**2`.
        brownian_error: (k,) standard deviation of these shares in as many dimensions as the walk
            effectively has.
        brownian_coordinates: (T, k) its cosine components, with this walk's variances.
        dimension: effective dimension of the increments.
    """

    coordinates: np.ndarray
    variance: np.ndarray
    share: np.ndarray
    share_low: np.ndarray
    share_high: np.ndarray
    brownian: np.ndarray
    brownian_error: np.ndarray
    brownian_coordinates: np.ndarray
    dimension: float


def walk_modes(gram: np.ndarray, k: int = 10) -> WalkModes:
    """Principal components of the walk, with the shares a Brownian walk would have.

    Cosines in time with rapidly falling shares look like structure but are what any Brownian walk
    in many dimensions gives. Intervals take each mode's variance for a mean of `dimension` squares
    of independent Gaussians, as it is for a Gaussian walk with independent coordinates: the
    relative variance of a share is then `2 / dimension (1 - 2 share + sum of squared shares)`.

    Args:
        gram: (T-1, T-1) inner products of increments.
        k: number of components.

    Returns:
        The components, their shares, and the Brownian null.

    Raises:
        InputError: if `gram` is no Gram matrix, `k` is not 1 to T-1, or the window has fewer than
            five positions.

    Source: Antognini and Sohl-Dickstein, PCA of high dimensional random walks with comparison to
    neural network training, NeurIPS 2018; Moore, Ahmed and Antia, High dimensional random walks can
    appear low dimensional, J. Theor. Biol. 2018.
    """
    gram = as_gram(gram)
    length = len(gram) + 1
    coordinates, variance = principal_components(gram, k)
    total = squared_distances(gram).sum() / (2 * length * (length - 1))
    share = variance / total
    dimension = effective_dimension(gram)
    order = np.arange(1, k + 1)
    brownian = 6 / (np.pi * order) ** 2
    # Over all modes: the sum of (6 / pi^2 k^2)^2 is 2/5.
    error = _share_error(share, np.sum(share**2), dimension)
    cosine = np.cos(np.pi * np.outer(np.arange(length) + 0.5, order) / length)
    scale = np.sqrt(2 * variance * (length - 1) / length)
    sign = np.where(np.einsum("tk,tk->k", cosine, coordinates) < 0, -1.0, 1.0)
    return WalkModes(
        coordinates,
        variance,
        share,
        np.clip(share - 1.96 * error, 0, 1),
        np.clip(share + 1.96 * error, 0, 1),
        brownian,
        _share_error(brownian, 2 / 5, dimension),
        cosine * scale * sign,
        dimension,
    )


def _share_error(share: np.ndarray, squares: float, dimension: float) -> np.ndarray:
    return share * np.sqrt(np.maximum(2 / dimension * (1 - 2 * share + squares), 0))
