"""Bursts of the loss along training: increments, avalanches and moving variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import jackknife_interval
from sgdwalk.fits.pair_bins import BLOCKS, time_blocks


@dataclass(frozen=True)
class Avalanches:
    """Runs of `|dL|` above its standard deviation, in order of time."""

    threshold: Annotated[float, "standard deviation of |dL|", "loss"]
    start: Annotated[np.ndarray, "(n,) index of the first loss increment of each avalanche"]
    duration: Annotated[np.ndarray, "(n,) loss increments of each avalanche"]
    size: Annotated[np.ndarray, "(n,) sum of |dL| over each avalanche", "loss"]
    peak: Annotated[np.ndarray, "(n,) index of the largest |dL| of each avalanche"]
    mean_duration: Annotated[Estimate, "mean number of increments; nan without an avalanche"]
    independent_mean_duration: Annotated[float, "the same for increments in random order"]


@dataclass(frozen=True)
class Aftermath:
    """Loss along the contour from the peak of one avalanche on."""

    peak: Annotated[int, "index of the largest |dL|, and of the position where it begins"]
    duration: Annotated[int, "loss increments of the avalanche"]
    contour: Annotated[np.ndarray, "(m,) contour length from that position", "parameter"]
    loss: Annotated[np.ndarray, "(m,) loss at this position and the next ones", "loss"]
    increment: Annotated[
        np.ndarray, "(m-1,) |dL| between one position and the next, the peak first", "loss"
    ]


def loss_increments(loss: np.ndarray) -> np.ndarray:
    """Return the (T-1,) increments `L_{t+1} - L_t` of (T,) losses.

    Raises:
        InputError: if losses are not finite, or fewer than three.
    """
    loss = np.asarray(loss, dtype=float)
    if loss.ndim != 1 or loss.size < 3 or not np.all(np.isfinite(loss)):
        raise InputError(f"losses: shape {loss.shape}; needed are three or more, all finite")
    return np.diff(loss)


def find_avalanches(loss: np.ndarray, blocks: int = BLOCKS) -> Avalanches:
    """Find the runs of consecutive increments with `|dL|` above its standard deviation.

    The threshold is that of `|dL|`, not of dL: more than half of Gaussian increments are above it,
    so that runs are no rarity. In random order, m large ones of n increments come on average in
    `m (n - m + 1) / n` runs, which gives the null of the mean duration.

    Args:
        loss: (T,) losses.
        blocks: number of blocks of time of the jackknife, each with the runs that start in it.

    Returns:
        The avalanches, with the 95 % interval of their mean duration.

    Raises:
        InputError: as `loss_increments`.

    Source: Chen, Qu and Gong, Neural Networks 149 (2022); number of runs: Wald and Wolfowitz, Ann.
    Math. Stat. 11, 147 (1940).
    """
    increments = loss_increments(loss)
    moduli = np.abs(increments)
    threshold = float(moduli.std(ddof=1))
    large = moduli > threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[False], large, [False]]).astype(np.int8)))
    start, stop = edges[::2], edges[1::2]
    total = np.concatenate([[0.0], np.cumsum(moduli)])
    duration = stop - start

    count, above = len(increments), int(large.sum())
    slices = time_blocks(count, min(blocks, count))
    block = np.searchsorted([b.stop for b in slices], start, side="right")
    without = [duration[block != b].mean() for b in np.unique(block) if np.any(block != b)]
    mean = duration.mean() if duration.size else np.nan
    return Avalanches(
        threshold,
        start,
        duration,
        total[stop] - total[start],
        np.array([a + moduli[a:b].argmax() for a, b in zip(start, stop, strict=True)], dtype=int),
        jackknife_interval(mean, np.array(without)),
        count / (count - above + 1) if above else np.nan,
    )


def after_longest(
    avalanches: Avalanches,
    loss: np.ndarray,
    contour: np.ndarray,
    count: int = 5,
    steps: int = 50,
) -> list[Aftermath]:
    """Follow loss and `|dL|` along the contour after the peaks of the longest avalanches.

    Args:
        avalanches: result of `find_avalanches(loss)`.
        loss: (T,) losses.
        contour: (T, T) contour lengths.
        count: how many avalanches; of equal durations the larger sizes come first.
        steps: records to follow each, fewer at the end of the window.

    Returns:
        Up to `count` aftermaths, the longest avalanche first.

    Raises:
        InputError: if contour lengths and losses do not belong together.

    Source: Chen, Qu and Gong, Neural Networks 149 (2022).
    """
    loss = np.asarray(loss, dtype=float)
    if np.shape(contour) != (loss.size, loss.size):
        raise InputError(f"avalanches: contour {np.shape(contour)} with losses {loss.shape}")
    longest = np.lexsort((-avalanches.size, -avalanches.duration))[:count]
    result = []
    for index in longest:
        peak = int(avalanches.peak[index])
        after = slice(peak, peak + steps + 1)
        result.append(
            Aftermath(
                peak,
                int(avalanches.duration[index]),
                contour[peak, after],
                loss[after],
                np.abs(np.diff(loss[after])),
            )
        )
    return result


def moving_variance(loss: np.ndarray, window: int) -> np.ndarray:
    """Variance of the loss in a window that moves one record at a time.

    Args:
        loss: (T,) losses, of any length.
        window: records in the window.

    Returns:
        (T - window + 1,) unbiased variances; entry i is of records i to i + window - 1.

    Raises:
        InputError: if the window does not fit, or losses are not finite.
    """
    loss = np.asarray(loss, dtype=float)
    if loss.ndim != 1 or not 2 <= window <= loss.size or not np.all(np.isfinite(loss)):
        raise InputError(
            f"moving variance: window {window} of losses {loss.shape}; "
            "the window must hold two or more and fit, losses must be finite"
        )
    return np.lib.stride_tricks.sliding_window_view(loss, window).var(axis=1, ddof=1)
