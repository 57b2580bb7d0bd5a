"""Means over pairs of recorded positions in logarithmic bins, with a block jackknife over time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from sgdwalk.errors import InputError

PairFunction = Callable[[slice, slice], np.ndarray]
BINS = 40  # of a curve, unless it is told otherwise
_STRIP = 128  # rows of pairs that are looked at together
BLOCKS = 10  # of time, each left out once by the jackknife, unless it is told otherwise


def time_blocks(length: int, blocks: int) -> list[slice]:
    """Cut `length` consecutive samples into `blocks` blocks whose sizes differ by one at most."""
    if not 2 <= blocks <= length:
        raise InputError(f"blocks: {blocks} blocks of {length} samples; allowed are 2 to {length}")
    edges = np.linspace(0, length, blocks + 1).round().astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


class PairBinning:
    """Pairs `i < j` of positions in logarithmic bins of an abscissa, made once for many ordinates.

    Pairs overlap and are far from independent, so errors come from leaving out blocks of time.
    Where the walk holds few independent pairs, near the largest abscissa, they are still too small.
    Needs memory for one (T, T) array.

    Args:
        abscissa: (T, T); the entries `i < j` are used, pairs with none above zero are dropped.
        bins: number of bins between the smallest and the largest abscissa; empty ones are dropped.
        blocks: number B of blocks of time.

    Attributes:
        abscissa: (n,) mean abscissa of the bin's pairs.
        separation: (n,) mean index difference `j - i` of the bin's pairs.
        pairs: (n,) number of pairs.

    Raises:
        InputError: if `abscissa` is not square, or holds no positive finite pair.
    """

    def __init__(self, abscissa: np.ndarray, bins: int = BINS, blocks: int = BLOCKS):
        abscissa = np.asarray(abscissa)
        if abscissa.ndim != 2 or abscissa.shape[0] != abscissa.shape[1]:
            raise InputError(f"pairs: abscissa has shape {abscissa.shape}; it must be (T, T)")
        slices = time_blocks(len(abscissa), blocks)
        low, high = _positive_range(abscissa)
        step = max(np.log(high / low), 1e-12) / bins
        block_of = np.repeat(np.arange(blocks), [b.stop - b.start for b in slices])
        self._shape = (bins, blocks)
        # A strip is a block of rows with all later columns: which pairs, and each one's cell.
        self._strips: list[tuple[slice, slice, np.ndarray, np.ndarray]] = []
        for rows in slices:
            columns = slice(rows.start, len(abscissa))
            x = abscissa[rows, columns]
            later = np.arange(x.shape[1]) > np.arange(len(x))[:, None]
            kept = np.flatnonzero(later & (x > 0))
            x = x.ravel()[kept]
            index = np.clip((np.log(x / low) / step).astype(np.intp), 0, bins - 1)
            cell = index * blocks + block_of[columns][kept % (columns.stop - columns.start)]
            self._strips.append((rows, columns, kept, cell))
        count, self._counts_without = self._sums(None)
        self._filled = count > 0
        self._count = count[self._filled]
        self.pairs = self._count.astype(np.int64)
        self.abscissa = self.means(abscissa)
        self.separation = self.means(
            lambda rows, columns: (
                np.arange(columns.start, columns.stop) - np.arange(rows.start, rows.stop)[:, None]
            )
        )

    def means(self, ordinate: np.ndarray | PairFunction) -> np.ndarray:
        """(n,) mean of an ordinate, (T, T) or a function of pairs, in each bin."""
        return self._sums(ordinate)[0][self._filled] / self._count

    def average(self, ordinate: np.ndarray | PairFunction) -> tuple[np.ndarray, np.ndarray]:
        """Mean of an ordinate in each bin, and the same without each block of time.

        Args:
            ordinate: (T, T), the entries `i < j` are used; or a function that takes the slices of
                rows and columns of a rectangle of pairs and returns its values there.

        Returns:
            (n,) means; (B, n) means without the pairs that touch one of B blocks of time, `nan`
            where none is left.
        """
        total, without = self._sums(ordinate)
        # Sums are differences of larger ones: an empty remainder is recognised by its exact count.
        count = self._counts_without[:, self._filled]
        with np.errstate(invalid="ignore", divide="ignore"):
            replicates = np.where(count > 0, without[:, self._filled] / count, np.nan)
        return total[self._filled] / self._count, replicates

    def _sums(self, ordinate: np.ndarray | PairFunction | None) -> tuple[np.ndarray, np.ndarray]:
        """(bins,) sums of an ordinate, or counts, and (B, bins) the same without each block."""
        bins, blocks = self._shape
        sums = np.zeros((bins, blocks, blocks))
        for a, (rows, columns, kept, cell) in enumerate(self._strips):
            values = None
            if ordinate is not None:
                found = ordinate(rows, columns) if callable(ordinate) else ordinate[rows, columns]
                values = found.ravel()[kept]
            sums[:, a] = np.bincount(cell, values, bins * blocks).reshape(bins, blocks)
        total = sums.sum(axis=(1, 2))
        diagonal = np.einsum("kbb->kb", sums)
        without = total[:, None] - sums.sum(axis=1) - sums.sum(axis=2) + diagonal
        return total, without.T


def _positive_range(abscissa: np.ndarray) -> tuple[float, float]:
    low, high = np.inf, 0.0
    for start in range(0, len(abscissa), _STRIP):
        strip = np.triu(abscissa[start : start + _STRIP, start:], 1)
        later = strip[strip > 0]
        if later.size:
            low, high = min(low, later.min()), max(high, later.max())
    if not 0 < low <= high < np.inf:
        raise InputError("pairs: no two positions are a positive, finite distance apart")
    return float(low), float(high)
