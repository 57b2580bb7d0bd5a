"""How far the walk gets: mean squared displacements of a window, and its local exponents.

Everything is computed from the Gram matrix of the window's increments (see ``geometry``). Lags are
in optimizer steps: index difference times the window's stride.
"""

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.diffusion.lags import as_curve, logarithmic_selection
from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import as_gram, centred, squared_distances

# Width, in the natural logarithm of the lag, of the Gaussian weights of the local exponent: it
# averages over about a factor 2 of lag to either side.
LOCAL_EXPONENT_WIDTH = 0.35
# The bridge left by removing the drift is too short of long lags to say anything beyond this part.
DRIFT_REMOVED_PART = 4


def mean_squared_displacement(gram: ArrayLike, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Time-averaged mean squared displacement, ``mean_i |x_{i+tau} - x_i|^2``.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments.
        stride: optimizer steps between recorded positions.

    Returns:
        Lags ``(T-1,)``, int64, ``stride .. (T-1) stride`` optimizer steps, and the MSD ``(T-1,)``
        float64 in units of squared parameters.

    Raises:
        InputError: ``gram`` is no Gram matrix, see ``geometry.distances.as_gram``, or the stride
            is not positive.
    """
    distances = squared_distances(gram)
    return _lags(len(distances), stride), _mean_by_lag(distances)


def squared_displacement(gram: ArrayLike, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Squared distance ``|x_tau - x_0|^2`` from the window's first position: no time average.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments.
        stride: optimizer steps between recorded positions.

    Returns:
        Lags ``(T-1,)``, int64, in optimizer steps, and the squared displacement ``(T-1,)``.

    Raises:
        InputError: as ``mean_squared_displacement``.
    """
    distances = squared_distances(gram)
    return _lags(len(distances), stride), distances[0, 1:]


def local_exponent(lags: ArrayLike, msd: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Local diffusion exponent: the smoothed derivative of log MSD by log lag.

    At each of up to 15 lags per decade it is the slope of a straight line fitted to the
    neighbouring ones with Gaussian weights of width 0.35 in the natural logarithm of the lag
    (local linear regression; Fan and Gijbels 1996).

    Args:
        lags: ``(n,)`` lags in optimizer steps. A whole window is used up to half its length.
        msd: ``(n,)`` mean squared displacement.

    Returns:
        Lags ``(m,)`` of the selection and the exponent ``(m,)`` at each.

    Raises:
        InputError: lags or MSD are not positive numbers in order, or hold fewer than two lags.
    """
    lags, msd = as_curve(lags, msd)
    chosen = logarithmic_selection(lags)
    if chosen.size < 2:
        raise InputError(f"lags: {lags.size} of them hold no two up to half the window")
    x, y = np.log(lags[chosen]), np.log(msd[chosen])
    offset = x - x[:, None]
    weight = np.exp(-0.5 * (offset / LOCAL_EXPONENT_WIDTH) ** 2)
    # At the first lags a neighbour may be a factor 2 away: it must count for something.
    weight /= weight.sum(axis=1, keepdims=True)
    centred = offset - (weight * offset).sum(axis=1, keepdims=True)
    return lags[chosen], (weight * centred * y).sum(axis=1) / (weight * centred**2).sum(axis=1)


def drift_removed_msd(gram: ArrayLike, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """MSD of the walk without its mean drift, which alone would give the exponent 2.

    Subtracting the mean increment makes the walk a bridge, whose MSD is too small by the factor
    ``1 - tau/(T-1)`` (exact for uncorrelated increments); it is divided by that.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments.
        stride: optimizer steps between recorded positions.

    Returns:
        Lags in optimizer steps, up to a quarter of the window, and the corrected MSD at them.

    Raises:
        InputError: as ``mean_squared_displacement``, or a window of fewer than 4 positions.
    """
    values = centred(as_gram(gram))
    largest = (len(values) + 1) // DRIFT_REMOVED_PART
    if largest < 1:
        raise InputError(f"gram: a window of {len(values) + 1} positions; must be at least 4")
    lags, msd = mean_squared_displacement(values, stride)
    index = np.arange(1, largest + 1)
    return lags[:largest], msd[:largest] / (1.0 - index / len(values))


def _lags(positions: int, stride: int) -> np.ndarray:
    if stride < 1:
        raise InputError(f"stride: {stride}; must be a positive number of optimizer steps")
    return np.arange(1, positions, dtype=np.int64) * int(stride)


def _mean_by_lag(distances: np.ndarray) -> np.ndarray:
    return np.array([distances.diagonal(lag).mean() for lag in range(1, len(distances))])
