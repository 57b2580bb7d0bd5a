"""Lags of positions at unequal steps: differences of steps, put together in logarithmic bins.

Of T positions there are T (T - 1) / 2 pairs. The MSD of a bin is the mean squared distance of its
pairs, at their mean lag. It is a quadratic form of the increments,

    M_b = sum_{a,c} A_b[a, c] G_ac,

``A_b[a, c]`` being the share of the bin's pairs between which both increments lie.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.diffusion.lags import LAGS_PER_DECADE
from sgdwalk.errors import InputError

LONGEST_PART = 0.5  # of the time from the first to the last position: longer lags have few pairs


class LagBins:
    """The pairs of T positions by their lag, 15 bins per decade; empty ones are left out.

    Args:
        steps: (T,) optimizer steps of the positions.

    Attributes:
        lags: (b,) mean lag of each bin, in optimizer steps.
        pairs: (b,) pairs of positions in it.

    Raises:
        InputError: if steps are no whole numbers that increase.
    """

    def __init__(self, steps: ArrayLike):
        self._steps = as_steps(steps)
        self._first, self._second = np.triu_indices(len(self._steps), 1)
        lag = (self._steps[self._second] - self._steps[self._first]).astype(float)
        number = np.rint(np.log10(lag) * LAGS_PER_DECADE).astype(int)
        order = np.argsort(number, kind="stable")
        self._first, self._second = self._first[order], self._second[order]
        _, self._start, self.pairs = np.unique(number[order], return_index=True, return_counts=True)
        self.lags = self._mean(lag[order])

    @property
    def fitted(self) -> np.ndarray:
        """Indices of the bins with lags up to half of all the time there is."""
        span = self._steps[-1] - self._steps[0]
        return np.flatnonzero(self.lags <= LONGEST_PART * span)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """(b,) means over the pairs of each bin of a (T, T) array."""
        return self._mean(values[self._first, self._second])

    def forms(self, chosen: Sequence[int] | np.ndarray) -> np.ndarray:
        """(m, T-1, T-1) quadratic forms of the increments that the MSD of some bins is."""
        count = len(self._steps)
        index = np.arange(count - 1)
        low, high = np.minimum.outer(index, index), np.maximum.outer(index, index)
        found = np.empty((len(chosen), count - 1, count - 1))
        for row, b in enumerate(chosen):
            some = slice(self._start[b], self._start[b] + self.pairs[b])
            there = np.zeros((count, count))
            there[self._first[some], self._second[some]] = 1 / self.pairs[b]
            # pairs that begin at or before one increment, and end after the other
            held = there.cumsum(axis=0)[:, ::-1].cumsum(axis=1)[:, ::-1]
            found[row] = held[low, high + 1]
        return found

    def _mean(self, ordered: np.ndarray) -> np.ndarray:
        return np.add.reduceat(ordered, self._start) / self.pairs


def as_steps(steps: ArrayLike) -> np.ndarray:
    """Check the steps of positions, and return them as int64.

    Raises:
        InputError: fewer than two, or not whole numbers that increase.
    """
    found = np.asarray(steps)
    if found.ndim != 1 or found.size < 2 or found.dtype.kind not in "iu":
        raise InputError(
            f"steps: {found.dtype}, shape {found.shape}; allowed: whole numbers, (T,), T of 2 or "
            "more"
        )
    found = found.astype(np.int64)
    if not (np.diff(found) > 0).all():
        raise InputError("steps: not increasing; allowed: each larger than the one before")
    return found
