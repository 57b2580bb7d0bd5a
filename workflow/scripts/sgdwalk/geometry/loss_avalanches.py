"""Bursts of the loss along training: increments, avalanches and moving variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import jackknife_interval
from sgdwalk.fits.pair_bins import BLOCKS, time_blocks
from sgdwalk.geometry.surrogates import DRAWS, surrogate_interval


@dataclass(frozen=True)
class Avalanches:
    """Runs of `|dL|` above its standard deviation, in order of time."""

    threshold: Annotated[float, "standard deviation of |dL|", "loss"]
    start: Annotated[np.ndarray, "(n,) index of the first loss increment of each avalanche"]
    duration: Annotated[np.ndarray, "(n,) loss increments of each avalanche"]
    size: Annotated[np.ndarray, "(n,) sum of |dL| over each avalanche", "loss"]
    peak: Annotated[np.ndarray, "(n,) index of the largest |dL| of each avalanche"]
    mean_duration: Annotated[Estimate, "mean number of increments; nan without an avalanche"]
    reordered_duration: Annotated[
        np.ndarray, "(m,) loss increments of the avalanches of the losses in 39 random orders"
    ]
    reordered_mean_duration: Annotated[
        Estimate, "mean number of increments of those of one order: median and 95 % interval"
    ]


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


def find_avalanches(loss: np.ndarray, seed: int, blocks: int = BLOCKS) -> Avalanches:
    """Find the runs of consecutive increments with `|dL|` above its standard deviation.

    The threshold is that of `|dL|`, not of dL: more than half of Gaussian increments are above it,
    so that runs are no rarity. Neighbouring increments share a loss, so that independent losses
    have longer runs than independent increments would: the null is the losses in random order,
    in which trends of the loss and of its noise go too.

    Args:
        loss: (T,) losses.
        seed: of the random orders.
        blocks: number of blocks of time of the jackknife, each with the runs that start in it.

    Returns:
        The avalanches, with the 95 % interval of their mean duration.

    Raises:
        InputError: as `loss_increments`.

    Source: Chen, Qu and Gong, Neural Networks 149 (2022).
    """
    moduli = np.abs(loss_increments(loss))
    threshold = float(moduli.std(ddof=1))
    start, stop = _runs(moduli, threshold)
    total = np.concatenate([[0.0], np.cumsum(moduli)])
    duration = stop - start

    slices = time_blocks(len(moduli), min(blocks, len(moduli)))
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
        *_in_random_order(np.asarray(loss, dtype=float), seed),
    )


def _runs(moduli: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """First index of each run above the threshold, and the index after its last."""
    large = np.concatenate([[False], moduli > threshold, [False]])
    edges = np.flatnonzero(np.diff(large.astype(np.int8)))
    return edges[::2], edges[1::2]


def _in_random_order(loss: np.ndarray, seed: int) -> tuple[np.ndarray, Estimate]:
    """(m,) durations of the avalanches of all orders, and their mean in one."""
    rng = np.random.default_rng(seed)
    durations = []
    for _ in range(DRAWS):
        moduli = np.abs(np.diff(rng.permutation(loss)))
        start, stop = _runs(moduli, float(moduli.std(ddof=1)))
        durations.append(stop - start)
    means = [float(d.mean()) if d.size else np.nan for d in durations]
    return np.concatenate(durations), surrogate_interval(means)


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
