"""Diffusion regimes of one whole window, with errors that follow from the fitted MSD itself."""

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.fitted_covariance import brownian_covariance, msd_covariance
from sgdwalk.lags import as_curve, logarithmic_selection
from sgdwalk.regimes import Regimes, fit_regimes

# The covariance follows from the MSD, whose fit needs the covariance: twice round is enough.
COVARIANCE_ROUNDS = 2


def fit_window(
    lags: ArrayLike, msd: ArrayLike, effective_dimension: float
) -> tuple[Regimes, np.ndarray]:
    """Regimes of a whole window's MSD, and the covariance that the fitted MSD implies.

    Starts from the covariance of Brownian motion in as many dimensions; fits, computes the
    covariance of a Gaussian walk that has the fitted MSD, and fits again, twice.

    Args:
        lags: ``(T-1,)`` all lags of the window, ``stride .. (T-1) stride`` optimizer steps.
        msd: ``(T-1,)`` its time-averaged MSD.
        effective_dimension: of the walk, at least 1, see ``diffusion.effective_dimension``.

    Returns:
        The regimes, and the covariance ``(n, n)`` of log MSD at the fitted lags,
        ``regimes.lags``.

    Raises:
        InputError: as ``fit_regimes`` and ``msd_covariance``.
    """
    lags, msd = as_curve(lags, msd)
    positions, stride = lags.size + 1, int(lags[0])
    chosen = logarithmic_selection(lags)
    lags, msd = lags[chosen], msd[chosen]
    covariance = brownian_covariance(lags, positions, stride) / effective_dimension
    for _ in range(COVARIANCE_ROUNDS):
        fitted = fit_regimes(lags, msd, covariance, lags[-1], shorter=()).fitted
        covariance = msd_covariance(lags, fitted, effective_dimension, positions, stride)
    return fit_regimes(lags, msd, covariance, lags[-1]), covariance
