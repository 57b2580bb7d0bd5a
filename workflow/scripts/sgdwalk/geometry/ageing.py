"""Ageing and ergodicity: does the walk slow down, and does one run speak for all?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.intervals import interval, jackknife_error
from sgdwalk.fits.pair_bins import BLOCKS, time_blocks
from sgdwalk.fits.power_law import PowerLaw, fit_power_law
from sgdwalk.geometry.distances import squared_distances


@dataclass(frozen=True)
class Ageing:
    """MSD at fixed lags against the age of the walk; W windows, n lags.

    The null is the mean over windows, what each would show without ageing; exponents of the power
    laws would be zero. Their intervals are from the scatter of windows about the law.
    """

    start: Annotated[np.ndarray, "(W,) steps t_w taken before each window", "step"]
    lag: Annotated[np.ndarray, "(n,) lags", "step"]
    msd: Annotated[np.ndarray, "(W, n) time-averaged mean squared displacement", "parameter^2"]
    error: Annotated[
        np.ndarray, "(W, n) its standard error by block jackknife over time", "parameter^2"
    ]
    stationary: Annotated[np.ndarray, "(n,) mean of msd over windows", "parameter^2"]
    fits: Annotated[
        tuple[PowerLaw, ...], "power laws of msd in the step at the middle of the window, by lag"
    ]


@dataclass(frozen=True)
class Ergodicity:
    """Ergodicity-breaking parameter EB at n lags."""

    lag: Annotated[np.ndarray, "(n,) lags", "step"]
    breaking: Annotated[
        np.ndarray, "(n,) EB: variance over seeds of the time-averaged MSD over its mean squared"
    ]
    low: Annotated[np.ndarray, "(n,) low end of its 95 % interval"]
    high: Annotated[np.ndarray, "(n,) high end of its 95 % interval"]
    brownian: Annotated[np.ndarray, "(n,) EB of Brownian walks of the same length"]


def ageing(
    grams: Sequence[np.ndarray],
    starts: Sequence[int],
    lags: Sequence[int],
    stride: int = 1,
    blocks: int = BLOCKS,
) -> Ageing:
    """MSD at fixed lags as a function of the step t_w at which the window starts.

    Args:
        grams: W Gram matrices of increments, of windows of one run, (T-1, T-1) each.
        starts: (W,) steps t_w, 0-based.
        lags: n lags in optimizer steps, multiples of the stride.
        stride: optimizer steps between recorded positions.
        blocks: number of blocks of time of the jackknife. Errors are good for lags up to the length
            of a block.

    Returns:
        The MSD by window and lag, with the power law in t_w at each lag.

    Raises:
        InputError: if windows and starts differ in number, or a lag is in no window.
    """
    if len(grams) != len(starts) or not len(grams):
        raise InputError(
            f"ageing: {len(grams)} windows and {len(starts)} starts; each window needs its start"
        )
    curves = [_msd_blocks(d, _records(lags, stride, len(d)), blocks) for d in _distances(grams)]
    msd, error = (np.array(part) for part in zip(*curves, strict=True))
    middle = np.array(starts) + np.array([len(gram) * stride / 2 for gram in grams])
    fits = tuple(fit_power_law(middle, column) for column in msd.T)
    return Ageing(np.array(starts), np.array(lags), msd, error, msd.mean(axis=0), fits)


def ergodicity_breaking(
    grams: Sequence[np.ndarray],
    lags: Sequence[int],
    stride: int = 1,
    dimension: float = 1.0,
) -> Ergodicity:
    """Ergodicity-breaking parameter EB(lag) over runs that differ by their seed.

    EB is zero in the limit of long windows where one run speaks for all. Intervals leave out one
    seed at a time, in log EB; with few seeds they are wide.

    Args:
        grams: Gram matrices of the same window in S runs, (T-1, T-1) each, three or more.
        lags: n lags in optimizer steps, multiples of the stride.
        stride: optimizer steps between recorded positions.
        dimension: effective dimension of the increments, for the Brownian null.

    Returns:
        EB with its interval and the exact value for Brownian walks, which for small lags in one
        dimension is `4 lag / 3 T`.

    Raises:
        InputError: with fewer than three seeds, windows of unlike length, or a lag that is in none.

    Source: Burov, Jeon, Metzler and Barkai, Phys. Chem. Chem. Phys. 13, 1800 (2011); Deng and
    Barkai, Phys. Rev. E 79, 011112 (2009).
    """
    if len(grams) < 3 or len({len(gram) for gram in grams}) != 1:
        raise InputError(
            f"ergodicity: {len(grams)} windows of {sorted({len(g) + 1 for g in grams})} positions; "
            "needed are three or more seeds of one length"
        )
    count = len(grams[0])
    records = _records(lags, stride, count + 1)
    msd = np.array([[d.diagonal(r).mean() for r in records] for d in _distances(grams)])
    breaking = _relative_variance(msd)
    without = np.array([_relative_variance(np.delete(msd, s, axis=0)) for s in range(len(msd))])
    with np.errstate(divide="ignore", invalid="ignore"):
        error = jackknife_error(np.log(without))
        spread = np.array([interval(0.0, e, len(msd) - 1).high for e in error])
    return Ergodicity(
        np.array(lags),
        breaking,
        breaking * np.exp(-spread),
        breaking * np.exp(spread),
        np.array([_brownian_breaking(count, r) for r in records]) / dimension,
    )


def _distances(grams: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    return (squared_distances(gram) for gram in grams)


def _records(lags: Sequence[int], stride: int, length: int) -> np.ndarray:
    records, remainder = np.divmod(np.asarray(lags, dtype=int), stride)
    if records.ndim != 1 or np.any(remainder) or np.any(records < 1) or np.any(records >= length):
        raise InputError(
            f"lags {list(lags)}: allowed are multiples of {stride}, up to {(length - 1) * stride}"
        )
    return records


def _msd_blocks(
    distances: np.ndarray, records: np.ndarray, blocks: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) MSD at the given lags and its jackknife error over blocks of starting points."""
    mean, error = np.empty(len(records)), np.full(len(records), np.nan)
    for k, lag in enumerate(records):
        squares = distances.diagonal(lag)
        mean[k] = squares.mean()
        if squares.size >= blocks:
            parts = time_blocks(squares.size, blocks)
            without = [np.delete(squares, block).mean() for block in parts]
            error[k] = jackknife_error(np.array(without))
    return mean, error


def _relative_variance(msd: np.ndarray) -> np.ndarray:
    return msd.var(axis=0, ddof=1) / msd.mean(axis=0) ** 2


def _brownian_breaking(count: int, lag: int) -> float:
    """Exact EB of a Brownian walk of `count` increments in one dimension.

    Displacements that have a part m of their increments in common correlate by m, their squares
    by m^2.
    """
    starts = count - lag + 1
    apart = np.arange(min(lag, starts))
    pairs = np.where(apart == 0, starts, 2 * (starts - apart))
    return float(2 * np.sum(pairs * (1 - apart / lag) ** 2) / starts**2)
