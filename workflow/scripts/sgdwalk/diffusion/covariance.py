"""How an estimated MSD scatters: the covariance of its logarithm across lags.

Neighbouring lags average over nearly the same pairs of positions, and a window holds few
independent pairs at long lags, so the errors of an MSD curve are large where the curve is long and
hang together. For a Gaussian walk with stationary increments they follow from the MSD itself.
"""

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.diffusion.lags import as_curve, logarithmic_selection
from sgdwalk.errors import InputError


def msd_covariance(
    lags: ArrayLike,
    msd: ArrayLike,
    effective_dimension: float,
    positions: int,
    stride: int = 1,
) -> np.ndarray:
    """Covariance of the logarithm of a window's time-averaged MSD, across lags.

    For Gaussian displacements ``u_i = x_{i+a} - x_i`` and ``v_j = x_{j+b} - x_j`` in one
    dimension, ``cov(u_i^2, v_j^2) = 2 cov(u_i, v_j)^2`` (Isserlis), and with stationary increments
    ``cov(u_i, v_{i+m}) = (M(m+b) + M(m-a) - M(m) - M(m+b-a)) / 2``, where ``M`` is the true MSD.
    Summed over all pairs of starts, and divided by the number of dimensions, this is the exact
    covariance of the estimate (Qian, Sheetz and Elson 1991, Biophys. J. 60, for Brownian motion;
    Grebenkov 2011, Phys. Rev. E 84, 031124). Relative to the MSD it is, to first order, that of
    the logarithm; in one dimension, at half the window, where its standard deviation is about 1,
    that is still right to a tenth.

    Args:
        lags: ``(n,)`` lags in optimizer steps, multiples of ``stride``.
        msd: ``(n,)`` the MSD believed to be true, e.g. a fitted curve; between and beyond its
            lags it is interpolated and continued as a power law.
        effective_dimension: number of equal, independent directions, at least 1.
        positions: recorded positions ``T`` in the window.
        stride: optimizer steps between recorded positions.

    Returns:
        ``(n, n)`` symmetric, positive semi-definite. Computed at up to 15 lags per decade, and
        interpolated to the others.

    Raises:
        InputError: lags or MSD are no curve, a lag is no multiple of the stride or not within the
            window, or the effective dimension is below 1.
    """
    lags, msd = as_curve(lags, msd)
    if not effective_dimension >= 1:
        raise InputError(f"effective_dimension: {effective_dimension}; must be at least 1")
    index = np.rint(lags / stride).astype(int)
    if not np.allclose(index * stride, lags, rtol=1e-9) or index[-1] >= positions:
        raise InputError(
            f"lags: up to {lags[-1]:g}; must be multiples of the stride {stride} within "
            f"a window of {positions} positions"
        )
    chosen = logarithmic_selection(lags, lags[-1])
    covariance = _relative_covariance(index[chosen], _continued(index, msd, positions), positions)
    covariance /= effective_dimension
    if chosen.size == lags.size:
        return covariance
    weights = _interpolation(np.log(lags), np.log(lags[chosen]))
    return weights @ covariance @ weights.T


def brownian_covariance(lags: ArrayLike, positions: int, stride: float = 1) -> np.ndarray:
    """Covariance of the logarithm of a one-dimensional Brownian walk's MSD, in closed form.

    Displacements over the lags ``a <= b`` share what their intervals overlap: ``a`` where one lies
    within the other, less at either end. The squares summed over all pairs of starts are
    elementary (Qian, Sheetz and Elson 1991, Biophys. J. 60, 910).

    Args:
        lags: ``(n,)`` lags in optimizer steps.
        positions: recorded positions ``T`` in the window.
        stride: optimizer steps between recorded positions.

    Returns:
        ``(n, n)``, as ``msd_covariance``; divide by the effective dimension.

    Raises:
        InputError: a lag is not within the window.
    """
    index = np.asarray(lags, dtype=np.float64) / stride
    if not (index.min() > 0 and index.max() < positions):
        raise InputError(f"lags: up to {np.max(lags):g}; must be within {positions * stride:g}")
    a, b = np.minimum.outer(index, index), np.maximum.outer(index, index)
    starts = positions - b
    # The sum over r = 1 .. r_max of (starts - r) (a - r)^2, by powers of r.
    r = np.minimum(a, starts)
    first, second, third = r * (r + 1) / 2, r * (r + 1) * (2 * r + 1) / 6, (r * (r + 1) / 2) ** 2
    ends = starts * a**2 * r - (2 * starts + a) * a * first + (starts + 2 * a) * second - third
    return 2 * (starts * a**2 * (b - a + 1) + 2 * ends) / ((positions - a) * starts * a * b)


def _continued(index: np.ndarray, msd: np.ndarray, positions: int) -> np.ndarray:
    """``(2 T,)`` MSD at the index lags 0, 1, 2, ..., as power laws between and beyond the given."""
    x, y = np.log(index), np.log(msd)
    every = np.log(np.arange(1, 2 * positions))
    values = np.interp(every, x, y)
    first, last = np.clip([(y[1] - y[0]) / (x[1] - x[0]), (y[-1] - y[-2]) / (x[-1] - x[-2])], 0, 2)
    values += first * np.minimum(every - x[0], 0.0) + last * np.maximum(every - x[-1], 0.0)
    return np.concatenate([[0.0], np.exp(values)])


def _relative_covariance(index: np.ndarray, curve: np.ndarray, positions: int) -> np.ndarray:
    """``(n, n)`` covariance of the one-dimensional estimates, relative to their means."""
    size = index.size
    covariance = np.empty((size, size))
    b = index[:, None]
    starts_b = positions - b
    offset = np.arange(-positions + 1, positions)
    shared = curve[np.abs(offset + b)] - curve[np.abs(offset)]
    for row, a in enumerate(index):
        starts_a = positions - a
        correlation = 0.5 * (shared + curve[np.abs(offset - a)] - curve[np.abs(offset + b - a)])
        pairs = np.minimum(starts_b, starts_a + offset) - np.maximum(0, offset)
        total = (np.maximum(pairs, 0) * correlation**2).sum(axis=1)
        covariance[row] = 2 * total / (starts_a * starts_b[:, 0] * curve[a] * curve[index])
    return _positive(0.5 * (covariance + covariance.T))


def _positive(matrix: np.ndarray) -> np.ndarray:
    """Nearest positive semi-definite matrix: not every curve is the MSD of a Gaussian walk."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


def _interpolation(x: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """``(n, m)`` weights that interpolate linearly from ``nodes`` to ``x``."""
    return np.stack([np.interp(x, nodes, unit) for unit in np.eye(nodes.size)], axis=1)
