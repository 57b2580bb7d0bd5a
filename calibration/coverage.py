"""How often the intervals of a fit hold the truth, how far off it is, how wide they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sgdwalk.diffusion.lags import logarithmic_selection
from sgdwalk.diffusion.regimes import SEGMENT_FACTOR, WIDEST, Regimes, Segment
from sgdwalk.diffusion.scatter import Scatter
from sgdwalk.diffusion.window import fit_window
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.pieces import PieceFamily, slope_weights


@dataclass(frozen=True)
class Coverage:
    """What is said of one kind of walk at one length, over its realisations.

    Attributes:
        share: (3,) share of intervals of the first, the largest and the last exponent that hold
            the slope of the expected curve over the same lags.
        bias: (3,) mean of exponent less that slope.
        half_width: (3,) median half-width of the intervals.
        over_spread: (3,) the same over 1.96 standard deviations of exponent less slope.
        split: share of realisations of more than one regime.
        bends: share of regimes that are called bent.
        emptied: share of these exponents that tables leave empty, their interval wider than 1.
        crossover: share of crossovers whose interval holds that of the same fit to the expected
            curve; nan for none.
    """

    share: np.ndarray
    bias: np.ndarray
    half_width: np.ndarray
    over_spread: np.ndarray
    split: float
    bends: float
    emptied: float
    crossover: float


def coverage(
    grams: Iterable[np.ndarray],
    expected: np.ndarray,
    fit: Callable[..., tuple[Regimes, Scatter]] = fit_window,
) -> Coverage:
    """Coverage of a fit over realisations of a walk.

    Args:
        grams: (n, n) inner products of increments of each.
        expected: (n,) MSD over realisations, at lags 1 .. n.
        fit: regimes of a Gram matrix, and the scatter that they were judged by.
    """
    truth = ExpectedCurve(expected)
    rows, regimes, bends, crossovers = [], [], [], []
    for seed, gram in enumerate(grams):
        found, scatter = fit(gram, seed=seed)
        rows.append([_against(truth, segment) for segment in _chosen(found)])
        regimes.append(len(found.segments))
        bends += [segment.bends for segment in found.segments]
        if found.crossover_lag.defined:
            at = truth.crossover(len(found.segments), scatter.weights)
            crossovers.append(found.crossover_lag.low <= at <= found.crossover_lag.high)
    held, off, half = np.moveaxis(np.array(rows, dtype=float), 2, 0)
    width = np.median(half, axis=0)
    return Coverage(
        held.mean(axis=0),
        off.mean(axis=0),
        width,
        width / (1.96 * off.std(axis=0, ddof=1)),
        float(np.mean(np.array(regimes) > 1)),
        float(np.mean(bends)),
        float(np.mean(2 * half > WIDEST)),
        float(np.mean(crossovers)) if crossovers else float("nan"),
    )


class ExpectedCurve:
    """The expected MSD of a window, as fits see it.

    Args:
        msd: (n,) at lags 1 .. n.
    """

    def __init__(self, msd: np.ndarray):
        lags = np.arange(1, len(msd) + 1)
        chosen = logarithmic_selection(lags)
        self._lags, self._log_msd = lags[chosen], np.log(msd[chosen])

    def slope(self, first: float, last: float) -> float:
        """Least-squares slope over the fitted lags from one to another, both included."""
        part = (self._lags >= first) & (self._lags <= last)
        return float(slope_weights(np.log(self._lags[part])) @ self._log_msd[part])

    def crossover(self, regimes: int, weights: np.ndarray) -> float:
        """Where the last of so many regimes begins, if the same fit is made to this curve."""
        family = PieceFamily(np.log(self._lags), weights, regimes, float(np.log(SEGMENT_FACTOR)))
        return float(self._lags[family.pieces(self._log_msd).knots[-2]])


def _chosen(found: Regimes) -> tuple[Segment, Segment, Segment]:
    largest = max(found.segments, key=lambda segment: segment.exponent.value)
    return found.segments[0], largest, found.segments[-1]


def _against(truth: ExpectedCurve, segment: Segment) -> tuple[float, float, float]:
    """Whether the interval holds the truth, exponent less truth, half-width."""
    exponent: Estimate = segment.exponent
    slope = truth.slope(segment.first_lag, segment.last_lag)
    held = exponent.low <= slope <= exponent.high
    return held, exponent.value - slope, (exponent.high - exponent.low) / 2
