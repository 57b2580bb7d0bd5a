"""The row that every step writes, with what leads to its position where a sketch is kept."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from sgdwalk.recording.row_streams import Journal
from sgdwalk.recording.trajectory_writer import Layout

COMMIT_SECONDS = 30.0  # after so long what outlives the program at once outlives the machine, too


class StepRows:
    """Writes the rows of a recording.

    Args:
        journal: of the recording.
        layout: of its rows.

    Attributes:
        untold: steps without a loss.
    """

    def __init__(self, journal: Journal, layout: Layout):
        self._journal, self._layout = journal, layout
        self._row = np.zeros(1, layout.step_rows())
        self._cells = {name: self._row[name] for name in self._row.dtype.names or ()}
        self._append = journal.appending("steps", self._row)
        self._next_commit = time.monotonic() + COMMIT_SECONDS
        self.untold = 0

    def write(
        self,
        step: int,
        loss: float | None,
        samples: int | None,
        probe: float,
        drawn: np.ndarray | None,
        found: Sequence[np.ndarray],
        taken_up: int | None,
        digest: str,
    ) -> None:
        """Write the row of a step.

        Args:
            step: its number.
            loss: at its position; None if it was not told.
            samples: of its minibatch; None if they were not told.
            probe: loss of the fixed probe batch.
            drawn: (n,) indices of the entries of the gradient.
            found: arrays of `Numbers`, over all processes.
            taken_up: what `LastPositions.step_at` found for the first step of a recording that goes
                on; None for any other.
            digest: of the position then, see `StepNumbers.digest`.

        Raises:
            OSError: if the disk does not take it.
        """
        self._journal.cut("steps", step)  # of a step that was interrupted
        n, row, sketched = self._layout.samples, self._cells, self._layout.sketch > 0
        norm, *moved = found[: 1 + sketched]
        entries, positions, *sketches = found[1 + sketched :]
        row["loss"][0], row["told"][0] = np.nan if loss is None else loss, loss is not None
        row["batch_size"][0] = -1 if samples is None else samples
        row["gradient_norm"][0] = norm[0]
        if self._layout.probe:
            row["probe_loss"][0] = probe
        if n:
            row["sample_index"][0], row["sample_value"][0] = drawn, entries[:n]
        if positions.size:
            row["series_gradient"][0], row["series_position"][0] = entries[n:], positions
        if sketched:
            self._put_increment(row, moved[0], sketches)
            if step == 0:
                self._journal.cut("sketch-start", 0)
                self._journal.append("sketch-start", np.stack(sketches).astype(np.float64))
            if taken_up == step:
                self._take_last(step, digest)
        self._append()
        if taken_up is not None:  # another end is not known yet
            for name in ("end", "last"):
                self._journal.cut(name, 0)
        self.untold += loss is None
        if sketched and time.monotonic() > self._next_commit:
            self._journal.commit()
            self._next_commit = time.monotonic() + COMMIT_SECONDS

    def _take_last(self, step: int, digest: str) -> None:
        """Put the increment after the last step into the row of the step that goes on there."""
        if not self._journal.rows("last"):
            return
        last = self._journal.read("last")[-1]
        if last["step"] == step and last["digest"].decode() == digest:
            for name in ("moved", "sketch", "group_sketches"):
                if name in self._cells:
                    self._cells[name][0] = last[name]

    def write_last(
        self, step: int, moved: np.ndarray, sketches: Sequence[np.ndarray], digest: str
    ) -> None:
        """Keep what leads to the position after the last step, which has no row.

        Args:
            step: steps recorded.
            moved: (2 (1 + G),) as `SketchedWalk.step` gives it, over all processes.
            sketches: 1 + G of (k,), likewise.
            digest: of the position, see `StepNumbers.digest`.
        """
        row = np.zeros(1, self._layout.increment_row())
        row["step"], row["digest"] = step, digest
        self._put_increment(row, moved, sketches)
        self._journal.cut("last", 0)
        self._journal.extend("last", row)

    def _put_increment(
        self,
        row: Mapping[str, np.ndarray] | np.ndarray,
        moved: np.ndarray,
        sketches: Sequence[np.ndarray],
    ) -> None:
        row["moved"][0] = moved.reshape(-1, 2)
        row["sketch"][0] = sketches[0]
        if self._layout.groups:
            row["group_sketches"][0] = sketches[1:]
