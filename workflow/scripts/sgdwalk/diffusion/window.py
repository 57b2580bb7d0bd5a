"""Everything that is said about the diffusion of one window, from its Gram matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.diffusion.covariance import brownian_covariance, msd_covariance
from sgdwalk.diffusion.lags import as_curve, logarithmic_selection
from sgdwalk.diffusion.msd import (
    drift_removed_msd,
    local_exponent,
    mean_squared_displacement,
    shuffled_null,
    squared_displacement,
)
from sgdwalk.diffusion.regimes import Regimes, fit_regimes
from sgdwalk.geometry.effective_dimension import effective_dimension


@dataclass(frozen=True)
class WindowDiffusion:
    """Diffusion of one window; lags in optimizer steps, MSD in squared parameter units.

    Attributes:
        lags: (T-1,) lags of the MSD and of the shuffled null.
        msd: (T-1,) time-averaged mean squared displacement.
        squared_displacement: (T-1,) squared distance from the first position.
        local_lags: (m,) lags of the local exponent.
        local_exponent: (m,) smoothed slope of log MSD by log lag.
        shuffled_mean: (T-1,) mean MSD of the same increments in random order.
        shuffled_low: (T-1,) lower edge of the 95 % band of that.
        shuffled_high: (T-1,) upper edge.
        drift_lags: (d,) lags of the next.
        drift_removed: (d,) MSD without the mean drift.
        effective_dimension: number of equal, independent directions of the walk.
        regimes: fitted regimes with their 95 % intervals.
    """

    lags: np.ndarray
    msd: np.ndarray
    squared_displacement: np.ndarray
    local_lags: np.ndarray
    local_exponent: np.ndarray
    shuffled_mean: np.ndarray
    shuffled_low: np.ndarray
    shuffled_high: np.ndarray
    drift_lags: np.ndarray
    drift_removed: np.ndarray
    effective_dimension: float
    regimes: Regimes

    @property
    def fit_lags(self) -> np.ndarray:
        """(f,) lags that were fitted."""
        return self.regimes.lags

    @property
    def fitted(self) -> np.ndarray:
        """(f,) fitted MSD at those lags."""
        return self.regimes.fitted

    @property
    def segments(self) -> np.ndarray:
        """(r, 5) exponent, its low and high end, first and last lag of each regime."""
        return np.array(
            [[s.exponent, *s.interval, s.first_lag, s.last_lag] for s in self.regimes.segments]
        )

    @property
    def shorter(self) -> np.ndarray:
        """(s, 4) largest lag, first, largest and last exponent of the same fit to fewer lags."""
        fits = self.regimes.shorter
        rows = [[f.largest_lag, f.exponent_short, f.exponent_max, f.exponent_long] for f in fits]
        return np.array(rows).reshape(-1, 4)


def analyse_diffusion(
    gram: np.ndarray, stride: int = 1, permutations: int = 100, seed: int = 0
) -> WindowDiffusion:
    """Mean squared displacement, nulls and regimes of one window.

    Args:
        gram: (T-1, T-1) inner products of increments.
        stride: optimizer steps between recorded positions.
        permutations: random orders behind the band of the shuffled null.
        seed: of those orders.

    Raises:
        InputError: if the Gram matrix is none, or the window is too short for a fit.
    """
    lags, msd = mean_squared_displacement(gram, stride)
    null = shuffled_null(gram, permutations, seed, stride)
    dimension = effective_dimension(gram)
    regimes, _ = fit_window(lags, msd, dimension)
    return WindowDiffusion(
        lags,
        msd,
        squared_displacement(gram, stride)[1],
        *local_exponent(lags, msd),
        null.mean,
        null.low,
        null.high,
        *drift_removed_msd(gram, stride),
        dimension,
        regimes,
    )


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
