"""Principal components of the walk beside those of a Brownian one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import CheckedGram, principal_components, squared_distances
from sgdwalk.geometry.effective_dimension import effective_dimension


@dataclass(frozen=True)
class WalkModes:
    """The k leading principal components of a window of T positions."""

    coordinates: Annotated[np.ndarray, "(T, k) positions along the components", "parameter"]
    variance: Annotated[np.ndarray, "(k,) explained variance", "parameter^2"]
    share: Annotated[np.ndarray, "(k,) part of the total variance"]
    share_low: Annotated[np.ndarray, "(k,) low end of the 95 % interval of share"]
    share_high: Annotated[np.ndarray, "(k,) high end of the 95 % interval of share"]
    brownian: Annotated[np.ndarray, "(k,) shares of a Brownian walk in many dimensions, 6/(pi k)^2"]
    brownian_error: Annotated[
        np.ndarray, "(k,) standard deviation of these in as many dimensions as the walk has"
    ]
    brownian_coordinates: Annotated[
        np.ndarray, "(T, k) cosines in time, with this walk's variances", "parameter"
    ]
    dimension: Annotated[float, "effective dimension of the increments"]


def walk_modes(gram: ArrayLike, k: int) -> WalkModes:
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
        InputError: if `gram` is no Gram matrix, `k` is not 1 to T-1, the window has fewer than
            five positions, or the walk does not move.

    Source: Antognini and Sohl-Dickstein, PCA of high dimensional random walks with comparison to
    neural network training, NeurIPS 2018; Moore, Ahmed and Antia, High dimensional random walks can
    appear low dimensional, J. Theor. Biol. 2018.
    """
    checked = CheckedGram.of(gram)
    length = len(checked) + 1
    coordinates, variance = principal_components(checked, k)
    total = squared_distances(checked).sum() / (2 * length * (length - 1))
    if not total > 0:
        raise InputError("components: the walk does not move, so there is no variance to share")
    share = variance / total
    dimension = effective_dimension(checked)
    order = np.arange(1, k + 1)
    brownian = 6 / (np.pi * order) ** 2
    # Over all modes: the sum of (6 / pi^2 k^2)^2 is 2/5.
    error = _share_error(share, float(np.sum(share**2)), dimension)
    cosine = np.cos(np.pi * np.outer(np.arange(length) + 0.5, order) / length)
    scale = np.sqrt(2 * variance * (length - 1) / length)
    sign = np.where(np.einsum("tk,tk->k", cosine, coordinates) < 0, -1.0, 1.0)
    return WalkModes(
        coordinates=coordinates,
        variance=variance,
        share=share,
        share_low=np.clip(share - 1.96 * error, 0, 1),
        share_high=np.clip(share + 1.96 * error, 0, 1),
        brownian=brownian,
        brownian_error=_share_error(brownian, 2 / 5, dimension),
        brownian_coordinates=cosine * scale * sign,
        dimension=dimension,
    )


def _share_error(share: np.ndarray, squares: float, dimension: float) -> np.ndarray:
    return share * np.sqrt(np.maximum(2 / dimension * (1 - 2 * share + squares), 0))
