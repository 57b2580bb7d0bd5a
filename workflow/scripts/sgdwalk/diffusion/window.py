"""Everything that is said about the diffusion of one window, from its Gram matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

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
from sgdwalk.diffusion.regimes import EXPONENTS, Regimes, Segment, fit_regimes
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.distances import CheckedGram
from sgdwalk.geometry.effective_dimension import effective_dimension

# The covariance follows from the MSD, whose fit needs the covariance: twice round is enough.
COVARIANCE_ROUNDS = 2
_AREA = "parameter^2"


@dataclass(frozen=True)
class ShorterFit:
    """Exponents of the same fit to fewer lags."""

    ROW: ClassVar[str] = "largest lag; first, largest and last exponent"

    largest_lag: float
    exponent_short: float
    exponent_max: float
    exponent_long: float


@dataclass(frozen=True)
class WindowDiffusion:
    """Diffusion of one window of T positions: MSD, nulls, regimes."""

    length: Annotated[int, "T, recorded positions"]
    stride: Annotated[int, "optimizer steps between recorded positions", "step"]
    start: Annotated[int, "optimizer steps taken before the first position", "step"]
    lags: Annotated[np.ndarray, "(T-1,) lags of msd and its nulls", "step"]
    msd: Annotated[np.ndarray, "(T-1,) time-averaged mean squared displacement", _AREA]
    squared_displacement: Annotated[
        np.ndarray, "(T-1,) squared distance from the first position", _AREA
    ]
    local_lags: Annotated[np.ndarray, "(m,) lags of local_exponent", "step"]
    local_exponent: Annotated[np.ndarray, "(m,) smoothed slope of log msd by log lag"]
    shuffled_mean: Annotated[
        np.ndarray, "(T-1,) mean msd of the same increments in random order", _AREA
    ]
    shuffled_low: Annotated[np.ndarray, "(T-1,) 2.5 % quantile of that msd", _AREA]
    shuffled_high: Annotated[np.ndarray, "(T-1,) 97.5 % quantile of that msd", _AREA]
    drift_lags: Annotated[np.ndarray, "(d,) lags of drift_removed", "step"]
    drift_removed: Annotated[
        np.ndarray, "(d,) msd without the mean drift, corrected for the bridge", _AREA
    ]
    effective_dimension: Annotated[float, "number of equal, independent directions of the walk"]
    fit_lags: Annotated[np.ndarray, "(f,) lags that were fitted", "step"]
    fitted: Annotated[np.ndarray, "(f,) fitted msd at them", _AREA]
    regimes: Annotated[tuple[Segment, ...], "regimes in order of lag", "1; step"]
    shorter: Annotated[tuple[ShorterFit, ...], "the same fit to fewer lags", "step; 1"]
    exponent_short: Annotated[Estimate, "exponent of the first regime"]
    exponent_max: Annotated[Estimate, "largest exponent of all regimes"]
    exponent_long: Annotated[Estimate, "exponent of the last regime"]
    crossover_lag: Annotated[Estimate, "lag at which the last of several regimes begins", "step"]


def analyse_diffusion(
    gram: ArrayLike, stride: int = 1, permutations: int = 100, seed: int = 0, start: int = 0
) -> WindowDiffusion:
    """Mean squared displacement, nulls and regimes of one window.

    Args:
        gram: (T-1, T-1) inner products of increments.
        stride: optimizer steps between recorded positions.
        permutations: random orders behind the band of the shuffled null.
        seed: of those orders.
        start: optimizer steps taken before the first position; kept with the result.

    Raises:
        InputError: if the Gram matrix is none, or the window is too short for a fit.
    """
    gram = CheckedGram(gram)
    lags, msd = mean_squared_displacement(gram, stride)
    null = shuffled_null(gram, permutations, seed, stride)
    dimension = effective_dimension(gram)
    fit, _ = fit_window(lags, msd, dimension)
    local_lags, local = local_exponent(lags, msd)
    drift_lags, drift_removed = drift_removed_msd(gram, stride)
    return WindowDiffusion(
        length=len(lags) + 1,
        stride=stride,
        start=start,
        lags=lags,
        msd=msd,
        squared_displacement=squared_displacement(gram, stride)[1],
        local_lags=local_lags,
        local_exponent=local,
        shuffled_mean=null.mean,
        shuffled_low=null.low,
        shuffled_high=null.high,
        drift_lags=drift_lags,
        drift_removed=drift_removed,
        effective_dimension=dimension,
        fit_lags=fit.lags,
        fitted=fit.fitted,
        regimes=fit.segments,
        shorter=tuple(_shorter(fewer) for fewer in fit.shorter),
        **{name: getattr(fit, name) for name in EXPONENTS},
    )


def _shorter(fit: Regimes) -> ShorterFit:
    exponents = (fit.exponent_short, fit.exponent_max, fit.exponent_long)
    return ShorterFit(fit.largest_lag, *map(float, exponents))


def fit_window(
    lags: ArrayLike, msd: ArrayLike, effective_dimension: float
) -> tuple[Regimes, np.ndarray]:
    """Regimes of a whole window's MSD, and the covariance that the fitted MSD implies.

    Starts from the covariance of Brownian motion in as many dimensions; fits, computes the
    covariance of a Gaussian walk that has the fitted MSD, and fits again, twice.

    Args:
        lags: ``(T-1,)`` all lags of the window, ``stride .. (T-1) stride`` optimizer steps.
        msd: ``(T-1,)`` its time-averaged MSD.
        effective_dimension: of the walk, at least 1, see `geometry.effective_dimension`.

    Returns:
        The regimes, and the covariance ``(n, n)`` of log MSD at the fitted lags,
        ``regimes.lags``.

    Raises:
        InputError: as ``fit_regimes`` and ``msd_covariance``.
    """
    x, y = as_curve(lags, msd)
    positions, stride = x.size + 1, int(x[0])
    chosen = logarithmic_selection(x)
    x, y = x[chosen], y[chosen]
    covariance = brownian_covariance(x, positions, stride) / effective_dimension
    for _ in range(COVARIANCE_ROUNDS):
        fitted = fit_regimes(x, y, covariance, x[-1], shorter=()).fitted
        covariance = msd_covariance(x, fitted, effective_dimension, positions, stride)
    return fit_regimes(x, y, covariance, x[-1]), covariance
