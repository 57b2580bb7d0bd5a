"""The window that is being filled, and how it becomes a Gram matrix on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import torch

from sgdwalk.recording.arguments import MIN_POSITIONS
from sgdwalk.recording.gram import Gram, window_gram
from sgdwalk.recording.groups import Group
from sgdwalk.recording.notices import Pace, say
from sgdwalk.recording.ranks import Ranks
from sgdwalk.recording.room import is_lack
from sgdwalk.recording.row_buffer import RowBuffer
from sgdwalk.recording.row_streams import Journal
from sgdwalk.recording.trajectory_writer import CLOSED
from sgdwalk.recording.window_families import family_key


class GroupSums:
    """How sums over groups are made of sums over stretches of consecutive tensors.

    Args:
        groups: G of them.
        sizes: (L,) real numbers of each tensor.

    Attributes:
        stretches: (S,) numbers in each stretch of tensors that are in the same groups.
    """

    def __init__(self, groups: Sequence[Group], sizes: Sequence[int]):
        inside = [tuple(i in g.tensors for g in groups) for i in range(len(sizes))]
        self.stretches: list[int] = []
        columns = []
        for member, part in groupby(range(len(sizes)), key=inside.__getitem__):
            self.stretches.append(sum(sizes[i] for i in part))
            columns.append(member)
        self._in = torch.tensor(columns, dtype=torch.float64).T

    def of(self, parts: torch.Tensor) -> torch.Tensor:
        """(G, ...) sums over groups from (S, ...) those over stretches."""
        return torch.tensordot(self._in, parts, 1)


class OpenWindow:
    """Windows of one length and stride, one after the other.

    Args:
        length: positions.
        stride: steps between them.
        buffer: (length, P) rows.

    Attributes:
        start: step of the first position of the open window.
    """

    def __init__(self, length: int, stride: int, buffer: RowBuffer):
        self.length, self.stride, self.buffer = length, stride, buffer
        self.start = 0

    @property
    def family(self) -> str:
        """Name of the windows of this length and stride in files."""
        return family_key(self.length, self.stride)

    @property
    def closed(self) -> str:
        """Stream of the windows that are closed."""
        return f"closed-{self.family}"

    @property
    def rows(self) -> str:
        """Stream of the positions that are saved before the window is closed."""
        return f"positions-{self.family}-{self.start}"

    def due(self, step: int) -> bool:
        """Whether the position at a step belongs to these windows."""
        return step % self.stride == 0

    def set_back(self, step: int) -> None:
        """Forget what an interrupt left of a step that is not recorded: those before it stay."""
        positions = -(-(step - self.start) // self.stride)
        self.buffer.count = min(self.buffer.count, positions)

    def next_row(self, step: int) -> torch.Tensor:
        """(P,) row to be filled with the position at a step."""
        if not self.buffer.count:
            self.start = step
        return self.buffer.next_row()

    def gram(self, groups: GroupSums | None, ranks: Ranks) -> Gram | None:
        """Gram matrix of the positions there are, up to the first that is not finite.

        Args:
            groups: of this process's tensors, for one Gram matrix each as well; or None.
            ranks: the processes, which all call this.

        Returns:
            None where there are fewer than `MIN_POSITIONS`.
        """
        made = self._product(groups, ranks)
        if made is not None and not made.matrix.isfinite().all():
            self._keep_finite(ranks)
            made = self._product(groups, ranks)
        return made

    def _product(self, groups: GroupSums | None, ranks: Ranks) -> Gram | None:
        positions = self.buffer.filled()
        if len(positions) < MIN_POSITIONS:
            return None
        first, last = self._step_of(0), self._step_of(len(positions) - 1)
        made, failure = None, None
        try:
            pace = Pace(f"Gram matrix of steps {first} to {last}")
            made = window_gram(positions, groups.stretches if groups else None, pace)
            if groups is not None and made.layers is not None:
                made = replace(made, layers=groups.of(made.layers))
        except Exception as error:
            if not is_lack(error):
                raise
            failure = error
        if not ranks.agree(failure is None) or made is None:
            raise failure or MemoryError("another process had no room for a Gram matrix")
        ranks.sum(made.matrix)
        if made.layers is not None:
            ranks.sum(made.layers)
        return made

    def _keep_finite(self, ranks: Ranks) -> None:
        bad = torch.stack([(~row.isfinite()).any() for row in self.buffer.filled()])
        first = int(ranks.sum(bad.double()).nonzero()[0])
        say(f"the position at step {self._step_of(first)} is not finite; its window ends before it")
        self.buffer.count = first

    def _step_of(self, row: int) -> int:
        return self.start + row * self.stride

    def write(self, journal: Journal, made: Gram, weights: bool) -> None:
        """Put the window on disk; what says that it is closed comes last.

        Args:
            journal: where it goes.
            made: its Gram matrix.
            weights: whether the raw positions are kept too.
        """
        gram, groups, raw = (f"{kind}-{self.family}" for kind in ("gram", "groups", "weights"))
        before: np.ndarray = np.zeros(0, np.int64)
        if journal.rows(self.closed):
            rows = journal.read(self.closed)
            if rows["start"][-1] == self.start:  # an interrupt came after it was closed
                return
            before = rows["length"]
        # numbers of a window whose closing was interrupted are cut away
        numbers = int(np.sum((before - 1) ** 2))
        journal.cut(gram, numbers)
        journal.extend(gram, made.matrix.numpy().reshape(-1))
        if made.layers is not None:
            journal.cut(groups, numbers * len(made.layers))
            journal.extend(groups, made.layers.numpy().reshape(-1))
        if weights:
            journal.cut(raw, int(np.sum(before)))
            journal.extend(raw, self.buffer.filled().cpu().numpy())
        journal.commit(["steps", gram, groups, raw])
        row = (self.start, self.buffer.count, made.error, made.float64_products)
        journal.append(self.closed, np.array(row, CLOSED))
        journal.commit([self.closed])
