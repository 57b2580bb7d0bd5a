"""Nulls of the mean squared displacement by random signs: the same steps, uncorrelated.

Every increment is turned round, or not, at random, ``G_ij -> G_ij s_i s_j``: the steps keep their
sizes, their order and the lines they lie on, and lose what they know of each other. Where a walk's
steps are independent and symmetric about zero it is one of its own null curves, whatever the sizes
of its steps do and however many dimensions it has, and levels are exact (a randomisation test;
Lehmann and Romano 2005, Testing Statistical Hypotheses, section 15.2).

Lags are index differences here, in records.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.pieces import slope_weights
from sgdwalk.geometry.distances import as_gram

LEVEL = 0.95
SLOPE_ENDS = (0.025, 0.975)
# Logarithms of an MSD, and slopes of it, are not told apart below this; nor is an MSD below this
# part of that of uncorrelated steps told from zero. Both are rounding.
RESOLUTION = 1e-7
# Variances of steps are no smaller than this part of their median, or the smallest would decide.
SMALLEST_SIZE = 1e-3
# Weights depend on the mean that they give: after this many rounds they no longer change.
WEIGHT_ROUNDS = 4
# Standard errors from which on autocorrelation of the sizes is believed, and steps that it takes.
SIGNIFICANT = 3.0
SHORTEST_SHARING = 10
# Draws whose signs, and products of signs, stay in a processor's cache.
_CHUNK = 50


@dataclass(frozen=True)
class SignNull:
    """MSD of the same increments with random signs, at ``m`` lags.

    Attributes:
        lags: ``(m,)`` in records; of unequal steps mean lags of bins, in optimizer steps.
        mean: ``(m,)`` exact mean over all signs.
        spread: ``(m,)`` standard deviation of the logarithm of the MSD, of the log-normal
            distribution that has the exact mean and variance over all signs.
        low: ``(m,)`` lower edge of the simultaneous band: 95 % of whole null curves stay inside.
        high: ``(m,)`` upper edge; both are the mean where signs change nothing, as at lag 1.
        smallest: ``(m,)`` what an MSD counts as where it is smaller, by rounding.
        curves: ``(draws, m)`` MSD of each draw of signs.
    """

    lags: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray
    smallest: np.ndarray
    curves: np.ndarray

    def deviations(self, msd: ArrayLike) -> np.ndarray:
        """How far curves lie from the null at each lag, in its spread; positive above.

        Args:
            msd: ``(..., m)`` mean squared displacements at ``lags``.

        Returns:
            ``(..., m)``; near zero where a curve and the null differ by rounding alone.

        Raises:
            InputError: not ``m`` finite numbers of zero or more.
        """
        return _deviations(self._checked(msd), self.mean, self.spread)

    def inside(self, msd: ArrayLike) -> bool:
        """Whether a curve stays within the band at every lag: if and only if ``p_value`` > 0.05.

        Args:
            msd: ``(m,)`` mean squared displacement at ``lags``.

        Raises:
            InputError: as ``deviations``.
        """
        largest = _largest(self.deviations(self.curves))
        return bool(_largest(self.deviations(msd)) <= _at_level(largest) + RESOLUTION)

    def p_value(self, msd: ArrayLike) -> float:
        """Probability that steps without correlation give a curve that strays as far.

        Args:
            msd: ``(m,)`` mean squared displacement at ``lags``.

        Returns:
            Share of null curves, the given one among them, that deviate at their most deviant lag
            as much as the given one at its; ``1 / (draws + 1)`` or more.

        Raises:
            InputError: as ``deviations``.
        """
        largest = _largest(self.deviations(self.curves))
        further = largest >= _largest(self.deviations(msd)) - RESOLUTION
        return float((further.sum() + 1) / (len(largest) + 1))

    def slope(self, first: float, last: float) -> Estimate:
        """Exponent of null curves: ordinary least squares of log MSD by log lag.

        Args:
            first: smallest lag of the fit, in records.
            last: largest lag; the fit takes all of ``lags`` from the one to the other.

        Returns:
            Mean over the draws, and the interval that holds 95 % of them.

        Raises:
            InputError: fewer than two of ``lags`` from ``first`` to ``last``.
        """
        slopes = self._slopes(self.curves, first, last)
        low, high = np.quantile(slopes, SLOPE_ENDS, method="weibull")
        return Estimate(float(slopes.mean()), float(low - RESOLUTION), float(high + RESOLUTION))

    def slope_of(self, msd: ArrayLike, first: float, last: float) -> float:
        """Exponent of a curve as ``slope`` takes those of null curves.

        Args:
            msd: ``(m,)`` mean squared displacement at ``lags``.
            first: as of ``slope``.
            last: as of ``slope``.

        Raises:
            InputError: as ``deviations`` and ``slope``.
        """
        return float(self._slopes(self._checked(msd), first, last))

    def _slopes(self, curves: np.ndarray, first: float, last: float) -> np.ndarray:
        chosen = (self.lags > first - RESOLUTION) & (self.lags < last + RESOLUTION)
        if chosen.sum() < 2:
            raise InputError(
                f"slope: {chosen.sum()} lags from {first} to {last}; must be 2 at least"
            )
        return np.log(curves[..., chosen]) @ slope_weights(np.log(self.lags[chosen]))

    def _checked(self, msd: ArrayLike) -> np.ndarray:
        values = np.asarray(msd, dtype=np.float64)
        if values.shape[-1:] != self.lags.shape:
            raise InputError(f"msd: shape {values.shape}; must be of {self.lags.size} lags")
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise InputError("msd: must be finite and not negative at every lag")
        return np.maximum(values, self.smallest)


def sign_null(
    gram: ArrayLike, lags: ArrayLike, draws: int = 200, seed: int = 0, keep_drift: bool = False
) -> SignNull:
    """MSD of the same increments with random signs: what is left without correlations.

    A mean drift is correlation too: of a drifting walk, the whole of its drift is. With
    ``keep_drift`` signs are those of the increments less their mean, which are centred again,
    scaled by ``1 / sqrt(1 - w_t)`` for what centring takes from their squares, and given the mean
    increment back. The mean has weights ``w_t``, one over the variance of each increment as far as
    it can be known. The drift is the same all along: one that shrinks with the steps, or turns, is
    correlation. Levels are approximate.

    The MSD of a draw is a quadratic form of its signs, so mean and variance over all signs are
    exact, and curves are made without a walk. The band is that of ``deviations``: of the draws'
    largest, over lags, it takes the one that 95 % do not exceed.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments.
        lags: ``(m,)`` index differences, increasing, 1 to ``T-1``.
        draws: of signs, at least 40 for 95 %.
        seed: of the signs.
        keep_drift: whether the mean increment stays as it is.

    Returns:
        A ``SignNull``.

    Raises:
        InputError: ``gram`` is no Gram matrix, see ``geometry.distances.as_gram``, or of a walk
            that does not move; lags are not as above; fewer than 40 draws; the drift of a single
            increment.
    """
    values = as_gram(gram)
    count = len(values)
    lags = _as_lags(lags, count)
    if draws < 40:
        raise InputError(f"draws: {draws}; a 95 % band needs at least 40")
    if not values.diagonal().any():
        raise InputError("gram: the walk does not move; its steps have no signs")
    if keep_drift and count < 2:
        raise InputError("gram: a single increment is all drift; must be at least 2")
    signs = np.random.default_rng(seed).integers(0, 2, (draws, count)) * 2.0 - 1.0
    null = _about_drift if keep_drift else _about_zero
    mean, variance, curves = null(values, lags, signs)
    return _null(lags, mean, variance, curves, RESOLUTION * lags * (values.trace() / count))


def sign_null_of_forms(
    gram: np.ndarray, lags: np.ndarray, forms: np.ndarray, draws: int = 200, seed: int = 0
) -> SignNull:
    """The same of an MSD of which each value is a quadratic form of the increments, as of bins.

    Args:
        gram: (n, n) inner products of increments.
        lags: (m,) of the values.
        forms: (m, n, n) symmetric; a value is the sum of a form times `gram`.
        draws: of signs.
        seed: of the signs.

    Raises:
        InputError: if the walk does not move.
    """
    if not gram.diagonal().any():
        raise InputError("gram: the walk does not move; its steps have no signs")
    signs = np.random.default_rng(seed).integers(0, 2, (draws, len(gram))) * 2.0 - 1.0
    squares = gram.diagonal()
    mean = np.einsum("bii,i->b", forms, squares)
    variance, curves = np.empty(len(forms)), np.empty((draws, len(forms)))
    for b, form in enumerate(forms):
        products = form * gram
        own = products.diagonal()
        variance[b] = 2 * (np.vdot(products, products) - own @ own)
        curves[:, b] = ((signs @ products) * signs).sum(axis=1)
    return _null(lags, mean, variance, curves, RESOLUTION * mean)


def _null(
    lags: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    curves: np.ndarray,
    smallest: np.ndarray,
) -> SignNull:
    """With its band, from the moments over all signs and some curves."""
    mean, curves = np.maximum(mean, smallest), np.maximum(curves, smallest)
    spread = np.sqrt(np.log1p(np.maximum(variance, 0.0) / mean**2))
    reach = _at_level(_largest(_deviations(curves, mean, spread)))
    low, high = (
        np.where(spread > RESOLUTION, mean * np.exp(sign * reach * spread - spread**2 / 2), mean)
        for sign in (-1, 1)
    )
    return SignNull(lags, mean, spread, low, high, smallest, curves)


def _as_lags(lags: ArrayLike, count: int) -> np.ndarray:
    found = np.asarray(lags)
    if found.ndim != 1 or found.size == 0 or found.dtype.kind not in "iu":
        raise InputError(f"lags: {found.dtype}, shape {found.shape}; must be whole numbers, (m,)")
    if found[0] < 1 or found[-1] > count or not (np.diff(found.astype(np.int64)) > 0).all():
        raise InputError(f"lags: {found[0]} .. {found[-1]}; must increase, within 1 to {count}")
    return found.astype(np.int64)


def _deviations(curves: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Log MSD less its mean, over its spread, were it normal: it nearly is.

    Of a sum of squares, the power that makes it most nearly normal (Jensen and Solomon 1972, J. Am.
    Stat. Assoc. 67) is 0.16 to 0.26 for the MSD of a Brownian walk: not far from the logarithm.
    """
    return (np.log(curves / mean) + spread**2 / 2) / np.maximum(spread, RESOLUTION)


def _largest(deviations: np.ndarray) -> np.ndarray:
    return np.abs(deviations).max(axis=-1)


def _at_level(largest: np.ndarray) -> float:
    """What one more like them exceeds with a probability of 5 % or a little less."""
    return float(np.sort(largest)[ceil(LEVEL * (len(largest) + 1)) - 1])


_Moments = tuple[np.ndarray, np.ndarray, np.ndarray]


def _about_zero(gram: np.ndarray, lags: np.ndarray, signs: np.ndarray) -> _Moments:
    """Mean ``(m,)``, variance ``(m,)`` and curves ``(draws, m)`` of the MSD of random signs.

    With ``A`` the numbers of windows that hold both of two increments, the MSD of signs ``s`` is
    ``s (A G) s`` over the number of windows: its mean is the trace, its variance twice the sum of
    squares off the diagonal.
    """
    count = len(gram)
    windows = count + 1.0 - lags
    held = _windows_that_hold(count, lags)
    mean = held @ gram.diagonal() / windows
    variance = np.zeros(lags.size)
    products, reach = _by_distance(gram, lags[-1])
    for row, lag in enumerate(lags):
        weighted = _windows_that_hold_both(reach[1:lag], lag, windows[row]) * products[1:lag]
        variance[row] = 4.0 * np.vdot(weighted, weighted)
    return mean, variance / windows**2, _window_sums(gram, lags, signs) / windows


def _about_drift(gram: np.ndarray, lags: np.ndarray, signs: np.ndarray) -> _Moments:
    """Mean, variance and curves as of ``_about_zero``, of random signs about the mean increment.

    With weights ``w`` of the mean, centring both sides of the signed residuals' Gram matrix is
    centring ``A`` instead: ``A_ij + w_i p_j + p_i w_j``. The residuals' products with the drift add
    a term linear in the signs.
    """
    count = len(gram)
    weights = _drift_weights(gram)
    along = gram @ weights
    drift = max(float(weights @ along), 0.0)
    residual = gram - along - along[:, None] + drift
    along -= drift
    scale = 1.0 / np.sqrt(1.0 - weights)
    along, residual = along * scale, residual * scale * scale[:, None]
    power = residual.diagonal()

    windows = count + 1.0 - lags
    held = lags[:, None] * _windows_that_hold(count, lags)  # row sums of A
    shared = (lags**2 * windows)[:, None] * weights
    balance = shared / 2.0 - held  # p
    linear = 2.0 * (held - shared) * along
    ballistic = drift * lags.astype(np.float64) ** 2
    mean = (held / lags[:, None] + 2.0 * weights * balance) @ power / windows + ballistic

    signed = ((signs * weights) @ residual) * signs
    curves = _window_sums(residual, lags, signs) + 2.0 * signed @ balance.T + signs @ linear.T

    variance = np.einsum("ij,ij->i", linear, linear)
    products, reach = _by_distance(residual, lags[-1])
    squares = residual**2
    np.fill_diagonal(squares, 0.0)
    for row, lag in enumerate(lags):
        # Sum of (A_ij + w_i p_j + p_i w_j)^2 R_ij^2: without A everywhere, with it in its band.
        p = balance[row]
        without = weights**2 @ squares @ p**2 + (weights * p) @ squares @ (weights * p)
        both = _windows_that_hold_both(reach[1:lag], lag, windows[row])
        centring = weights * _shifted(p, lag)[1:] + p * _shifted(weights, lag)[1:]
        within = np.vdot(both * (both + 2.0 * centring), products[1:lag] ** 2)
        variance[row] += 4.0 * (without + within)
    return mean, variance / windows**2, curves / windows + ballistic


def _drift_weights(gram: np.ndarray) -> np.ndarray:
    """``(n,)`` weights of the mean increment: one over the variance of each, as far as it is known.

    Given the mean of these weights, what else there is of a walk of independent normal steps knows
    nothing of its drift. With any others the error of the mean is part of steps that are smaller
    than it, and correlates them (Aitken 1936, Proc. R. Soc. Edinburgh 55).

    What is known of variances is what sizes share with those of the steps around them. By that part
    of the scatter of their logarithms weights follow the sizes; the rest is chance, or asymmetry,
    which would tie weights to directions. Sizes that share nothing for certain weigh alike.
    """
    count = len(gram)
    weights = np.zeros(count)
    for _ in range(WEIGHT_ROUNDS):
        along = gram @ weights
        sizes = (gram.diagonal() - 2.0 * along + weights @ along) / (1.0 - weights)
        least = max(SMALLEST_SIZE * np.median(sizes), RESOLUTION**2 * gram.diagonal().mean())
        sizes = np.maximum(sizes, least)
        weights = sizes ** -_shared_part(np.log(sizes))
        weights /= weights.sum()
    return weights


def _shared_part(values: np.ndarray) -> float:
    """Part of the variance that values share with their neighbours, 0 to 1; 0 if not significant.

    It is the autocorrelation, from lags 1 to 4 by a straight line back to lag 0.
    """
    count = len(values)
    values = values - values.mean()
    variance = np.mean(values**2)
    if count < SHORTEST_SHARING or variance < RESOLUTION**2:
        return 0.0
    near = np.array([np.mean(values[lag:] * values[:-lag]) for lag in range(1, 5)]) / variance
    if near.sum() < SIGNIFICANT * np.sqrt(len(near) / count):
        return 0.0
    return float(np.clip(near[0] + (near[:2].sum() - near[2:].sum()) / 4.0, 0.0, 1.0))


def _windows_that_hold(count: int, lags: np.ndarray) -> np.ndarray:
    """``(m, n)`` number of windows of each lag that hold each increment."""
    index = np.arange(count)
    reach = np.minimum(index + 1, count - index)
    shortest = np.minimum(lags, count + 1 - lags)
    return np.minimum(reach, shortest[:, None]).astype(np.float64)


def _windows_that_hold_both(reach: np.ndarray, lag: int, windows: float) -> np.ndarray:
    """``(lag - 1, n)`` number of windows that hold increment ``i`` and, from row 1, ``i + d``."""
    distance = np.arange(1, len(reach) + 1)[:, None]
    return np.minimum(reach, np.minimum(lag - distance, windows))


def _by_distance(gram: np.ndarray, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Products and reach of increments ``i`` and ``i + d``, each ``(largest, n)``; zero beyond.

    The reach is the number of windows, of any length, that hold both: those that start at ``i``
    or before, and end at ``i + d`` or after, whichever are fewer.
    """
    count = len(gram)
    products, reach = np.zeros((2, largest, count))
    index = np.arange(count)
    for distance in range(largest):
        products[distance, : count - distance] = gram.diagonal(distance)
        reach[distance] = np.clip(count - distance - index, 0, index + 1)
    return products, reach


def _shifted(values: np.ndarray, rows: int) -> np.ndarray:
    """``(rows, n)`` whose row ``d`` holds entry ``i + d``; zero beyond."""
    padded = np.concatenate([values, np.zeros(rows - 1)])
    return np.lib.stride_tricks.sliding_window_view(padded, len(values))


def _window_sums(gram: np.ndarray, lags: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """``(draws, m)`` sums of squared displacements over all windows, of signed increments.

    Were the walk at rest before its start and after its end, windows might stick out, and their
    sum would be that of ``lag - |d|`` times the products of increments ``d`` apart. Those that
    stick out hold the first or last ``1 .. lag - 1`` increments: their squares are taken off.
    """
    largest = int(lags[-1])
    sums = np.zeros((len(signs), largest + 1))
    sums[:, 1:] = _sums_by_distance(gram, largest, signs)
    sums[:, 2:] *= 2.0
    inner = np.s_[: largest - 1]
    back = np.s_[::-1]
    sums[:, 2:] -= _added_squares(gram[inner, inner], signs[:, inner])
    sums[:, 2:] -= _added_squares(gram[back, back][inner, inner], signs[:, back][:, inner])
    return sums.cumsum(axis=1).cumsum(axis=1)[:, lags]


def _sums_by_distance(gram: np.ndarray, largest: int, signs: np.ndarray) -> np.ndarray:
    """``(draws, largest)`` sums of the signed products of increments ``d`` apart, from 0."""
    count = len(gram)
    sums = np.empty((largest, len(signs)))
    for start in range(0, len(signs), _CHUNK):
        some = np.ascontiguousarray(signs[start : start + _CHUNK].T)
        pairs = np.empty_like(some)
        for distance in range(largest):
            np.multiply(some[: count - distance], some[distance:], out=pairs[: count - distance])
            sums[distance, start : start + _CHUNK] = (
                gram.diagonal(distance) @ pairs[: count - distance]
            )
    return sums.T


def _added_squares(gram: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """``(draws, k)`` what each signed increment adds to the squared distance from the first."""
    return 2.0 * signs * (signs @ np.triu(gram, 1)) + gram.diagonal()
