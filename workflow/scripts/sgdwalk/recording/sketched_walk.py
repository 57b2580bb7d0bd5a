"""What is kept of a walk of any length: the sketch of every increment, and exact distances."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch

from sgdwalk.errors import InputError
from sgdwalk.recording.gram import row_norms
from sgdwalk.recording.parameter_set import ParameterSet, Piece
from sgdwalk.recording.room import gigabytes, is_lack
from sgdwalk.recording.row_streams import Journal
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
        self._own = sum(parameters.local_sizes)
        try:
            self._buckets = [self._made(size, self._dtype) for size in self._sizes]
            both = torch.empty(2, self._own, dtype=self._dtype, device=self._device)
            self._first, self.previous = both.unbind()
        except Exception as error:
            if not is_lack(error):
                raise
            raise InputError(
                f"sketch: two copies of {self._own} parameters need "
                f"{gigabytes(2 * self._own * self._dtype.itemsize)} of memory: there is less"
            ) from error
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
        norms, sketches = [], []
        for pieces, buckets in zip(self._pieces, self._buckets, strict=True):
            parts = [self._add(piece, position, buckets) for piece in pieces]
            if len(parts) == 1:
                norms += parts
            else:
                norms.append(torch.stack([*parts, self._none]).square().sum(0).sqrt())
            sketches.append(buckets.take())
        found = [torch.cat(norms), *sketches]
        if self.at != step - 1:
            found[0][::2] = torch.nan
            for sketch in sketches:
                sketch.fill_(torch.nan)
        return found

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
        torch.sub(position[own], self.previous[own], out=differences[0])
        if self.start is not None:
            torch.sub(position[own], self.start[own], out=differences[1])
        else:
            differences[1] = torch.nan
        part = differences[0]
        buckets.add(piece.spread(part) if piece.spread else part, piece.place)
        return row_norms(differences)


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


class IncrementRows:
    """The streams that hold what is kept of each increment: row i leads to position i + 1.

    Args:
        journal: of the recording.
        groups: G, groups beside the whole.
        dtype: of the sketches.
    """

    def __init__(self, journal: Journal, groups: int, dtype: str):
        self._journal, self._groups, self._dtype = journal, groups, np.dtype(dtype)

    def write(self, step: int, moved: np.ndarray, sketches: np.ndarray) -> None:
        """Keep what leads to the position of a step; of the first one, its own sketch.

        Args:
            step: of that position.
            moved: (2 (1 + G),) as `SketchedWalk.step` gives it, over all ranks.
            sketches: ((1 + G) k,) likewise.
        """
        each = sketches.reshape(1 + self._groups, -1)
        if step == 0:
            self._append("sketch-start", 0, each)
            return
        values = each.astype(self._dtype)
        self._append("moved", step - 1, moved.reshape(-1, 2))
        if self._groups:
            self._append("sketch-groups", step - 1, values[1:])
        self._append("sketch", step - 1, values[0])

    def _append(self, name: str, place: int, row: np.ndarray) -> None:
        self._journal.cut(name, place)  # of a step that was interrupted
        self._journal.append(name, row)

    def keep_start(self, walk: SketchedWalk) -> None:
        """Keep the first position as long as it is recorded: distances are from there."""
        if walk.start is not None and not self._journal.rows("first"):
            self._journal.append("first", walk.start.cpu().numpy())

    def take_start(self, walk: SketchedWalk) -> None:
        """Give a walk that goes on its first position, if it was kept."""
        if self._journal.rows("first"):
            walk.set_start(torch.from_numpy(self._journal.read("first")[0].copy()))

    def keep_last(self, walk: SketchedWalk) -> None:
        """Keep the last position for a point to resume from; older ones go."""
        kept = [name for name in self._journal.lengths() if name.startswith("last-")]
        name = f"last-{walk.at}"
        if walk.at is not None and name not in kept:
            self._journal.append(name, walk.previous.cpu().numpy())
        for older in kept:
            if older != name:
                self._journal.drop(older)

    def take_last(self, walk: SketchedWalk, step: int) -> None:
        """Give a walk that is resumed at a step the position before it."""
        if self._journal.rows(f"last-{step - 1}"):
            last = torch.from_numpy(self._journal.read(f"last-{step - 1}")[0].copy())
            walk.go_on(last, step - 1)
