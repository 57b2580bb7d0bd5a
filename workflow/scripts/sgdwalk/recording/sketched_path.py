"""The sketch of a whole walk, read: windows of any length, stride and start, chosen afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError

_COORDINATES = 64  # whose cumulative sums are made at a time


@dataclass(frozen=True)
class SketchedPath:
    """A walk of N increments, known by k numbers each; a position is one of N + 1.

    A walk that was closed has an increment for every recorded step, one that was cut off lacks the
    last; so position i is that at step i, and the last one that after the last step. Inner products
    of sketches are unbiased for those of the walk; a squared distance has a relative error of
    ``sqrt(2 / k)`` at most, see `sgdwalk.recording.sketch`.

    Attributes:
        k: numbers of a sketch.
        seed: of the map.
        parameters: P, what walks.
        start: (k,) sketch of the first position.
        increments: (N, k) sketch of every increment, nan where it is not known.
        norms: (N,) their exact norms.
        distance_from_start: (N + 1,) exact distance of every position from the first.
        groups: the same of groups of parameter tensors.
        step: (N + 1,) steps taken before each position, of a walk that was not recorded at every
            step; None for 0, 1, 2, ...
    """

    k: int
    seed: int
    parameters: int
    start: np.ndarray
    increments: np.ndarray
    norms: np.ndarray
    distance_from_start: np.ndarray
    groups: Mapping[str, SketchedPath] = field(default_factory=dict)
    step: np.ndarray | None = None

    @property
    def exact(self) -> bool:
        """Whether inner products are those of the walk: every parameter has its own bucket."""
        return self.parameters <= self.k

    def __len__(self) -> int:
        """Positions."""
        return len(self.increments) + 1

    def stretches(self) -> list[tuple[int, int]]:
        """First position, and one past the last, of every unbroken part of two positions or more.

        The walk is broken where recording went on at another position, and ends where one is not
        finite.
        """
        return self._stretches

    @cached_property
    def _stretches(self) -> list[tuple[int, int]]:
        """Found once: that looks at every increment, and every window asks."""
        known = np.isfinite(self.norms) & np.isfinite(self.increments[:, 0])
        edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
        return [(int(a), int(b) + 1) for a, b in edges.reshape(-1, 2)]

    def steps(self, start: int, length: int, stride: int = 1) -> np.ndarray:
        """(length - 1, k) increments between positions that are `stride` steps apart.

        Args:
            start: first position.
            length: positions, 2 or more.
            stride: steps between them.

        Raises:
            InputError: if the walk does not hold them all, or is broken there.
        """
        whole = all(isinstance(n, int | np.integer) for n in (start, length, stride))
        last = start + (length - 1) * stride
        if not whole or min(start, stride - 1, length - 2) < 0 or last >= len(self):
            raise InputError(
                f"sketch: {length} positions from {start}, {stride} apart; allowed: 2 or more of "
                f"{len(self)}"
            )
        if not any(a <= start and last < b for a, b in self.stretches()):
            raise InputError(f"sketch: the walk is broken between positions {start} and {last}")
        part = self.increments[start:last].astype(np.float64)
        return part if stride == 1 else part.reshape(-1, stride, self.k).sum(axis=1)

    def gram(self, start: int, length: int, stride: int = 1) -> np.ndarray:
        """(length - 1, length - 1) inner products of the increments of a window.

        Args:
            start: first position.
            length: positions of the window, 2 or more.
            stride: steps between them.

        Raises:
            InputError: if the walk does not hold them all, or is broken there.
        """
        steps = self.steps(start, length, stride)
        return steps @ steps.T

    def positions(self, steps: ArrayLike) -> np.ndarray:
        """(n, k) sketches of positions, in the space that walks of one network share.

        Args:
            steps: (n,) of the positions.

        Raises:
            InputError: if one is not held, or the walk is broken before it.
        """
        steps = np.atleast_1d(np.asarray(steps))
        if steps.size and steps.dtype.kind not in "iu":
            raise InputError(f"sketch: positions of {steps.dtype}; allowed: whole numbers")
        steps = steps.astype(np.int64)
        stretches = self.stretches()
        stop = stretches[0][1] if stretches and stretches[0][0] == 0 else 1
        if steps.size and not 0 <= steps.min() <= steps.max() < stop:
            raise InputError(
                f"sketch: positions {steps.min()} to {steps.max()}; allowed: 0 to {stop - 1}"
            )
        found = np.empty((len(steps), self.k))
        for first in range(0, self.k, _COORDINATES):
            part = slice(first, first + _COORDINATES)
            sums = np.cumsum(self.increments[: stop - 1, part], axis=0, dtype=np.float64)
            found[:, part] = np.concatenate([np.zeros((1, sums.shape[1])), sums])[steps]
        return found + self.start
