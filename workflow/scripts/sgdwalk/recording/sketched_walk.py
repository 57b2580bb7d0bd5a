"""What is kept of a walk of any length: the sketch of every increment, and exact distances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch

from sgdwalk.errors import InputError
from sgdwalk.recording.gram import row_norms, square
from sgdwalk.recording.parameter_set import ParameterSet, Piece
from sgdwalk.recording.room import gigabytes, is_lack
from sgdwalk.recording.sketch import Buckets
from sgdwalk.recording.trajectory_writer import SKETCH_SEED

_CHUNK = 2**18  # numbers whose differences are taken at a time: they stay in a core's cache


class SketchedWalk:
    """Sketches of increments as they come.

    Differences are taken first, so that sums in the parameters' own precision are as exact as an
    increment is.

    Args:
        parameters: those that walk.
        groups: tensors of each of the G groups that are sketched beside all of them.
        k: numbers of a sketch.

    Attributes:
        start: (P,) this process's part of the first position; None if that is not known.
        previous: (P,) that of the last one.
        at: step of that one; None if there is none, or an interrupt left it undone.

    Raises:
        InputError: if there is no memory for two copies of the parameters.
    """

    def __init__(self, parameters: ParameterSet, groups: Sequence[Sequence[int]], k: int):
        self.start: torch.Tensor | None = None
        self.at: int | None = None
        self._k, self._dtype, self._device = k, parameters.dtype, parameters.device
        chosen = [range(len(parameters.sizes)), *groups]
        self._sizes = [sum(parameters.sizes[i] for i in tensors) for tensors in chosen]
        self._pieces = [_in_chunks(parameters.pieces(tensors)) for tensors in chosen]
        own = sum(parameters.local_sizes)
        try:
            self._buckets = [self._made(size, self._dtype) for size in self._sizes]
            both = torch.empty(2, own, dtype=self._dtype, device=self._device)
        except Exception as error:
            if not is_lack(error):
                raise
            raise InputError(
                f"sketch: two copies of {own} parameters need "
                f"{gigabytes(2 * own * self._dtype.itemsize)} of memory: there is less"
            ) from error
        self._first, self.previous = both.unbind()
        longest = max((p.stop - p.start for p in chain.from_iterable(self._pieces)), default=0)
        self._differences = torch.empty(2, longest, dtype=self._dtype, device=self._device)
        self._none = torch.zeros(2, dtype=torch.float64, device=self._device)

    def _made(self, size: int, dtype: torch.dtype) -> Buckets:
        return Buckets(size, self._k, SKETCH_SEED, dtype, self._device)

    def begin(self, position: torch.Tensor) -> list[torch.Tensor]:
        """Remember the first position.

        Args:
            position: (P,) this process's part of it.

        Returns:
            As `step`: of the position instead of an increment, at distance 0 from itself.
        """
        self.set_start(position)
        sketches = []
        for size, pieces in zip(self._sizes, self._pieces, strict=True):
            buckets = self._made(size, torch.float64)  # its sum is large against what follows
            for piece in pieces:
                part = position[piece.start : piece.stop]
                buckets.add(piece.spread(part) if piece.spread else part, piece.place)
            sketches.append(buckets.take())
        return [position.new_zeros(2 * len(sketches), dtype=torch.float64), *sketches]

    def step(self, position: torch.Tensor, step: int) -> list[torch.Tensor]:
        """Increment from the last position to this one.

        Args:
            position: (P,) this process's part of it.
            step: its step.

        Returns:
            (2 (1 + G),) norm of the increment and distance from the start, of all parameters and of
            each group; and 1 + G sketches (k,) of the increment. They are nan where the position of
            the step before is not known; distances where the start is not.
        """
        if self.at != step - 1:
            self.previous.fill_(torch.nan)
        norms, sketches = [], []
        for pieces, buckets in zip(self._pieces, self._buckets, strict=True):
            buckets.clear()
            parts = [self._add(piece, position, buckets) for piece in pieces]
            norms.append(torch.stack([*parts, self._none]).square().sum(0).sqrt())
            sketches.append(buckets.take())
        return [torch.cat(norms), *sketches]

    def set_start(self, position: torch.Tensor) -> None:
        """Measure distances from a position, (P,)."""
        self.start = self._first.copy_(position)

    def go_on(self, position: torch.Tensor, step: int) -> None:
        """Take a position, (P,), for the last one."""
        self.at = None
        self.previous.copy_(position)
        self.at = step

    def _add(self, piece: Piece, position: torch.Tensor, buckets: Buckets) -> torch.Tensor:
        """(2,) norms of a piece of the increment, and of that of the way from the start."""
        own = slice(piece.start, piece.stop)
        differences = self._differences[:, : piece.stop - piece.start]
        part, away = differences.unbind()
        torch.sub(position[own], self.previous[own], out=part)
        if self.start is not None:
            torch.sub(position[own], self.start[own], out=away)
        else:
            away.fill_(torch.nan)
        buckets.add(piece.spread(part) if piece.spread else part, piece.place)
        return row_norms(differences)

    def small(self) -> SmallWalk:
        """The same walk for small networks on the CPU that no other process shares."""
        places = [[(p.start, p.stop, p.place) for p in pieces] for pieces in self._pieces]
        return SmallWalk(self, self._first.numpy(), self.previous.numpy(), places, self._buckets)


class SmallWalk:
    """What `SketchedWalk.step` makes, by numpy, whose calls take less time than torch's.

    Args:
        walk: whose steps they are.
        first: (P,) array of the first position.
        previous: (P,) array of the last one.
        places: start, stop, and place among those of a walk, of the pieces of each of the walks.
        buckets: of each walk.
    """

    def __init__(
        self,
        walk: SketchedWalk,
        first: np.ndarray,
        previous: np.ndarray,
        places: list[list[tuple[int, int, int]]],
        buckets: list[Buckets],
    ):
        self._walk, self._start, self._previous = walk, first, previous
        self._increment, self._away = np.empty_like(first), np.empty_like(first)
        self._walks = [
            (
                [(self._increment[a:b], place) for a, b, place in pieces],
                [self._away[a:b] for a, b, _ in pieces],
                own,
            )
            for pieces, own in zip(places, buckets, strict=True)
        ]

    def go_on(self, position: np.ndarray, step: int) -> None:
        """As `SketchedWalk.go_on`."""
        self._walk.at = None
        np.copyto(self._previous, position)
        self._walk.at = step

    def step(self, position: np.ndarray, step: int) -> list[np.ndarray]:
        """As `SketchedWalk.step`."""
        if self._walk.at != step - 1:
            self._previous.fill(np.nan)
        np.subtract(position, self._previous, out=self._increment)
        if self._walk.start is None:
            self._away.fill(np.nan)
        else:
            np.subtract(position, self._start, out=self._away)
        norms, sketches = [], []
        for parts, ways, buckets in self._walks:
            norms.append(math.sqrt(sum([square(part) for part, _ in parts])))
            norms.append(math.sqrt(sum(map(square, ways))))
            sketches.append(buckets.of_small(parts))
        return [np.array(norms), *sketches]


def _in_chunks(pieces: Sequence[Piece]) -> list[Piece]:
    """The same in shorter pieces, where they can be shorter."""
    found = []
    for piece in pieces:
        length = piece.stop - piece.start if piece.spread else _CHUNK
        for start in range(piece.start, piece.stop, length):
            stop = min(start + length, piece.stop)
            place = piece.place + start - piece.start
            found.append(Piece(start, stop, place, piece.spread))
    return found
