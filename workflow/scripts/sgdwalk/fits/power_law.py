"""Power laws fitted on log-log axes, with block-jackknife intervals."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import ClassVar

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import interval, jackknife_error

MODEL_ERROR = 0.05  # relative; keeps one very precise point from deciding a fit by itself


@dataclass(frozen=True)
class PowerLaw:
    """`y = prefactor * x**exponent` between `fit_low` and `fit_high`, with a 95 % interval.

    `points` counts the points of the fit; with fewer than three all numbers are `nan`.
    """

    ROW: ClassVar[str] = (
        "exponent, its low and high end, prefactor, first and last abscissa, points"
    )

    exponent: Estimate
    prefactor: float
    fit_low: float
    fit_high: float
    points: int

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the fitted law at `x`, of any shape."""
        return self.prefactor * np.asarray(x, dtype=float) ** self.exponent.value


def fit_power_law(
    x: np.ndarray,
    y: np.ndarray,
    replicates: np.ndarray | None = None,
    shift: np.ndarray | None = None,
) -> PowerLaw:
    """Fit `y ~ x**exponent` by weighted least squares of log y on log x.

    With `replicates` a point's weight comes from its jackknife error, with `MODEL_ERROR` added in
    quadrature, and the interval from the fits to the replicates, so that correlations between
    points are accounted for. Without, points weigh alike and must be independent: the interval
    comes from the scatter about the line.

    Args:
        x: (n,) positive abscissae.
        y: (n,) ordinates; points that are not positive and finite, here or in a replicate, are
            left out.
        replicates: (B, n) values of `y` with one of B blocks of data left out.
        shift: (n,) one standard error of `y` that moves all points together.

    Returns:
        The fit, with a 95 % interval of the exponent.

    Raises:
        InputError: if shapes do not match.
    """
    rows = [np.asarray(y, dtype=float)]
    if replicates is not None:
        rows.extend(replicates)
    if shift is not None:
        rows.append(rows[0] + shift)
    weighted = slice(1, None if shift is None else -1) if replicates is not None else None
    log_x, log_rows, weight = _usable_logs(x, np.array(rows), weighted)
    points = log_x.size
    if points < 3 or np.ptp(log_x) == 0:
        return PowerLaw(Estimate.undefined(), nan, nan, nan, points)

    slopes = _slopes(log_x, log_rows, weight)
    intercept = weight @ (log_rows[0] - slopes[0] * log_x)
    if weighted is None:
        residual = log_rows[0] - intercept - slopes[0] * log_x
        error = np.sqrt(residual @ residual / (points - 2) / np.sum((log_x - log_x.mean()) ** 2))
        degrees = points - 2
    else:
        error = jackknife_error(slopes[weighted])
        degrees = len(slopes[weighted]) - 1
    if shift is not None:
        error = np.hypot(error, slopes[-1] - slopes[0])
    return PowerLaw(
        interval(slopes[0], error, degrees),
        float(np.exp(intercept)),
        float(np.exp(log_x.min())),
        float(np.exp(log_x.max())),
        points,
    )


def replicate_exponents(x: np.ndarray, y: np.ndarray, replicates: np.ndarray) -> np.ndarray:
    """Return the exponent of `fit_power_law` and those of its replicates, for further combination.

    Args:
        x: (n,) positive abscissae.
        y: (n,) ordinates.
        replicates: (B, n) values of `y` with one of B blocks of data left out.

    Returns:
        (1 + B,) exponents, that of the full data first; `nan` with fewer than three points.

    Raises:
        InputError: if shapes do not match.
    """
    log_x, log_rows, weight = _usable_logs(x, np.vstack([y, replicates]), slice(1, None))
    if log_x.size < 3:
        return np.full(len(log_rows), np.nan)
    return _slopes(log_x, log_rows, weight)


def _usable_logs(
    x: np.ndarray, rows: np.ndarray, weighted: slice | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logarithms of the points positive in all `rows`, and weights that sum to one."""
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or rows.ndim != 2 or rows.shape[1] != x.size:
        raise InputError(f"power law: x has shape {x.shape} and y {rows.shape[1:]}; both are (n,)")
    usable = (x > 0) & np.all(np.isfinite(rows) & (rows > 0), axis=0)
    log_x, log_rows = np.log(x[usable]), np.log(rows[:, usable])
    weight = np.ones(log_x.size)
    if weighted is not None:
        weight = 1 / (jackknife_error(log_rows[weighted]) ** 2 + MODEL_ERROR**2)
    return log_x, log_rows, weight / weight.sum()


def _slopes(log_x: np.ndarray, log_rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
    centred = log_x - weight @ log_x
    return log_rows @ (weight * centred) / (weight @ centred**2)
