"""Means over pairs of recorded positions in logarithmic bins, with a block jackknife over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sgdwalk.errors import InputError

PairFunction = Callable[[slice, slice], np.ndarray]
BINS = 40  # of a curve, unless it is told otherwise
BLOCKS = 10  # of time, each left out once by the jackknife, unless it is told otherwise


@dataclass(frozen=True)
class PairBins:
    """Bin means over pairs `i < j`, and the same with each block of time left out.

    Attributes:
        abscissa: (n,) mean abscissa of the bin's pairs.
        separation: (n,) mean index difference `j - i` of the bin's pairs.
        pairs: (n,) number of pairs.
        means: (m, n) mean of each of the m pair functions.
        replicates: (m, B, n) the same without the pairs that touch one of B blocks of time;
            `nan` where none is left.
    """

    abscissa: np.ndarray
    separation: np.ndarray
    pairs: np.ndarray
    means: np.ndarray
    replicates: np.ndarray


def time_blocks(length: int, blocks: int) -> list[slice]:
    """Cut `length` consecutive samples into `blocks` blocks whose sizes differ by one at most."""
    if not 2 <= blocks <= length:
        raise InputError(f"blocks: {blocks} blocks of {length} samples; allowed are 2 to {length}")
    edges = np.linspace(0, length, blocks + 1).round().astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def bin_pairs(
    abscissa: np.ndarray,
    functions: Sequence[PairFunction],
    bins: int,
    blocks: int,
) -> PairBins:
    """Average functions of pairs of positions in logarithmic bins of an abscissa.

    Pairs overlap and are far from independent, so errors come from leaving out blocks of time.
    Where the walk holds few independent pairs, near the largest abscissa, they are still too small.

    Args:
        abscissa: (T, T); the entries `i < j` are used, pairs with none above zero are dropped.
        functions: m functions; each takes the slices of rows and columns of a rectangle of pairs
            and returns its values there.
        bins: number of bins between the smallest and the largest abscissa; empty ones are dropped.
        blocks: number B of blocks of time.

    Returns:
        Means and their leave-one-block-out replicates.

    Raises:
        InputError: if `abscissa` is not square, or holds no positive finite pair.
    """
    abscissa = np.asarray(abscissa)
    if abscissa.ndim != 2 or abscissa.shape[0] != abscissa.shape[1]:
        raise InputError(f"pairs: abscissa has shape {abscissa.shape}; it must be (T, T)")
    slices = time_blocks(len(abscissa), blocks)
    low, high = _positive_range(abscissa)
    step = max(np.log(high / low), 1e-12) / bins

    names = 3 + len(functions)  # count, abscissa, separation, then the functions
    sums = np.zeros((names, bins, blocks, blocks))
    for a, rows in enumerate(slices):
        for b, columns in list(enumerate(slices))[a:]:
            separation = np.arange(columns.start, columns.stop) - np.arange(*_ends(rows))[:, None]
            x = abscissa[rows, columns]
            keep = (separation > 0) & (x > 0)
            x = x[keep]
            index = np.clip((np.log(x / low) / step).astype(np.intp), 0, bins - 1)
            values = [None, x, separation[keep], *(f(rows, columns)[keep] for f in functions)]
            for k, value in enumerate(values):
                sums[k, :, a, b] = np.bincount(index, weights=value, minlength=bins)

    total = sums.sum(axis=(2, 3))
    diagonal = np.einsum("kbaa->kba", sums)
    without = total[..., None] - sums.sum(axis=2) - sums.sum(axis=3) + diagonal
    # Sums are differences of larger ones: an empty remainder is recognised by its exact count.
    count = without[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = np.where(count > 0, without[3:] / count, np.nan).transpose(0, 2, 1)
        mean = total[1:] / total[0]
    filled = total[0] > 0
    return PairBins(
        mean[0, filled],
        mean[1, filled],
        total[0, filled].astype(np.int64),
        mean[2:, filled],
        replicates[:, :, filled],
    )


def _ends(block: slice) -> tuple[int, int]:
    return block.start, block.stop


def _positive_range(abscissa: np.ndarray) -> tuple[float, float]:
    low, high = np.inf, 0.0
    for i, row in enumerate(abscissa):
        later = row[i + 1 :]
        later = later[later > 0]
        if later.size:
            low, high = min(low, later.min()), max(high, later.max())
    if not 0 < low <= high < np.inf:
        raise InputError("pairs: no two positions are a positive, finite distance apart")
    return float(low), float(high)
