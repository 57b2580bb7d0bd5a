"""A continuous piecewise linear function fitted to data with correlated Gaussian errors.

Given its breakpoints the function is linear in its parameters, so their posterior and the evidence
are exact. Breakpoints are summed over on a grid that closes in on where the evidence is: nothing
is linearised, and an ill-determined breakpoint widens the intervals of the slopes beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np

# Cells of the grid per breakpoint, by number of breakpoints.
CELLS = {1: 64, 2: 24}
ROUNDS = 6
# Cells whose evidence is below exp(-this) of the best are left outside the next, finer grid.
NEGLIGIBLE = 10.0


@dataclass(frozen=True)
class PiecewiseFit:
    """A function of ``k`` pieces: best values, intervals and evidence.

    Attributes:
        breakpoints: ``(k-1,)`` where the evidence is largest.
        intercept: value at the first point.
        slopes: ``(k,)`` posterior means at the best breakpoints.
        breakpoint_intervals: ``(k-1, 2)`` central intervals, extended to hold the best value.
        slope_intervals: ``(k, 2)`` likewise, with the breakpoints summed over.
        log_evidence: logarithm of the marginal likelihood.
    """

    breakpoints: np.ndarray
    intercept: float
    slopes: np.ndarray
    breakpoint_intervals: np.ndarray
    slope_intervals: np.ndarray
    log_evidence: float


def evaluate_pieces(x: np.ndarray, start: float, fit: PiecewiseFit) -> np.ndarray:
    """The fitted function at ``x``, its outer pieces continued; ``start`` is the first point."""
    edges = np.concatenate([[-np.inf], fit.breakpoints, [np.inf]])
    anchors = np.concatenate([[start], fit.breakpoints])
    values = np.full(x.shape, fit.intercept)
    for slope, low, high, anchor in zip(fit.slopes, edges, edges[1:], anchors, strict=False):
        values += slope * (np.clip(x, low, high) - anchor)
    return values


def fit_pieces(
    x: np.ndarray,
    y: np.ndarray,
    covariance: np.ndarray,
    pieces: int,
    min_width: float,
    prior_slope: float,
    prior_spread: float,
    coverage: float,
) -> PiecewiseFit | None:
    """Fit a continuous function of ``pieces`` straight pieces by Bayesian least squares.

    The intercept has a flat prior, slopes a normal one, breakpoints a uniform one over all places
    that leave each piece its least width.

    Args:
        x: ``(n,)`` increasing.
        y: ``(n,)`` data.
        covariance: ``(n, n)`` of the errors of ``y``, positive definite.
        pieces: number of pieces, 1 to 3.
        min_width: least width of a piece, in units of ``x``.
        prior_slope: mean of the slopes before the data.
        prior_spread: their standard deviation.
        coverage: probability content of the intervals.

    Returns:
        The fit, or None where the data are too few or span too little for so many pieces.
    """
    room = x[-1] - x[0] - pieces * min_width
    if x.size < 2 * pieces or (pieces > 1 and room <= 0):
        return None
    model = _LinearModel(x, y, covariance, prior_slope, prior_spread)
    breaks, cell, posterior = _closing_in(model, pieces, min_width, room)
    largest = posterior.log_evidence.max()
    weight = np.exp(posterior.log_evidence - largest)
    prior_volume = room ** (pieces - 1) / factorial(pieces - 1)
    log_evidence = largest + np.log(weight.sum() * np.prod(cell) / prior_volume)
    weight /= weight.sum()
    best = weight.argmax()
    tail = 0.5 * (1.0 - coverage)
    slopes = posterior.mean[:, 1:]
    spread = np.sqrt(posterior.covariance.diagonal(axis1=1, axis2=2)[:, 1:])
    slope_intervals = [
        [_mixture_quantile(p, slopes[:, i], spread[:, i], weight) for p in (tail, 1 - tail)]
        for i in range(pieces)
    ]
    breakpoint_intervals = [
        _grid_quantiles([tail, 1 - tail], breaks[:, i], cell[i], weight) for i in range(pieces - 1)
    ]
    return PiecewiseFit(
        breakpoints=breaks[best],
        intercept=float(posterior.mean[best, 0] + model.offset),
        slopes=slopes[best],
        breakpoint_intervals=_holding(breaks[best], breakpoint_intervals),
        slope_intervals=_holding(slopes[best], slope_intervals),
        log_evidence=float(log_evidence),
    )


@dataclass(frozen=True)
class _Posterior:
    """For each of ``g`` sets of breakpoints: log evidence, mean and covariance of parameters."""

    log_evidence: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray


class _LinearModel:
    """The data whitened once, and the posterior of the linear parameters for any breakpoints."""

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        covariance: np.ndarray,
        prior_slope: float,
        prior_spread: float,
    ):
        self.x = x
        self.offset = y.mean()
        root = np.linalg.cholesky(covariance)
        self.whiten = np.linalg.inv(root)
        self.y = self.whiten @ (y - self.offset)
        self.prior_slope = prior_slope
        self.precision = prior_spread**-2.0
        self.constant = -np.log(root.diagonal()).sum() - 0.5 * (x.size - 1) * np.log(2 * np.pi)

    def posterior(self, breaks: np.ndarray) -> _Posterior:
        """``breaks``: ``(g, k-1)`` sets of breakpoints."""
        groups, pieces = len(breaks), breaks.shape[1] + 1
        first = np.full((groups, 1), self.x[0])
        last = np.full((groups, 1), self.x[-1])
        edges = np.hstack([first, breaks, last])[:, None, :]
        design = np.ones((groups, self.x.size, pieces + 1))
        design[:, :, 1:] = np.clip(self.x[:, None], edges[..., :-1], edges[..., 1:])
        design[:, :, 1:] -= edges[..., :-1]
        design = self.whiten @ design
        precision = np.array([0.0] + [self.precision] * pieces)
        normal = design.transpose(0, 2, 1) @ design + np.diag(precision)
        right = self.y @ design + precision * self.prior_slope
        covariance = np.linalg.inv(normal)
        mean = (covariance @ right[..., None])[..., 0]
        misfit = self.y @ self.y + pieces * self.precision * self.prior_slope**2
        misfit = misfit - (right * mean).sum(axis=1)
        log_evidence = (
            self.constant
            - 0.5 * misfit
            - 0.5 * np.linalg.slogdet(normal)[1]
            + 0.5 * pieces * np.log(self.precision)
        )
        return _Posterior(log_evidence, mean, covariance)


def _closing_in(
    model: _LinearModel, pieces: int, min_width: float, room: float
) -> tuple[np.ndarray, np.ndarray, _Posterior]:
    """Breakpoints ``(g, k-1)`` on the finest grid, its cell size ``(k-1,)``, their posteriors."""
    free = pieces - 1
    if free == 0:
        breaks = np.empty((1, 0))
        return breaks, np.empty(0), model.posterior(breaks)
    lowest = model.x[0] + min_width * np.arange(1, pieces)
    highest = lowest + room
    low, high = lowest, highest
    for _ in range(ROUNDS):
        cell = (high - low) / CELLS[free]
        axes = [low[i] + cell[i] * (np.arange(CELLS[free]) + 0.5) for i in range(free)]
        breaks = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, free)
        breaks = breaks[(np.diff(breaks, axis=1) >= min_width).all(axis=1)]
        posterior = model.posterior(breaks)
        kept = posterior.log_evidence > posterior.log_evidence.max() - NEGLIGIBLE
        new_low = np.maximum(breaks[kept].min(axis=0) - cell, low)
        new_high = np.minimum(breaks[kept].max(axis=0) + cell, high)
        if (new_high - new_low > 0.7 * (high - low)).all():
            break
        low, high = new_low, new_high
    return breaks, cell, posterior


def _holding(best: np.ndarray, intervals: Sequence[np.ndarray | list[float]]) -> np.ndarray:
    """``(k, 2)`` intervals, each extended to its best value where that lies outside."""
    low, high = np.array(intervals).reshape(best.size, 2).T
    return np.stack([np.minimum(low, best), np.maximum(high, best)], axis=1)


def _mixture_quantile(p: float, mean: np.ndarray, spread: np.ndarray, weight: np.ndarray) -> float:
    """Quantile of a mixture of normal distributions, by bisection."""
    from scipy.special import ndtr

    kept = weight > 1e-6 * weight.max()
    mean, spread, weight = mean[kept], spread[kept], weight[kept] / weight[kept].sum()
    low, high = (mean - 9 * spread).min(), (mean + 9 * spread).max()
    for _ in range(40):
        middle = 0.5 * (low + high)
        if weight @ ndtr((middle - mean) / spread) < p:
            low = middle
        else:
            high = middle
    return float(0.5 * (low + high))


def _grid_quantiles(
    p: list[float], centres: np.ndarray, cell: float, weight: np.ndarray
) -> np.ndarray:
    """Quantiles of one breakpoint: uniform within each cell of the grid."""
    places, index = np.unique(centres, return_inverse=True)
    mass = np.bincount(index, weights=weight)
    edges = np.concatenate([[places[0] - cell / 2], places + cell / 2])
    return np.interp(p, np.concatenate([[0.0], np.cumsum(mass)]), edges)
