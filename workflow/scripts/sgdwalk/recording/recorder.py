"""Record the walk of a training loop: two lines, and a ``trajectory.h5`` that can be analysed.

    with TrajectoryRecorder(model, "trajectory.h5", window=1000) as recorder:
        for inputs, targets in batches:
            loss = loss_function(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            recorder.record(loss)  # the position at which this loss was evaluated
            optimizer.step()

A window of T positions becomes the Gram matrix of its T-1 increments as soon as it is full, and
the weights are dropped: storage is O(T^2) per window, whatever the number of parameters. Where
even the T positions are too many, or windows are to be chosen later, ``sketch=k`` keeps k numbers
of every increment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch

from sgdwalk.errors import InputError
from sgdwalk.recording import going_on
from sgdwalk.recording.arguments import (
    MIN_POSITIONS,
    Number,
    check_whole,
    checked_families,
    checked_loss,
    checked_origin,
    checked_samples,
)
from sgdwalk.recording.epoch_noise import epoch_noise
from sgdwalk.recording.groups import Globs, chosen_groups
from sgdwalk.recording.notices import say
from sgdwalk.recording.open_window import GroupSums, OpenWindow
from sgdwalk.recording.optimizer_steps import OptimizerSteps
from sgdwalk.recording.parameter_set import ParameterSet, Walked
from sgdwalk.recording.ranks import Ranks
from sgdwalk.recording.recording_folder import RecordingFolder, parts_folder
from sgdwalk.recording.room import EndingOnLack, Room
from sgdwalk.recording.row_buffer import RowBuffer
from sgdwalk.recording.row_streams import Journal
from sgdwalk.recording.sampled_entries import SampledEntries
from sgdwalk.recording.sketched_walk import SketchedWalk
from sgdwalk.recording.step_numbers import Numbers, step_numbers
from sgdwalk.recording.step_rows import StepRows
from sgdwalk.recording.trajectory_writer import (
    EPOCH_VALUES,
    RESUMED,
    Layout,
    assemble,
    first_diverged,
)
from sgdwalk.recording.window_families import family_key

# Rows of open windows wait in memory for the next resume point up to this size: a signal leaves a
# few seconds, in which so much can still be written, and most windows close without ever being.
UNSAVED_BYTES = 2**30


class TrajectoryRecorder:
    """Context manager that writes a trajectory file from inside a training loop.

    Until the file is whole, what is recorded is in the folder ``<path>.parts``, from which
    `sgdwalk.recover` makes it if the loop is cut off. Peak memory beyond the loop's own: one window
    of positions per family, one epoch of gradients (only if ``steps_per_epoch`` is given), the
    parameters once, twice more for a sketch, and about 100 MB while a Gram matrix is made.

    Args:
        model: a module, whose trainable parameters are the walk, in ``named_parameters()`` order;
            or pairs (name, parameter), which all are. Under DistributedDataParallel or with DTensor
            parameters (``fully_shard``) every process makes a recorder, and the first one writes.
        path: the trajectory file to write.
        window: positions per window, or several (length, stride) families of windows; None for the
            sketch alone.
        sketch: numbers k that are kept of every increment, see `sgdwalk.Sketch`; None for none.
        groups: name of each group of parameter tensors whose walk is kept beside the whole one, and
            a pattern of their names, or several, as ``{"attention": "*.attn.*"}``.
        optimizer: records by itself before each of its real steps, in place of `record`.
        overwrite: replace a file that exists, once the new one is whole; what a recording left that
            was cut off is set aside under another name.
        resume: go on with the walk that ``path``, or what a killed loop left of it, holds; windows
            begin anew. Or what `state` returned, to go on as if never stopped.
        steps_per_epoch: steps per pass over the training set; None leaves gradient noise out.
        weights: also keep the raw positions of every window, (T, P) each.
        layer_grams: whether every parameter tensor is a group as well.
        probe: called without arguments at every recorded step; returns the loss of a fixed batch
            at the current position, and must leave the model as it was.
        samples_per_step: gradient entries kept per step, drawn uniformly over all parameters.
        coordinates_per_layer: fixed random coordinates of each parameter tensor whose gradient
            and position are kept at every step.
        seed: of the random choices above.
        origin: JSON-able record of where the run comes from; None for library versions, time,
            classes of model and optimizer with its settings, and the commit of the script.
        resumable: write open windows to disk as they grow, so that ``state`` can be resumed.
        host_memory: bytes of host memory for the window buffers; None for half of what is free.

    Attributes:
        step: steps recorded.
        ended: why recording ended early (no room on disk or in memory), or None; the loop goes on.

    Raises:
        InputError: for an argument that is not allowed, a file that exists, a path that another
            recorder holds or that holds what a cut-off one left, or no room for a window.
    """

    def __init__(
        self,
        model: Walked,
        path: str | Path,
        window: int | Sequence[tuple[int, int]] | None = 1000,
        *,
        optimizer: Any = None,
        sketch: int | None = None,
        groups: Globs | None = None,
        overwrite: bool = False,
        resume: bool | Mapping[str, Any] = False,
        steps_per_epoch: int | None = None,
        weights: bool = False,
        layer_grams: bool = False,
        probe: Callable[[], torch.Tensor] | None = None,
        samples_per_step: int = 32,
        coordinates_per_layer: int = 4,
        seed: int = 0,
        origin: Mapping[str, Any] | None = None,
        resumable: bool = False,
        host_memory: int | None = None,
    ):
        families = checked_families(window, sketch)
        check_whole("steps_per_epoch", 1 if steps_per_epoch is None else steps_per_epoch, 1)
        check_whole("samples_per_step", samples_per_step, 0)
        check_whole("coordinates_per_layer", coordinates_per_layer, 0)
        origin = _seen(model, optimizer) if origin is None else checked_origin(origin)
        self.path = Path(path)
        self.step = 0
        self.ended: str | None = None
        self._parameters = ParameterSet(model)
        self._ranks = Ranks(model, self._parameters.sharded, self._parameters.device)
        if weights and not families:
            raise InputError("weights: True; allowed with windows, whose positions they are")
        if weights and self._parameters.sharded:
            raise InputError("weights: True; allowed: False where processes hold parts of them")
        self._weights, self._probe, self._resumable = weights, probe, resumable
        chosen = chosen_groups(groups, self._parameters.names, layer_grams)
        sums = GroupSums(chosen, self._parameters.local_sizes) if chosen else None
        self._groups = sums
        self._sketched: SketchedWalk | None = None
        self._steps_per_epoch, self._epoch, self._epoch_start = steps_per_epoch, 0, 0
        self._closed = False
        self._process = os.getpid()
        self._ending = EndingOnLack(self._end)
        self._stopped = False  # recording has ended, and every process knows
        self._entries = SampledEntries(
            self._parameters, samples_per_step, coordinates_per_layer, seed
        )
        self._layout = Layout(
            layers=list(zip(self._parameters.names, self._parameters.sizes, strict=True)),
            families=families,
            dtype=str(self._parameters.dtype).removeprefix("torch."),
            samples=samples_per_step,
            probe=probe is not None,
            series=self._entries.series.tolist(),
            epoch_entries=self._entries.epoch.tolist(),
            origin=origin,
            sketch=sketch or 0,
            groups=[(group.name, group.tensors) for group in chosen],
        )
        self._nothing = self._no_numbers() if self._ranks.shared else Numbers([], [])
        self._folder = parts_folder(self.path)
        self._held: RecordingFolder | None = None
        self._journal: Journal | None = None
        self._rows: StepRows | None = None
        self._taken_up: going_on.LastPositions | None = None
        self._optimizer: OptimizerSteps | None = None
        self._windows: list[OpenWindow] = []
        self._gradients: RowBuffer | None = None
        try:
            with self._ranks.together():
                if self._ranks.first:
                    self._journal = self._open(overwrite, resume)
                    self._rows = StepRows(self._journal, self._layout)
            with self._ranks.together():
                self._make_buffers(families, host_memory)
            if isinstance(resume, Mapping):
                self._restore(resume)
            if optimizer is not None:
                parameters = self._parameters.parameters
                self._optimizer = OptimizerSteps(optimizer, parameters, self._take_step)
        except BaseException:
            self._let_go()
            raise

    def _no_numbers(self) -> Numbers:
        """What a process adds that has no part of a step: zeros in the place of its numbers."""
        if not self._ranks.counts:
            return Numbers([], [])
        series, walks = len(self._entries.series), 1 + len(self._layout.groups)
        norms, numbers = [1], [self._layout.samples + series, series]
        if self._layout.sketch:
            norms.append(2 * walks)
            numbers += walks * [self._layout.sketch]
        device = self._parameters.device

        def zeros(sizes: list[int]) -> list[torch.Tensor]:
            return [torch.zeros(n, dtype=torch.float64, device=device) for n in sizes]

        return Numbers(zeros(norms), zeros(numbers))

    def _open(self, overwrite: bool, resume: bool | Mapping[str, Any]) -> Journal:
        """Hold the folder, see that nothing is lost, and open its streams."""
        self._held = RecordingFolder(self._folder)
        if isinstance(resume, Mapping):
            return Journal(self._folder, resume["lengths"])
        walk = going_on.take_up(self._held, self.path, self._layout) if resume else None
        if walk is None:
            going_on.protect(self._held, self.path, overwrite)
            return Journal(self._folder, {})
        self._layout = walk
        journal = Journal(self._folder)
        self.step, self._epoch = journal.rows("steps"), journal.rows("mean_gradient")
        self._taken_up = going_on.LastPositions.of(journal) if self.step else None
        self._entries.go_on(self.step)
        return journal

    def _make_buffers(self, families: list[tuple[int, int]], host_memory: int | None) -> None:
        columns, dtype = sum(self._parameters.local_sizes), self._parameters.dtype
        device = self._parameters.device
        room = Room(device, self._folder, host_memory)
        rows = sum(length for length, _ in families)
        grams = sum(8 * length**2 for length, _ in families)
        # twice: while the file is made the streams are there too
        room.keep_free(2 * (grams + self._weights * rows * columns * dtype.itemsize))
        if self._layout.sketch and self._ranks.counts:
            room.check_copies(2, columns, dtype)
            groups = [tensors for _, tensors in self._layout.groups]
            self._sketched = SketchedWalk(self._parameters, groups, self._layout.sketch)
            if self._journal is not None and self._journal.rows("first"):
                self._sketched.set_start(torch.from_numpy(self._journal.read("first")[0].copy()))

        def buffer(rows: int, name: str) -> RowBuffer:
            file = self._folder / f"{name}.map"
            return RowBuffer(rows, columns, dtype, device, room.place(rows, columns, dtype), file)

        if self._ranks.counts:
            self._windows = [OpenWindow(n, s, buffer(n, family_key(n, s))) for n, s in families]
            if self._steps_per_epoch:
                self._gradients = buffer(self._steps_per_epoch, "gradients")
        self._numbers = step_numbers(self._parameters, self._entries, self._sketched)

    def __enter__(self) -> TrajectoryRecorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(interrupted=kind is not None)

    @contextmanager
    def kept_open_on_error(self) -> Iterator[None]:
        """In place of ``with recorder``: the caller closes, and an error leaves all as it is."""
        try:
            yield
        except BaseException:
            self._let_go()
            raise

    def record(self, loss: Number, samples: int | None = None) -> None:
        """Record one step; call after ``backward()`` and before ``optimizer.step()``.

        Args:
            loss: the loss at the current position, a number or a tensor with one element.
            samples: samples of the minibatch; kept if told at every step, so that analyses can tell
                batches that are smaller than the others.

        Raises:
            InputError: for what is no loss, a minibatch without samples, or a parameter that is not
                what it was when recording began. What was recorded before is kept.
        """
        if self._optimizer is not None:
            raise InputError("record: the optimizer's hook records; allowed with it: loss(value)")
        self._take_step(checked_loss(loss, "record"), checked_samples(samples, "record"), None)

    def loss(self, value: Number, samples: int | None = None) -> None:
        """Tell the loss of a minibatch of the step to come, where ``optimizer=`` records.

        Args:
            value: its mean loss; the step's is the mean over its minibatches.
            samples: samples in it.

        Raises:
            InputError: for what is no loss, a minibatch without samples, or without ``optimizer=``.
        """
        if self._optimizer is None:
            raise InputError("loss: no optimizer= was given; allowed without it: record(loss)")
        self._optimizer.loss(checked_loss(value, "loss"), checked_samples(samples, "loss"))

    def record_epoch(self, **values: float) -> None:
        """Record ``train_loss``, ``train_accuracy``, ``test_loss``, ``test_accuracy`` of an epoch.

        Any of them may be left out (NaN). The step stored is the number of steps taken so far.
        """
        unknown = set(values) - set(EPOCH_VALUES)
        if unknown:
            raise InputError(
                f"record_epoch: {', '.join(sorted(unknown))}; allowed: {', '.join(EPOCH_VALUES)}"
            )
        row = [self.step, *(values.get(name, np.nan) for name in EPOCH_VALUES)]
        if self._journal is not None and self.ended is None:
            with self._ending:
                self._begin()
                self._journal.append("epochs", np.array(row, np.float64))

    def _take_step(
        self, loss: Number | None, samples: int | None, scale: torch.Tensor | None
    ) -> None:
        """One step of the walk; the gradients are ``scale`` times what the optimizer applies."""
        if self._closed:
            raise InputError("record: the recorder is closed; allowed: until its file is written")
        if os.getpid() != self._process:
            raise InputError("record: in a forked process; allowed: where the recorder was made")
        self._parameters.check()
        if self._stopped or (self.ended is not None and not self._ranks.shared):
            return
        with torch.no_grad():
            due = [window for window in self._windows if window.due(self.step)]
            recorded = bool(due) or self._sketched is not None
            probe = float(self._probe()) if self._probe is not None and recorded else np.nan
            with self._ending:
                self._measure(due, loss, samples, scale, probe)

    def _end(self, reason: str) -> None:
        """No more is recorded; the loop goes on."""
        what = "the file was not written" if self._closed else "recording ended"
        self.ended = f"{what} after {self.step} steps: {reason}"
        say(
            f"{self.path}: {self.ended}. What was recorded is in {self._folder}: "
            f"`sgdwalk recover {self.path}` makes the file when there is room"
        )

    def _measure(
        self,
        due: list[OpenWindow],
        loss: Number | None,
        samples: int | None,
        scale: torch.Tensor | None,
        probe: float,
    ) -> None:
        self._close_full()  # of a step that was interrupted
        for window in self._windows:
            window.set_back(self.step)
        if self._gradients is not None:
            self._gradients.count = min(self._gradients.count, self.step - self._epoch_start)
        drawn, numbers = None, self._nothing
        if self._ranks.counts and self.ended is None:
            with self._ending:
                epoch = self._row_of_epoch()
                rows = [window.next_row(self.step) for window in due]
                drawn, numbers = self._numbers.of_step(self.step, scale, epoch, rows)
        stopped = self.ended is not None
        value, samples, found, self._stopped = self._ranks.step(loss, samples, *numbers, stopped)
        if self._stopped:
            self.ended = self.ended or "recording ended on another process"
            return
        if self._journal is not None:
            with self._ending:
                self._write_step(value, samples, probe, drawn, found)
        if self.ended is not None and not self._ranks.shared:
            return
        self._numbers.written(self.step)
        diverged = value is not None and not np.isfinite(value)
        if self._gradients is not None:
            self._gradients.count += 1
        for window in due:
            window.buffer.count += not diverged
        self.step += 1
        # only now: an interrupt in this, which may be long, finds the step complete
        if diverged:
            self._close_windows(self._windows)
        self._close_full()
        if self._resumable and self._unsaved_bytes() > UNSAVED_BYTES:
            self._save_rows()

    def _row_of_epoch(self) -> list[torch.Tensor]:
        """Where the gradient of this step is kept until its epoch ends, if it is."""
        if self._gradients is None:
            return []
        if not self._gradients.count:
            self._epoch_start = self.step
        return [self._gradients.next_row()]

    def _begin(self) -> None:
        """From the first row on there is something to lose."""
        if self._held is not None and not self._held.left:
            self._held.write_layout(self._layout.described())

    def _write_step(
        self,
        loss: float | None,
        samples: int | None,
        probe: float,
        drawn: np.ndarray | None,
        found: list[np.ndarray],
    ) -> None:
        assert self._journal is not None
        assert self._rows is not None
        if self.step == 0:
            self._begin()
            self._keep_start()
        # before the row: no step is without its mark
        taken_up = self._mark(found) if self._taken_up is not None else None
        joins = taken_up is not None and self._sketched is not None
        digest = self._numbers.digest() if joins else ""
        self._rows.write(self.step, loss, samples, probe, drawn, found, taken_up, digest)

    def _mark(self, found: list[np.ndarray]) -> int:
        """Mark where the walk is taken up; which step's position that is, see `step_at`."""
        assert self._journal is not None
        assert self._taken_up is not None
        taken_up = self._taken_up.step_at(found[2 + (self._sketched is not None)])
        self._journal.append("resumed", np.array((self.step, taken_up), RESUMED))
        say(f"{self.path}: {going_on.told(self.step, taken_up)}")
        self._taken_up = None
        return taken_up

    def _keep_start(self) -> None:
        """Keep the first position while it is recorded: distances are from there."""
        assert self._journal is not None
        start = None if self._sketched is None else self._sketched.start
        if start is not None and not self._parameters.sharded:
            self._journal.cut("first", 0)
            self._journal.append("first", start.cpu().numpy())

    def _close_full(self) -> None:
        self._close_windows([window for window in self._windows if window.buffer.full])
        if self._gradients is not None and self._gradients.full:
            self._close_epoch(self._gradients)

    def _close_windows(self, windows: list[OpenWindow]) -> None:
        """Turn open windows into Gram matrices; every process does, and the first one writes."""
        for window in windows:
            made = window.gram(self._groups, self._ranks)
            if made is not None and self._journal is not None and self.ended is None:
                with self._ending:
                    window.write(self._journal, made, self._weights)
            if self._journal is not None:
                self._journal.drop(window.rows)
            window.buffer.clear()

    def _close_epoch(self, gradients: RowBuffer) -> None:
        kept = epoch_noise(gradients.filled(), self._entries, self._ranks)
        gradients.clear()
        if self._journal is not None and self.ended is None:
            with self._ending:
                for name, value in kept.items():
                    self._journal.cut(name, self._epoch)
                    self._journal.append(name, value)
        if self._journal is not None:
            self._journal.drop(f"gradients-{self._epoch}")
        self._epoch += 1

    def state(self, sync: bool = True) -> dict[str, Any]:
        """A small dict to resume from; all that is large is in the folder beside the file.

        Args:
            sync: also wait for the disk, so that the point survives the loss of the machine.
        """
        assert self._journal is not None
        self._begin()
        self._save_rows()
        if sync:
            self._journal.commit()
        return {
            "step": self.step,
            "epoch": self._epoch,
            "windows": [window.start for window in self._windows],
            "draw": self._entries.state(),
            "lengths": self._journal.lengths(),
        }

    def state_saved(self) -> None:
        """Say that the last ``state`` is on disk: what only an older one needed is removed."""
        assert self._journal is not None
        self._journal.point_written()

    def _open_rows(self) -> list[tuple[RowBuffer, str]]:
        """Buffers whose rows a resumed loop needs, with the streams they are saved to."""
        rows = [(window.buffer, window.rows) for window in self._windows]
        if self._gradients is not None:
            rows.append((self._gradients, f"gradients-{self._epoch}"))
        return rows

    def _unsaved_bytes(self) -> int:
        return sum(buffer.unsaved().nbytes for buffer, _ in self._open_rows())

    def _save_rows(self) -> None:
        """Append the rows of open windows and of the epoch to disk, each once."""
        assert self._journal is not None
        for buffer, name in self._open_rows():
            if buffer.saved < buffer.count:
                self._journal.extend(name, buffer.unsaved().cpu().numpy())
                buffer.saved = buffer.count
        if self._sketched is not None and self._sketched.at is not None:
            kept = [name for name in self._journal.lengths() if name.startswith("previous-")]
            name = f"previous-{self._sketched.at}"
            if not self._journal.rows(name):
                self._journal.append(name, self._sketched.previous.cpu().numpy())
                for older in set(kept) - {name}:
                    self._journal.drop(older)

    def _restore(self, state: Mapping[str, Any]) -> None:
        assert self._journal is not None
        self.step = state["step"]
        self._epoch = state["epoch"]
        self._entries.restore(state["draw"])
        for window, start in zip(self._windows, state["windows"], strict=True):
            window.start = start
        for buffer, name in self._open_rows():
            if self._journal.rows(name):
                for row in self._journal.read(name):
                    buffer.next_row().copy_(torch.from_numpy(row.copy()))
                    buffer.count += 1
                buffer.saved = buffer.count
        if self._gradients is not None:
            self._epoch_start = self.step - self._gradients.count
        name = f"previous-{self.step - 1}"
        if self._sketched is not None and self._journal.rows(name):
            previous = torch.from_numpy(self._journal.read(name)[0].copy())
            self._sketched.go_on(previous, self.step - 1)

    def close(self, interrupted: bool = False, diverged_at: int | None = None) -> None:
        """Close the open windows as shorter ones, write the file and remove the folder beside it.

        Where there is no room for the file, a line says so and the folder stays.

        Args:
            interrupted: stored in the file: the loop did not reach its own end.
            diverged_at: stored in the file: step whose loss was not finite; None for the first of
                the last recorded losses that are not.
        """
        if self._closed or os.getpid() != self._process:  # a forked child ends: not the walk
            return
        self._closed = True
        try:
            # an error on one process leaves the others elsewhere: they cannot add up a window
            alone = interrupted and self._ranks.shared
            if not alone and not self._stopped and self._ranks.agree(self.ended is None):
                with self._ending, torch.no_grad():
                    self._write_end()
            if self._journal is not None:
                with self._ending:
                    self._write_file(interrupted, diverged_at)
        finally:
            self._let_go()

    def _write_end(self) -> None:
        """The shorter windows, and where the walk is now."""
        for window in self._windows:
            count = window.buffer.count
            if self._journal is not None and not self._journal.rows(window.closed) and self.step:
                kept = f"kept as one of {count}" if count >= MIN_POSITIONS else "nothing to keep"
                say(
                    f"{self.path}: {self.step} steps fill no window of {window.length} positions, "
                    f"one every {window.stride}: {kept}"
                )
        self._close_windows(self._windows)
        if not self.step or self._taken_up is not None or self._parameters.change() is not None:
            return
        entries, *increment = self._numbers.end(self.step)
        if len(entries):
            end = self._ranks.sum(entries)
            if self._journal is not None:
                self._journal.append("end", end.to(self._parameters.dtype).cpu().numpy())
        if increment:
            moved, *sketches = increment
            moved, both = self._ranks.sum_of_squares(moved), self._ranks.sum(torch.stack(sketches))
            if self._rows is not None:
                every, digest = list(both.cpu().numpy()), self._numbers.digest()
                self._rows.write_last(self.step, moved.cpu().numpy(), every, digest)

    def _write_file(self, interrupted: bool, diverged_at: int | None) -> None:
        assert self._journal is not None
        assert self._held is not None
        self._journal.cut("steps", self.step)
        if self.step or not (interrupted or self.path.exists()):
            if diverged_at is None:
                diverged_at = first_diverged(self._journal)
            assemble(self.path, self._journal, self._layout, interrupted, diverged_at)
        else:
            say(f"{self.path}: no step was recorded, and nothing is written")
        if self._rows is not None and self._rows.untold:
            say(
                f"{self.path}: at {self._rows.untold} of {self.step} steps no loss was told; "
                "recorder.loss(value) tells it"
            )
        self._journal.close()
        self._held.remove()

    def _let_go(self) -> None:
        """Leave optimizer, memory and folder to others; what is on disk stays."""
        if self._optimizer is not None:
            self._optimizer.close()
        for window in self._windows:
            window.buffer.close()
        if self._gradients is not None:
            self._gradients.close()
        if self._journal is not None:
            self._journal.close()
        if self._held is not None:
            self._held.let_go()
        self._ranks.leave()


def _seen(model: Walked, optimizer: Any) -> dict[str, Any]:
    """Where a walk comes from whose loop does not say it.

    Looked up by name: a training that says it must not be made again when versions change.
    """
    found = import_module("sgdwalk.recording.loop_origin").origin_of_loop(model, optimizer)
    return dict(found)
