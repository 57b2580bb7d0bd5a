"""The diffusion analysis of one window, from its Gram matrix to its regimes, in one call."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.diffusion import (
    ShuffledNull,
    drift_removed_msd,
    effective_dimension,
    local_exponent,
    mean_squared_displacement,
    shuffled_null,
    squared_displacement,
)
from sgdwalk.fitted_covariance import brownian_covariance, msd_covariance
from sgdwalk.lags import logarithmic_selection
from sgdwalk.regimes import Regimes, fit_regimes

# The covariance follows from the MSD, whose fit needs the covariance: twice round is enough.
COVARIANCE_ROUNDS = 2


@dataclass(frozen=True)
class WindowDiffusion:
    """Diffusion of one window of ``T`` positions; lags in optimizer steps.

    Attributes:
        lags: ``(T-1,)``.
        msd: ``(T-1,)`` time-averaged mean squared displacement.
        squared_displacement: ``(T-1,)`` from the first position, no time average.
        local_exponent_lags: ``(m,)``.
        local_exponent: ``(m,)`` smoothed logarithmic derivative of the MSD.
        shuffled: MSD of the same increments in random order.
        drift_removed_lags: up to a quarter of the window.
        drift_removed_msd: MSD without the mean drift, at those lags.
        effective_dimension: number of equal, independent directions.
        regimes: the fitted regimes.
        covariance: ``(n, n)`` covariance of log MSD at the fitted lags, ``regimes.lags``.
    """

    lags: np.ndarray
    msd: np.ndarray
    squared_displacement: np.ndarray
    local_exponent_lags: np.ndarray
    local_exponent: np.ndarray
    shuffled: ShuffledNull
    drift_removed_lags: np.ndarray
    drift_removed_msd: np.ndarray
    effective_dimension: float
    regimes: Regimes
    covariance: np.ndarray


def window_regimes(lags: ArrayLike, msd: ArrayLike, dimension: float) -> tuple[Regimes, np.ndarray]:
    """Regimes of a whole window's MSD, with the covariance that the fitted MSD itself implies.

    Starts from the covariance of Brownian motion, fits, computes the covariance of a Gaussian walk
    with the fitted MSD, and fits again, twice.

    Args:
        lags: ``(T-1,)`` all lags of the window, ``stride .. (T-1) stride`` optimizer steps.
        msd: ``(T-1,)`` its MSD.
        dimension: effective dimension of the walk.

    Returns:
        The regimes, and the covariance ``(n, n)`` of log MSD at ``regimes.lags``.

    Raises:
        InputError: as ``fit_regimes``.
    """
    lags, msd = np.asarray(lags), np.asarray(msd)
    positions, stride = lags.size + 1, int(lags[0])
    chosen = logarithmic_selection(lags)
    some_lags, some_msd = lags[chosen], msd[chosen]
    covariance = brownian_covariance(some_lags, positions, stride) / dimension
    regimes = fit_regimes(some_lags, some_msd, covariance, some_lags[-1])
    for _ in range(COVARIANCE_ROUNDS):
        covariance = msd_covariance(some_lags, regimes.fitted, dimension, positions, stride)
        regimes = fit_regimes(some_lags, some_msd, covariance, some_lags[-1])
    return regimes, covariance


def analyse_window(
    gram: ArrayLike, stride: int = 1, permutations: int = 100, seed: int = 0
) -> WindowDiffusion:
    """Everything that the diffusion of one window is described by.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments, ``T`` at least 8.
        stride: optimizer steps between recorded positions.
        permutations: random orders behind the band of the shuffled null, at least 40.
        seed: of those orders.

    Returns:
        A ``WindowDiffusion``.

    Raises:
        InputError: ``gram`` is no Gram matrix, is of a walk at rest, or is too small to be fitted.
    """
    lags, msd = mean_squared_displacement(gram, stride)
    dimension = effective_dimension(gram)
    regimes, covariance = window_regimes(lags, msd, dimension)
    local_lags, local = local_exponent(lags, msd)
    drift_lags, drift_msd = drift_removed_msd(gram, stride)
    return WindowDiffusion(
        lags=lags,
        msd=msd,
        squared_displacement=squared_displacement(gram, stride)[1],
        local_exponent_lags=local_lags,
        local_exponent=local,
        shuffled=shuffled_null(gram, permutations, seed, stride),
        drift_removed_lags=drift_lags,
        drift_removed_msd=drift_msd,
        effective_dimension=dimension,
        regimes=regimes,
        covariance=covariance,
    )
