"""How the MSD of positions at unequal steps scatters about its expectation.

The MSD of a bin of lags is a quadratic form ``tr(A_b G)`` of the increments. If these are Gaussian
with the covariance ``C`` in time, the same in d independent directions, then

    cov(M_a, M_b) = (2 / d) tr(A_a C A_b C).

``C`` and ``d`` are taken from the window. Increments are first brought to one size, by what is
usual around each for the time between its positions; then their correlations are smoothed along
the diagonals, and d is told by frequency from cosine modes, as for equal steps (see `spectrum`). A
path that all realisations share, such as a drift, is in ``C`` too: of a straight one the error that
this adds is common to all lags, so that slopes do not know it.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

from sgdwalk.diffusion.common_path import NONE, noise_and_path
from sgdwalk.diffusion.scatter import Scatter, draw_errors
from sgdwalk.geometry.spectrum import cosine_modes, pooled_dimension

# Width, in increments, over which their size is smoothed; and, as a part of all of them, over which
# correlations are.
SIZE_WIDTH = 4.0
CORRELATION_WIDTH = 1 / 8
NARROWEST = 1.5
# Fewer increments have one dimension, from their faster modes, and not one for every frequency.
FEWEST_BY_FREQUENCY = 24
FAST_PART = 3
# Eigenvalues of a smoothed correlation below this part of the largest are rounding, or negative.
SMALLEST_EIGENVALUE = 1e-9
# Few increments know little of their own covariance: errors are 1 + this / n times as large, as
# coverage of Brownian walks of 10 to 200 increments asks for.
FEW_INCREMENTS = 2.0
_TINY = 1e-12
_LARGEST_DIMENSION = 1e12


def unequal_scatter(
    gram: np.ndarray, steps: np.ndarray, forms: np.ndarray, seed: int = 0
) -> Scatter:
    """Scatter of the log MSD of bins of lags.

    Args:
        gram: (n, n) inner products of increments.
        steps: (n + 1,) optimizer steps of the positions.
        forms: (m, n, n) quadratic form of each bin, as of `LagBins.forms`.
        seed: of the draws.
    """
    size = increment_sizes(gram, np.diff(steps))
    relative = gram / np.outer(size, size)
    dimension, drifts = _dimension(relative)
    correlation = _smoothed(relative, dimension)
    modes = dct(np.eye(len(gram)), type=2, norm="ortho", axis=0)
    # so much smaller by frequency that its square is already divided by the dimension
    quarter = modes.T @ (dimension[:, None] ** -0.25 * modes)
    scattering = quarter @ correlation @ quarter
    sizes = np.outer(size, size)
    mean = np.einsum("bij,ij->b", forms, correlation * sizes)
    products = forms @ (scattering * sizes)
    covariance = 2 * np.einsum("aij,bji->ab", products, products, optimize=True)
    variance = (covariance + covariance.T) / 2 / np.outer(mean, mean)
    sized = modes * size
    power = (modes @ scattering @ modes.T).diagonal()
    parts = np.einsum("ji,bik,jk->jb", sized, forms, sized, optimize=True)
    parts = parts * power[:, None] / mean
    variance = variance * (1 + FEW_INCREMENTS / len(gram)) ** 2
    return Scatter(variance.diagonal(), draw_errors(variance, seed), parts, drifts)


def increment_sizes(gram: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """(n,) what is usual around each increment for the time between its positions.

    Args:
        gram: (n, n) inner products of increments.
        apart: (n,) steps between their positions.
    """
    count = len(gram)
    width = min(max(NARROWEST, CORRELATION_WIDTH * count), SIZE_WIDTH)
    squares = gram.diagonal() + _TINY * max(gram.trace() / count, 1e-300)
    rate, _ = _kernel_mean(np.log(squares / apart), width)
    return np.sqrt(apart * np.exp(rate))


def _dimension(relative: np.ndarray) -> tuple[np.ndarray, bool]:
    """(n,) independent directions by cosine mode, and whether a path in common was found."""
    count = len(relative)
    if count < FEWEST_BY_FREQUENCY:
        one = pooled_dimension(cosine_modes(relative), max(1, count // FAST_PART))
        return np.full(count, min(one, _LARGEST_DIMENSION)), False
    found = noise_and_path(relative)
    dimension = found.noise.dimension(np.arange(count))
    return np.minimum(dimension, _LARGEST_DIMENSION), found.last > NONE


def _smoothed(relative: np.ndarray, dimension: np.ndarray) -> np.ndarray:
    """Correlation in time, smoothed along its diagonals; what chance makes of it is shrunk."""
    count = len(relative)
    width = max(NARROWEST, CORRELATION_WIDTH * count)
    directions = float(np.exp(np.log(dimension).mean()))
    found = np.empty_like(relative)
    for offset in range(count):
        mean, samples = _kernel_mean(relative.diagonal(offset), width)
        if offset:
            chance = 1 / (directions * samples)
            mean = mean * np.maximum(0.0, 1 - chance / np.maximum(mean**2, 1e-300))
        index = np.arange(count - offset)
        found[index, index + offset] = found[index + offset, index] = mean
    values, vectors = np.linalg.eigh(found)
    return (vectors * np.maximum(values, SMALLEST_EIGENVALUE * values[-1])) @ vectors.T


def _kernel_mean(values: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """(n,) means with Gaussian weights, and how many values each is of."""
    index = np.arange(len(values))
    weights = np.exp(-0.5 * ((index[:, None] - index) / width) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ values, 1 / (weights**2).sum(axis=1)
