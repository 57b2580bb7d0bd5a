"""Intervals of 95 %: of a mean (Student), of an estimate by leaving out blocks (jackknife)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.fits.estimate import Estimate


def jackknife_error(replicates: np.ndarray) -> np.ndarray:
    """Return the jackknife standard error from leave-one-block-out estimates.

    Args:
        replicates: (B, ...) estimates, each with one of B blocks left out.

    Returns:
        Standard error, of the shape of one estimate; `nan` where any replicate is.

    Source: Kunsch, Ann. Statist. 17, 1217 (1989), for blocks of dependent data.
    """
    count = len(replicates)
    return np.sqrt((count - 1) * np.var(replicates, axis=0))


def interval(value: float, error: float, degrees: int) -> Estimate:
    """Return the 95 % Student interval of `value` with standard error `error`."""
    from scipy.special import stdtrit

    half = float(stdtrit(degrees, 0.975)) * error if degrees > 0 else np.nan
    return Estimate(float(value), float(value - half), float(value + half))


def student_mean(values: ArrayLike) -> Estimate:
    """Return the mean of independent numbers with its 95 % Student interval.

    Args:
        values: (n,) numbers; those that are not finite are left out. For one number there are no
            ends, for none there is nothing.
    """
    found = np.asarray(values, dtype=float)
    found = found[np.isfinite(found)]
    if found.size == 0:
        return Estimate.undefined()
    if found.size == 1:
        return Estimate(float(found.mean()))
    error = found.std(ddof=1) / np.sqrt(found.size)
    return interval(float(found.mean()), float(error), found.size - 1)


def jackknife_interval(value: float, replicates: np.ndarray) -> Estimate:
    """Return the 95 % interval of `value` from its (B,) leave-one-block-out estimates.

    With fewer than two of them the ends are `nan`.
    """
    if len(replicates) < 2:
        return Estimate(float(value), np.nan, np.nan)
    return interval(value, float(jackknife_error(replicates)), len(replicates) - 1)


def log_slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Exponent of a power law through points, by least squares in log y, and its standard error.

    Points that are not positive are left out; (nan, nan) where fewer than three remain.
    """
    kept = (x > 0) & (y > 0)
    if kept.sum() < 3:
        return np.nan, np.nan
    log_x, log_y = np.log(x[kept]), np.log(y[kept])
    spread = log_x - log_x.mean()
    slope = spread @ log_y / (spread @ spread)
    rest = log_y - log_y.mean() - slope * spread
    return float(slope), float(np.sqrt(rest @ rest / (len(rest) - 2) / (spread @ spread)))
