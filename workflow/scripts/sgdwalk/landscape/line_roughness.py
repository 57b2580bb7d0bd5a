"""Roughness of the loss along straight lines: structure functions and their exponents."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.power_law import PowerLaw, fit_power_law
from sgdwalk.geometry.loss_structure import ORDERS

_LAGS_PER_OCTAVE = 4
MIN_POINTS = 17  # lags up to a quarter of the line must span a factor of four
_OVER_ROUNDING = 50.0  # MSL over that of rounding alone: a share of 2 % bends H by 0.01 at most


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
        "power law of the structure function of each order up to a quarter of the line, where "
        "rounding does not count; exponents are zeta(q)",
    ]
    second_differences: Annotated[
        np.ndarray,
        "(n,) mean squared second difference of the loss; nan where two lags exceed the line",
        "loss^2",
    ]
    second_fit: Annotated[
        PowerLaw, "its power law up to a quarter of the line, where rounding does not count"
    ]
    rounding_msl: Annotated[float, "MSL that rounding of the losses alone gives", "loss^2"]
    missing: Annotated[
        dict[str, str], "why a fit or its interval is not defined, or short lags are left out of it"
    ] = field(default_factory=dict)

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


def line_roughness(loss: np.ndarray, spacing: float, rounding: float = 0.0) -> LineRoughness:
    """Structure functions of losses sampled at equal distances along straight lines.

    On a smooth function differences grow as the distance r, second ones as r^2; with a roughness
    exponent H < 1 both grow as r^H. Intervals come from leaving out one line after the other;
    there are none for a single line. Losses at fixed weights over fixed samples carry no minibatch
    noise, so there is no floor but rounding: of independent errors of standard deviation s it adds
    2 s^2 to the MSL and 6 s^2 to second differences. Only lags at which, and beyond which, they are
    50 times that are fitted. Below the spacing nothing is known.

    Args:
        loss: (K, n) or (n,) losses along each line, 17 points or more.
        spacing: distance between neighbouring points, parameter units.
        rounding: standard deviation s of the losses' rounding errors.

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
    separation, short = lags * spacing, lags <= points // 4
    mean, second_mean = moments.mean(axis=1), seconds.mean(axis=0)
    msl = mean[int(np.flatnonzero(np.equal(ORDERS, 2.0))[0])]
    fitted = short & _above(msl, 2 * rounding**2)
    second_fitted = short & _above(second_mean, 6 * rounding**2)
    missing = _reasons("hurst", msl, separation, short, fitted, len(loss))
    missing |= _reasons("second_fit", second_mean, separation, short, second_fitted, len(loss))
    return LineRoughness(
        separation,
        np.array(ORDERS),
        mean,
        tuple(_fit(separation[fitted], lines[:, fitted]) for lines in moments),
        second_mean,
        _fit(separation[second_fitted], seconds[:, second_fitted]),
        2 * rounding**2,
        missing,
    )


def _above(means: np.ndarray, floor: float) -> np.ndarray:
    """Lags beyond the last one at which rounding counts; (n,) means may end in nan."""
    below = np.flatnonzero(means < _OVER_ROUNDING * floor)
    return np.arange(means.size) > (below[-1] if below.size else -1)


def _reasons(
    name: str,
    means: np.ndarray,
    separation: np.ndarray,
    short: np.ndarray,
    fitted: np.ndarray,
    lines: int,
) -> dict[str, str]:
    """Why an exponent or its interval is not defined, or which lags it does without."""
    found = {}
    said = f"below {_OVER_ROUNDING:g} times what rounding of the losses gives"
    if not (means[short] > 0).any():
        found[name] = "the loss is the same all along the lines"
    elif fitted.sum() < 3:
        found[name] = f"{short.sum() - fitted.sum()} of {short.sum()} lags are {said}"
    else:
        if lines == 1:
            found[f"{name}_interval"] = "one line: there is none to leave out"
        if fitted.sum() < short.sum():
            first = separation[fitted][0]
            found[f"{name}_short_lags"] = f"left out below {first:.3g}: {said}"
    return found


def _fit(separation: np.ndarray, lines: np.ndarray) -> PowerLaw:
    """Power law of the mean over (K, n) lines, each in turn left out."""
    count, mean = len(lines), lines.mean(axis=0)
    if count > 1:
        return fit_power_law(separation, mean, (lines.sum(axis=0) - lines) / (count - 1))
    fit = fit_power_law(separation, mean)
    # Points of one line share their losses: their scatter is no measure of the error.
    return replace(fit, exponent=Estimate(fit.exponent.value))
