"""Diffusion regimes of an MSD curve: where it changes its slope, and the slopes.

A continuous line of one, two or three pieces through log MSD by log lag finds the segments. The
exponent of a segment is the ordinary least-squares slope of its points, both ends included, and its
interval is about the same slope of the expected curve, over realisations of the walk from the same
start: nothing is assumed to be a power law. Beside it stands how far the points lie from their
line, and how far scatter alone would put them: where it is further, the curve bends, and the
exponent is its mean slope.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.diffusion.lags import as_curve, default_largest_lag, logarithmic_selection
from sgdwalk.diffusion.scatter import Scatter
from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.pieces import MOST_PIECES, PieceFamily, Pieces, choose_pieces, slope_weights

# What is said of a fit, each an `Estimate`.
EXPONENTS = ("exponent_short", "exponent_max", "exponent_long", "crossover_lag")
# A segment shorter than this factor of lag is a wiggle and not a regime.
SEGMENT_FACTOR = 3.0
MIN_LAGS = 4
# Of a curve whose scatter nobody knows: how far the points of a segment may lie from their line.
MISFIT_WITHOUT_SCATTER = 0.02
MISFIT_LEVEL = 0.95
# An exponent whose interval is wider than this says nothing.
WIDEST = 1.0


@dataclass(frozen=True)
class Segment:
    """One piece of an MSD curve.

    Attributes:
        exponent: least-squares slope of log MSD by log lag; without ends where nothing is known of
            the scatter of the curve.
        first_lag: where it begins, in optimizer steps.
        last_lag: where it ends.
        misfit: root mean square of log MSD about the segment's line.
        misfit_expected: what scatter alone exceeds in 5 % of cases; nan where it is not known.
    """

    ROW: ClassVar[str] = "exponent, its low and high end, first and last lag, misfit, its 95 %"

    exponent: Estimate
    first_lag: float
    last_lag: float
    misfit: float
    misfit_expected: float

    @property
    def bends(self) -> bool:
        """Whether it is further from a power law than scatter would put it."""
        return self.misfit > self.misfit_expected

    @property
    def stated(self) -> Estimate:
        """The exponent as tables and figures give it: undefined if its interval is too wide."""
        too_wide = self.exponent.high - self.exponent.low > WIDEST
        return Estimate.undefined() if too_wide else self.exponent


@dataclass(frozen=True)
class Regimes:
    """Diffusion regimes of one MSD curve; lags in optimizer steps, intervals of 95 %.

    Attributes:
        segments: the pieces, in order of lag.
        crossover_lag: lag at which the last segment begins; undefined for one regime.
        lags: ``(m,)`` the lags that were fitted.
        fitted: ``(m,)`` the continuous line through the MSD at them.
        quarter: the same fit to lags up to a quarter of the window, or of half the largest lag of a
            selection; None where too few are left.
    """

    segments: tuple[Segment, ...]
    crossover_lag: Estimate
    lags: np.ndarray
    fitted: np.ndarray
    quarter: Regimes | None

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


def fit_regimes(
    lags: ArrayLike,
    msd: ArrayLike,
    scatter: Scatter | None = None,
    largest_lag: float | None = None,
) -> Regimes:
    """Fit one to three diffusion regimes, each at least a factor 3 of lag long, to an MSD curve.

    One more regime must lower the misfit by more than scatter does in 3 % of cases.

    Args:
        lags: ``(n,)`` increasing lags in optimizer steps; up to 15 per decade are fitted.
        msd: ``(n,)`` mean squared displacement.
        scatter: of log MSD at the lags that are fitted, see `scatter`. None where nobody knows it:
            then there are no intervals, and as many regimes as bring every segment within 2 % of
            its line, root mean square.
        largest_lag: longest lag used. None: half the window for lags that run through all
            multiples of the first, otherwise all lags.

    Raises:
        InputError: lags or MSD are no curve, the scatter does not fit them, or fewer than four lags
            that span a factor of three are left.
    """
    all_lags, all_msd = as_curve(lags, msd)
    chosen = lags_to_fit(all_lags, largest_lag)
    x, y = all_lags[chosen], all_msd[chosen]
    if scatter is not None and scatter.draws.shape[1] != x.size:
        raise InputError(
            f"scatter: of {scatter.draws.shape[1]} lags; must be of the {x.size} that are fitted"
        )
    some = np.flatnonzero(x <= x[-1] / 2 * (1 + 1e-9))
    fit = _fit(x, y, scatter)
    if not _enough(x[some]):
        return fit
    fewer = _fit(x[some], y[some], None if scatter is None else scatter.at(some))
    return replace(fit, quarter=fewer)


def lags_to_fit(lags: np.ndarray, largest_lag: float | None = None) -> np.ndarray:
    """Indices (m,) of the lags that `fit_regimes` takes: those its scatter must be of.

    Args:
        lags: ``(n,)`` increasing lags in optimizer steps.
        largest_lag: as of `fit_regimes`.

    Raises:
        InputError: fewer than four lags that span a factor of three are left.
    """
    largest = default_largest_lag(lags) if largest_lag is None else largest_lag
    chosen = logarithmic_selection(lags, largest)
    if not _enough(lags[chosen]):
        raise InputError(
            f"lags: {chosen.size} from {lags[0]:g} to {largest:g}; a fit needs at least "
            f"{MIN_LAGS} that span a factor of {SEGMENT_FACTOR:g}"
        )
    return chosen


def reported(fit: Regimes) -> tuple[dict[str, Estimate], dict[str, str]]:
    """Exponents and crossover by name as a table may give them, and why those that are empty are.

    An interval wider than 1 is no statement: the exponent is left empty.
    """
    found: dict[str, Estimate] = {"crossover_lag": fit.crossover_lag}
    missing = {}
    standing = [segment for segment in fit.segments if segment.stated.defined]
    for name, segment in (
        ("exponent_short", fit.segments[0]),
        ("exponent_max", max(standing or fit.segments, key=lambda s: s.exponent.value)),
        ("exponent_long", fit.segments[-1]),
    ):
        found[name] = segment.stated
        if not segment.stated.defined:
            missing[name] = (
                f"its interval, {segment.exponent.low:.2f} to {segment.exponent.high:.2f}, is "
                f"wider than {WIDEST:g}: the window holds too little of it"
            )
    if len(fit.segments) == 1:
        missing["crossover_lag"] = "one regime has no crossover"
    return found, missing


def _enough(lags: np.ndarray) -> bool:
    return lags.size >= MIN_LAGS and lags[-1] >= SEGMENT_FACTOR * lags[0] * (1 - 1e-9)


def _fit(lags: np.ndarray, msd: np.ndarray, scatter: Scatter | None) -> Regimes:
    x, y = np.log(lags), np.log(msd)
    width = float(np.log(SEGMENT_FACTOR))
    if scatter is None:
        pieces, crossover = _few_pieces(x, y, width), None
    else:
        pieces, family = choose_pieces(x, y, scatter.weights, scatter.draws, width)
        crossover = _crossovers(x, y - scatter.errors, family)
    return Regimes(
        segments=tuple(_segment(lags, y, part, scatter) for part in pieces.parts),
        crossover_lag=_crossover(lags, pieces, crossover),
        lags=lags,
        fitted=np.exp(pieces.fitted),
        quarter=None,
    )


def _segment(lags: np.ndarray, y: np.ndarray, part: slice, scatter: Scatter | None) -> Segment:
    x = np.log(lags[part])
    weights = slope_weights(x)
    slope = float(weights @ y[part])
    misfit = float(_misfit(y[None, part], x)[0])
    first, last = float(lags[part][0]), float(lags[part][-1])
    if scatter is None:
        return Segment(Estimate(slope), first, last, misfit, float("nan"))
    own = scatter.at(np.arange(part.start, part.stop))
    expected = float(np.quantile(_misfit(own.errors, x), MISFIT_LEVEL))
    return Segment(own.interval(slope, weights), first, last, misfit, expected)


def _misfit(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Root mean square (K,) of rows (K, m) about their least-squares lines."""
    offset = x - x.mean()
    rest = y - y.mean(axis=1, keepdims=True)
    rest = rest - np.outer(rest @ slope_weights(x), offset)
    return np.sqrt((rest**2).mean(axis=1))


def _few_pieces(x: np.ndarray, y: np.ndarray, width: float) -> Pieces:
    """Fewest pieces of which each is near its line."""
    found = None
    for count in range(1, MOST_PIECES + 1):
        family = PieceFamily(x, np.ones(x.size), count, width)
        if not family:
            break
        found = family.pieces(y)
        if max(_misfit(y[None, p], x[p])[0] for p in found.parts) <= MISFIT_WITHOUT_SCATTER:
            break
    assert found is not None  # one piece always is
    return found


def _crossovers(x: np.ndarray, drawn: np.ndarray, family: PieceFamily) -> np.ndarray | None:
    """Log lag (K,) at which the last piece begins in what the expected curve may be."""
    if family.count == 1:
        return None
    return x[family.knots[family.best(drawn), -2]]


def _crossover(lags: np.ndarray, pieces: Pieces, drawn: np.ndarray | None) -> Estimate:
    if len(pieces.knots) == 2:
        return Estimate.undefined()
    value = float(lags[pieces.knots[-2]])
    if drawn is None:
        return Estimate(value)
    # Knots lie on lags: the truth may be half the way to the next.
    half = np.log(lags[-1] / lags[0]) / (len(lags) - 1) / 2
    low, high = np.exp(np.quantile(drawn, (0.025, 0.975)) + np.array([-half, half]))
    return Estimate(value, float(min(low, value)), float(max(high, value)))
