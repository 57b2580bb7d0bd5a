"""Roughness of the loss along straight lines: structure functions and their exponents."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.power_law import PowerLaw, fit_power_law
from sgdwalk.geometry.loss_structure import ORDERS

_LAGS_PER_OCTAVE = 4
MIN_POINTS = 17  # lags up to a quarter of the line must span a factor of four


@dataclass(frozen=True)
class LineRoughness:
    """Structure functions of the loss along K lines at n lags."""

    separation: Annotated[np.ndarray, "(n,) distance of two points", "parameter"]
    orders: Annotated[np.ndarray, "(Q,) orders q of the structure functions"]
    moments: Annotated[
        np.ndarray,
        "(Q, n) structure functions <|L(s + r) - L(s)|^q>, a row per order; order 2 is the MSL",
        "loss^q",
    ]
    fits: Annotated[
        tuple[PowerLaw, ...],
        "power law of the structure function of each order up to a quarter of the line; "
        "exponents are zeta(q)",
    ]
    second_differences: Annotated[
        np.ndarray, "(n,) mean squared second difference of the loss", "loss^2"
    ]
    second_fit: Annotated[PowerLaw, "its power law over the same lags"]

    @property
    def zeta(self) -> np.ndarray:
        """(Q,) scaling exponents."""
        return np.array([fit.exponent.value for fit in self.fits])

    @property
    def msl(self) -> np.ndarray:
        """(n,) mean squared loss difference."""
        return self.moments[self._second]

    @property
    def power_law(self) -> PowerLaw:
        """Fit of the MSL; its exponent is 2 H."""
        return self.fits[self._second]

    @property
    def hurst(self) -> Estimate:
        """Roughness exponent `H = zeta(2) / 2`: 1 for a smooth function, less for a rough one."""
        return self.power_law.exponent.map(lambda exponent: exponent / 2)

    @property
    def _second(self) -> int:
        return int(np.flatnonzero(self.orders == 2.0)[0])


def line_roughness(loss: np.ndarray, spacing: float) -> LineRoughness:
    """Structure functions of losses sampled at equal distances along straight lines.

    On a smooth function differences grow as the distance r, second ones as r^2; with a roughness
    exponent H < 1 both grow as r^H. Intervals come from leaving out one line after the other;
    there are none for a single line. Losses at fixed weights over fixed samples carry no minibatch
    noise, so there is no floor but rounding.

    Args:
        loss: (K, n) or (n,) losses along each line, 17 points or more.
        spacing: distance between neighbouring points, parameter units.

    Raises:
        InputError: other shapes, losses that are not finite, or a spacing that is not positive.

    Source: as `sgdwalk.geometry.loss_structure`; second differences after Istas and Lang, Ann.
    Inst. Henri Poincare (B) 33, 407 (1997).
    """
    loss = np.atleast_2d(np.asarray(loss, dtype=float))
    points = loss.shape[-1]
    if loss.ndim != 2 or points < MIN_POINTS or not len(loss):
        raise InputError(
            f"line roughness: losses of shape {loss.shape}; "
            f"needed are lines of at least {MIN_POINTS} points"
        )
    if not np.isfinite(loss).all() or not 0 < spacing < np.inf:
        raise InputError("line roughness: losses must be finite and their spacing positive")
    longest = points // 2
    count = int(_LAGS_PER_OCTAVE * np.log2(longest)) + 1
    lags = np.unique(np.geomspace(1, longest, count).round().astype(int))
    first, second = [], []
    for lag in lags:
        difference = loss[:, lag:] - loss[:, :-lag]
        first.append([np.mean(np.abs(difference) ** q, axis=1) for q in ORDERS])
        if 2 * lag < points:
            second.append(np.mean((difference[:, lag:] - difference[:, :-lag]) ** 2, axis=1))
        else:
            second.append(np.full(len(loss), np.nan))
    moments = np.moveaxis(np.array(first), 0, 2)  # (Q, K, n)
    seconds = np.array(second).T  # (K, n)
    fitted = lags <= points // 4
    separation = lags * spacing
    return LineRoughness(
        separation,
        np.array(ORDERS),
        moments.mean(axis=1),
        tuple(_fit(separation[fitted], lines[:, fitted]) for lines in moments),
        seconds.mean(axis=0),
        _fit(separation[fitted], seconds[:, fitted]),
    )


def _fit(separation: np.ndarray, lines: np.ndarray) -> PowerLaw:
    """Power law of the mean over (K, n) lines, each in turn left out."""
    count, mean = len(lines), lines.mean(axis=0)
    if count > 1:
        return fit_power_law(separation, mean, (lines.sum(axis=0) - lines) / (count - 1))
    fit = fit_power_law(separation, mean)
    # Points of one line share their losses: their scatter is no measure of the error.
    return replace(fit, exponent=Estimate(fit.exponent.value))
