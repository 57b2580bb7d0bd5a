"""Diffusion regimes of an MSD curve: a continuous power law of one, two or three pieces.

The logarithm of the MSD is taken as a piecewise linear function of the logarithm of the lag, plus
errors that are correlated across lags. The number of pieces is chosen by the evidence (see
``fits.piecewise_line``), an information criterion that takes the correlations into account.

Besides the scatter of the estimate there is the model's own error: real curves bend, and in many
dimensions their scatter is so small that without it every bend would be a regime. It is white, 1 %
in log MSD at each lag or as much more as the data make probable, where regimes are counted.
Once they are counted, and where the scatter is known, it may also be less, or intervals on a curve
that is a power law would be too wide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.diffusion.covariance import brownian_covariance
from sgdwalk.diffusion.lags import (
    are_whole_window,
    as_curve,
    default_largest_lag,
    logarithmic_selection,
)
from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.piecewise_line import PiecewiseFit, evaluate_pieces, fit_pieces

# What is said of a fit, each an `Estimate`.
EXPONENTS = ("exponent_short", "exponent_max", "exponent_long", "crossover_lag")
MAX_REGIMES = 3
# A segment shorter than this factor of lag is a wiggle and not a regime.
SEGMENT_FACTOR = 3.0
# A further regime must make the data this many times as probable.
ODDS = 10.0
# Standard deviations of the model's own error, in log MSD: while regimes are counted, and after.
MODEL_ERRORS = 0.01 * 2.0 ** np.arange(6)
SMALLER_MODEL_ERRORS = (0.005, 0.0025, 0.001)
# Tried where nobody says how the curve scatters: dimensions of a whole window's walk; relative
# errors of a selection of lags.
UNKNOWN_DIMENSIONS = 10.0 ** np.arange(5)
UNKNOWN_ERRORS = 0.01 * 2.0 ** np.arange(7)
# Exponents before the data speak: between rest (0) and ballistic flight (2), give or take.
PRIOR_EXPONENT = 1.0
PRIOR_SPREAD = 1.0
COVERAGE = 0.95
MIN_LAGS = 4


@dataclass(frozen=True)
class Segment:
    """One power-law piece of an MSD curve.

    Attributes:
        exponent: slope of log MSD by log lag.
        first_lag: where it begins, in optimizer steps.
        last_lag: where it ends.
    """

    ROW: ClassVar[str] = "exponent, its low and high end, first and last lag"

    exponent: Estimate
    first_lag: float
    last_lag: float


@dataclass(frozen=True)
class Regimes:
    """Diffusion regimes of one MSD curve; lags in optimizer steps, intervals of 95 %.

    Attributes:
        segments: the pieces, in order of lag.
        crossover_lag: lag at which the last segment begins; undefined for one regime.
        lags: ``(m,)`` the lags that were fitted.
        fitted: ``(m,)`` the fitted MSD at them.
        model_error: standard deviation allowed for the model's own error, in log MSD.
        criterion: ``(3,)`` information criterion of one, two and three regimes, the smallest is
            chosen: -2 log evidence, and 2 log 10 for each regime beyond the first; inf where the
            lags span too little.
        shorter: the same fit to the lags up to each of the parts of the largest that were asked
            for, where enough are left: how the answer moves with the largest lag.
    """

    segments: tuple[Segment, ...]
    crossover_lag: Estimate
    lags: np.ndarray
    fitted: np.ndarray
    model_error: float
    criterion: np.ndarray
    shorter: tuple[Regimes, ...]

    @property
    def exponent_short(self) -> Estimate:
        """Exponent of the first segment."""
        return self.segments[0].exponent

    @property
    def exponent_max(self) -> Estimate:
        """Largest exponent of all segments."""
        return max((s.exponent for s in self.segments), key=float)

    @property
    def exponent_long(self) -> Estimate:
        """Exponent of the last segment."""
        return self.segments[-1].exponent

    @property
    def regimes(self) -> int:
        """Number of regimes, 1 to 3."""
        return len(self.segments)

    @property
    def largest_lag(self) -> float:
        """Largest lag that was fitted."""
        return float(self.lags[-1])


@dataclass(frozen=True)
class _Scatter:
    """A possible scatter of the log MSD: its covariance, and how much too low it is on average."""

    covariance: np.ndarray
    bias: np.ndarray

    def at(self, chosen: np.ndarray) -> _Scatter:
        return _Scatter(self.covariance[np.ix_(chosen, chosen)], self.bias[chosen])


def fit_regimes(
    lags: ArrayLike,
    msd: ArrayLike,
    covariance: ArrayLike | None = None,
    largest_lag: float | None = None,
    shorter: tuple[float, ...] = (0.5, 0.25),
) -> Regimes:
    """Fit one to three diffusion regimes, each at least a factor 3 of lag long, to an MSD curve.

    Args:
        lags: ``(n,)`` increasing lags in optimizer steps; up to 15 per decade are fitted.
        msd: ``(n,)`` mean squared displacement.
        covariance: ``(n, n)`` covariance of the logarithm of an unbiased estimate of the MSD, as
            ``covariance.msd_covariance`` gives it. None where it is not known: then a
            whole window is taken to scatter like a Brownian walk in as many dimensions as make
            the data most probable, and a selection of lags with one relative error, correlated
            over a factor e of lag, of the size that makes the data most probable. Intervals are
            then good for an impression only.
        largest_lag: longest lag used. None: half the window for lags that run through all
            multiples of the first, otherwise all lags.
        shorter: parts of the largest lag to which the fit is repeated.

    Returns:
        A ``Regimes``.

    Raises:
        InputError: lags or MSD are no curve, the covariance does not fit them, or fewer than four
            lags that span a factor of three are left.
    """
    all_lags, all_msd = as_curve(lags, msd)
    largest = default_largest_lag(all_lags) if largest_lag is None else largest_lag
    chosen = logarithmic_selection(all_lags, largest)
    if not _enough(all_lags[chosen]):
        raise InputError(
            f"lags: {chosen.size} from {all_lags[0]:g} to {largest:g}; a fit needs at least "
            f"{MIN_LAGS} that span a factor of {SEGMENT_FACTOR:g}"
        )
    least_errors: tuple[float, ...] = ()
    if covariance is None:
        scatters = _possible_scatters(all_lags, chosen)
    else:
        values = _checked(covariance, all_lags.size)[np.ix_(chosen, chosen)]
        scatters, least_errors = [_Scatter(values, _bias(values))], SMALLER_MODEL_ERRORS
    x, y = all_lags[chosen], all_msd[chosen]
    repeated = []
    for part in shorter:
        some = logarithmic_selection(x, part * x[-1])
        if _enough(x[some]):
            kept = [scatter.at(some) for scatter in scatters]
            repeated.append(_fit(x[some], y[some], kept, least_errors))
    return replace(_fit(x, y, scatters, least_errors), shorter=tuple(repeated))


def _enough(lags: np.ndarray) -> bool:
    return lags.size >= MIN_LAGS and lags[-1] >= SEGMENT_FACTOR * lags[0]


def _bias(covariance: np.ndarray) -> np.ndarray:
    """How much too low the logarithm of an unbiased estimate is: about half its variance."""
    return 0.5 * covariance.diagonal()


def _checked(covariance: ArrayLike, size: int) -> np.ndarray:
    values = np.asarray(covariance, dtype=np.float64)
    if values.shape != (size, size):
        raise InputError(f"covariance: shape {values.shape}; must be {(size, size)}, as the lags")
    if not np.isfinite(values).all():
        raise InputError("covariance: must be finite")
    if np.abs(values - values.T).max() > 1e-8 * np.abs(values).max():
        raise InputError("covariance: must be symmetric")
    if values.diagonal().min() < 0:
        raise InputError("covariance: negative diagonal; must be variances")
    return values


def _possible_scatters(lags: np.ndarray, chosen: np.ndarray) -> list[_Scatter]:
    if are_whole_window(lags):
        unit = brownian_covariance(lags[chosen], lags.size + 1, lags[0])
        return [_Scatter(unit / d, _bias(unit / d)) for d in UNKNOWN_DIMENSIONS]
    x = np.log(lags[chosen])
    unit = np.exp(-np.abs(x - x[:, None]))
    return [_Scatter(error**2 * unit, np.zeros(x.size)) for error in UNKNOWN_ERRORS]


def _fit(
    lags: np.ndarray, msd: np.ndarray, scatters: list[_Scatter], least_errors: tuple[float, ...]
) -> Regimes:
    """Best number of regimes, under the errors that make the data most probable."""
    best_value = np.inf
    for scatter in scatters:
        previous = np.inf
        for model_error in MODEL_ERRORS:
            fits = [_pieces(lags, msd, scatter, model_error, k) for k in range(1, MAX_REGIMES + 1)]
            criterion = _criterion(fits)
            chosen = fits[int(criterion.argmin())]
            if chosen is not None and criterion.min() < best_value:
                best_value = criterion.min()
                best = (chosen, scatter, model_error, criterion)
            if criterion.min() > previous:
                break
            previous = criterion.min()
    fit, scatter, model_error, criterion = best
    if model_error == MODEL_ERRORS[0]:
        for smaller in least_errors:
            again = _pieces(lags, msd, scatter, smaller, fit.slopes.size)
            if again is not None and again.log_evidence > fit.log_evidence:
                fit, model_error = again, smaller
    return _regimes(lags, fit, float(model_error), criterion)


def _pieces(
    lags: np.ndarray, msd: np.ndarray, scatter: _Scatter, model_error: float, count: int
) -> PiecewiseFit | None:
    return fit_pieces(
        np.log(lags),
        np.log(msd) + scatter.bias,
        scatter.covariance + model_error**2 * np.eye(lags.size),
        pieces=count,
        min_width=np.log(SEGMENT_FACTOR),
        prior_slope=PRIOR_EXPONENT,
        prior_spread=PRIOR_SPREAD,
        coverage=COVERAGE,
    )


def _criterion(fits: list[PiecewiseFit | None]) -> np.ndarray:
    return np.array(
        [
            np.inf if fit is None else 2 * (k * np.log(ODDS) - fit.log_evidence)
            for k, fit in enumerate(fits)
        ]
    )


def _regimes(
    lags: np.ndarray, fit: PiecewiseFit, model_error: float, criterion: np.ndarray
) -> Regimes:
    edges = [lags[0], *np.exp(fit.breakpoints), lags[-1]]
    segments = tuple(
        Segment(_estimate(slope, interval), float(first), float(last))
        for slope, interval, first, last in zip(
            fit.slopes, fit.slope_intervals, edges, edges[1:], strict=False
        )
    )
    crossover = Estimate.undefined()
    if len(segments) > 1:
        crossover = _estimate(segments[-1].first_lag, np.exp(fit.breakpoint_intervals[-1]))
    return Regimes(
        segments=segments,
        crossover_lag=crossover,
        lags=lags,
        fitted=np.exp(evaluate_pieces(np.log(lags), np.log(lags[0]), fit)),
        model_error=model_error,
        criterion=criterion,
        shorter=(),
    )


def _estimate(value: float, interval: np.ndarray) -> Estimate:
    return Estimate(float(value), float(interval[0]), float(interval[1]))
