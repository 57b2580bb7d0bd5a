"""Memory of the walk's increments: velocity autocorrelation and reversals of direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.fits.intervals import jackknife_error
from sgdwalk.fits.pair_bins import BLOCKS, time_blocks
from sgdwalk.geometry.distances import as_gram


@dataclass(frozen=True)
class LagCurve:
    """A mean over pairs of increments at each of n lags, with its null."""

    lag: Annotated[np.ndarray, "(n,) lags", "step"]
    value: Annotated[np.ndarray, "(n,) mean over pairs of increments at this lag"]
    error: Annotated[np.ndarray, "(n,) its standard error by block jackknife over time"]
    null: Annotated[float, "value for the same increments in random order"]


def velocity_autocorrelation(
    gram: ArrayLike, stride: int = 1, largest_lag: int | None = None, blocks: int = BLOCKS
) -> LagCurve:
    """Velocity autocorrelation `mean_i G_{i,i+lag} / mean_i G_ii` of the increments.

    Negative at short lags where the walk zigzags across a valley, positive where it drifts or
    remembers its direction. The null is not zero if the walk drifts: a mean increment correlates
    with itself in any order.

    Args:
        gram: (T-1, T-1) inner products of increments.
        stride: optimizer steps between recorded positions.
        largest_lag: in records; a quarter of the window by default.
        blocks: number of blocks of time of the jackknife.

    Returns:
        The autocorrelation at lags of 1 to `largest_lag` records.

    Raises:
        InputError: if `gram` is no Gram matrix, of a walk at rest, or the largest lag does not fit.
    """
    values = as_gram(gram)
    power = values.diagonal()
    if not power.any():
        raise InputError("velocity: the walk does not move")
    sums, counts = _diagonal_sums(values.diagonal, len(values), largest_lag, blocks)
    slices = time_blocks(len(values), blocks)
    power_sums = np.array([power[b].sum() for b in slices])
    power_counts = np.array([b.stop - b.start for b in slices])
    mean_power, mean_power_without = _jackknife_means(power_sums, power_counts)
    mean, without = _jackknife_means(sums, counts)
    return LagCurve(
        np.arange(1, sums.shape[1] + 1) * stride,
        mean / mean_power,
        jackknife_error(without / mean_power_without[:, None]),
        float((values.sum() - power.sum()) / _pairs(values) / power.mean()),
    )


def reversal_fraction(
    gram: ArrayLike, stride: int = 1, largest_lag: int | None = None, blocks: int = BLOCKS
) -> LagCurve:
    """Fraction of increments that point against the one a lag before, `G_{i,i+lag} < 0`.

    The direction-reversal statistic: one half without memory or drift, more where the walk turns
    back, less where it keeps its direction. Unlike the autocorrelation it does not weigh large
    increments more. Products of exactly zero count one half.

    Args:
        gram: (T-1, T-1) inner products of increments.
        stride: optimizer steps between recorded positions.
        largest_lag: in records; a quarter of the window by default.
        blocks: number of blocks of time of the jackknife.

    Returns:
        The fraction at lags of 1 to `largest_lag` records.

    Raises:
        InputError: as `velocity_autocorrelation`.
    """
    values = as_gram(gram)
    zero = np.count_nonzero(values == 0) - np.count_nonzero(values.diagonal() == 0)
    null = (np.count_nonzero(values < 0) + zero / 2) / _pairs(values)
    sums, counts = _diagonal_sums(
        lambda lag: (1 - np.sign(values.diagonal(lag))) / 2, len(values), largest_lag, blocks
    )
    return _lag_curve(sums, counts, stride, null)


def turning_cosine(
    gram: ArrayLike, stride: int = 1, largest_lag: int | None = None, blocks: int = BLOCKS
) -> LagCurve:
    """Mean cosine of the angle between an increment and the one a lag before.

    Args:
        gram: (T-1, T-1) inner products of increments.
        stride: optimizer steps between recorded positions.
        largest_lag: in records; a quarter of the window by default.
        blocks: number of blocks of time of the jackknife.

    Returns:
        The mean cosine at lags of 1 to `largest_lag` records; zero increments have cosine zero.

    Raises:
        InputError: as `velocity_autocorrelation`.
    """
    values = as_gram(gram)
    norm = np.sqrt(values.diagonal())
    inverse = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
    null = (inverse @ values @ inverse - np.count_nonzero(norm)) / _pairs(values)
    sums, counts = _diagonal_sums(
        lambda lag: values.diagonal(lag) * inverse[:-lag] * inverse[lag:],
        len(values),
        largest_lag,
        blocks,
    )
    return _lag_curve(sums, counts, stride, null)


def _diagonal_sums(
    diagonal: Callable[[int], np.ndarray], length: int, largest_lag: int | None, blocks: int
) -> tuple[np.ndarray, np.ndarray]:
    """(B, lags) sums of each diagonal over the increments that start in a block, and how many."""
    largest = max(length // 4, 1) if largest_lag is None else largest_lag
    if not 1 <= largest < length:
        raise InputError(f"velocity: largest lag {largest}; allowed are 1 to {length - 1} records")
    starts = np.array([b.start for b in time_blocks(length, blocks)])
    ends = np.append(starts[1:], length)
    sums, counts = np.empty((blocks, largest)), np.empty((blocks, largest))
    for lag in range(1, largest + 1):
        running = np.concatenate([[0.0], np.cumsum(diagonal(lag))])
        a, b = np.minimum(starts, length - lag), np.minimum(ends, length - lag)
        sums[:, lag - 1], counts[:, lag - 1] = running[b] - running[a], b - a
    return sums, counts


def _lag_curve(sums: np.ndarray, counts: np.ndarray, stride: int, null: float) -> LagCurve:
    mean, without = _jackknife_means(sums, counts)
    lag = np.arange(1, sums.shape[1] + 1) * stride
    return LagCurve(lag, mean, jackknife_error(without), float(null))


def _jackknife_means(sums: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total, number = sums.sum(axis=0), counts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / number, (total - sums) / (number - counts)


def _pairs(gram: np.ndarray) -> int:
    """Number of pairs of different increments, whose mean random order gives at every lag."""
    return len(gram) * (len(gram) - 1)


VELOCITY = {
    "autocorrelation": velocity_autocorrelation,
    "reversals": reversal_fraction,
    "cosine": turning_cosine,
}
