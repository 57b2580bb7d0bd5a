"""Record the walk of a training loop: two lines, and a ``trajectory.h5`` that can be analysed.

    with TrajectoryRecorder(model, "trajectory.h5", window=1000) as recorder:
        for inputs, targets in batches:
            loss = loss_function(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            recorder.record(loss)  # the position at which this loss was evaluated
            optimizer.step()

A window of T positions becomes the Gram matrix of its T-1 increments as soon as it is full, and
the weights are dropped: storage is O(T^2) per window, whatever the number of parameters.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.recording.gram import plain_gram, row_norms, window_gram
from sgdwalk.recording.row_buffer import RowBuffer
from sgdwalk.recording.row_streams import Journal
from sgdwalk.recording.trajectory_writer import EPOCH_VALUES, Layout, assemble
from sgdwalk.recording.window_families import family_key

NOISE_GRAM_ROWS = 128  # largest number of an epoch's steps whose noise Gram matrix is kept
# Rows of open windows wait in memory for the next resume point up to this size: a signal leaves a
# few seconds, in which so much can still be written, and most windows close without ever being.
UNSAVED_BYTES = 2**30
EPOCH_ENTRIES = 1024  # coordinates of the mean gradient kept per epoch


@dataclass
class _Family:
    """Windows of one length and stride, one after the other without gaps."""

    length: int
    stride: int
    buffer: RowBuffer
    index: int = 0  # of the open window

    @property
    def name(self) -> str:
        return family_key(self.length, self.stride)

    @property
    def rows(self) -> str:
        return f"positions-{self.name}-{self.index}"


class TrajectoryRecorder:
    """Context manager that writes a trajectory file from inside a training loop.

    Peak memory beyond the loop's own: one window of positions per family, one epoch of gradients
    (only if ``steps_per_epoch`` is given), and about 100 MB while a Gram matrix is made.

    Args:
        model: its trainable parameters, flattened in ``model.parameters()`` order, are the walk.
        path: the trajectory file to write; what is recorded meanwhile is kept beside it.
        window: positions per window, or several (length, stride) families of windows.
        steps_per_epoch: steps per pass over the training set; None leaves gradient noise out.
        weights: also keep the raw positions of every whole window, (T, P) float32 each.
        layer_grams: also keep one Gram matrix per parameter tensor.
        probe: called without arguments at every recorded step; returns the loss of a fixed batch
            at the current position, and must leave the model as it was.
        samples_per_step: gradient entries kept per step, drawn uniformly over all parameters.
        coordinates_per_layer: fixed random coordinates of each parameter tensor whose gradient
            and position are kept at every step.
        seed: of the random choices above.
        origin: JSON-able record of where the run comes from, stored in the file.
        folder: where to keep what is recorded until the file is whole; None for beside ``path``.
        resumable: write open windows to disk as they grow, so that ``state`` can be resumed.
        resume: what ``state`` returned when the loop was last stopped.
        host_memory: bytes of host memory for the window buffers; None for half of what is free.

    Raises:
        InputError: for a window shorter than 3, a stride below 1, a repeated family, or a model
            without trainable parameters.
    """

    def __init__(
        self,
        model: nn.Module,
        path: str | Path,
        window: int | Sequence[tuple[int, int]] = 1000,
        *,
        steps_per_epoch: int | None = None,
        weights: bool = False,
        layer_grams: bool = False,
        probe: Callable[[], torch.Tensor] | None = None,
        samples_per_step: int = 32,
        coordinates_per_layer: int = 4,
        seed: int = 0,
        origin: Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
        resumable: bool = False,
        resume: Mapping[str, Any] | None = None,
        host_memory: int | None = None,
    ):
        families = _check_families(window)
        named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        if not named:
            raise InputError("model: no trainable parameters; allowed: at least one")
        self.path = Path(path)
        self.folder = Path(folder or self.path.with_name(f"{self.path.name}.parts"))
        self.step = 0
        self._parameters = [p for _, p in named]
        self._sizes = [p.numel() for p in self._parameters]
        self._total = sum(self._sizes)
        self._weights = weights
        self._layer_grams = layer_grams
        self._probe = probe
        self._steps_per_epoch = steps_per_epoch
        self._resumable = resumable
        self._epoch = 0
        self._journal = Journal(self.folder, (resume or {}).get("lengths"))
        first = self._parameters[0]

        def buffer(rows: int, name: str) -> RowBuffer:
            spare = self.folder / f"{name}.map"
            return RowBuffer(rows, self._total, first.dtype, first.device, host_memory, spare)

        self._families = [_Family(n, s, buffer(n, family_key(n, s))) for n, s in families]
        self._gradients = buffer(steps_per_epoch or 1, "gradients")
        draw = np.random.default_rng([seed, 0])
        self._layout = Layout(
            layers=[(n, tuple(p.shape)) for n, p in named],
            families=families,
            series=_per_layer(self._sizes, coordinates_per_layer, draw),
            epoch_entries=np.sort(draw.choice(self._total, min(EPOCH_ENTRIES, self._total), False)),
            origin=dict(origin or {}),
        )
        self._series = torch.as_tensor(self._layout.series, device=first.device)
        self._samples_per_step = samples_per_step
        self._draw = np.random.default_rng([seed, 1])
        if resume is not None:
            self._restore(resume)

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
            self._journal.close()
            raise

    def record(self, loss: torch.Tensor | float, samples: int | None = None) -> None:
        """Record one step; call after ``backward()`` and before ``optimizer.step()``.

        Args:
            loss: the loss at the current position, a number or a tensor with one element.
            samples: samples of the minibatch; kept if told at every step, so that analyses can tell
                batches that are smaller than the others.

        Raises:
            InputError: for a minibatch without samples.
        """
        if samples is not None and samples < 1:
            raise InputError(f"record: {samples} samples; allowed: 1 or more, or None")
        recorded = [f for f in self._families if self.step % f.stride == 0]
        self._journal.append("loss", np.float64(torch.as_tensor(loss).item()))
        if samples is not None:
            self._journal.append("batch_size", np.int64(samples))
        if self._probe is not None:
            value = float(self._probe()) if recorded else np.nan
            self._journal.append("probe_loss", np.float64(value))
        gradient = self._record_gradient()
        position = None
        for family in recorded:
            position = family.buffer.append(self._parameters)
        if position is None:
            position = torch.cat([p.detach().reshape(-1) for p in self._parameters])
        self._record_samples(gradient, position)
        for family in recorded:
            if family.buffer.full:
                self._close_window(family)
        if self._steps_per_epoch and self._gradients.full:
            self._close_epoch()
        self.step += 1
        if self._resumable and self._unsaved_bytes() > UNSAVED_BYTES:
            self._save_rows()

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
        self._journal.append("epochs", np.array(row, np.float64))

    def _record_gradient(self) -> torch.Tensor:
        if not self._steps_per_epoch:
            self._gradients.clear()
        gradients = [
            p.grad if p.grad is not None else torch.zeros_like(p) for p in self._parameters
        ]
        row = self._gradients.append(gradients)
        self._journal.append("gradient_norm", np.float64(row_norms(row[None]).item()))
        return row

    def _record_samples(self, gradient: torch.Tensor, position: torch.Tensor) -> None:
        if self._samples_per_step:
            chosen = self._draw.integers(0, self._total, self._samples_per_step)
            self._journal.append("sample_index", chosen)
            self._journal.append("sample_value", _entries(gradient, torch.from_numpy(chosen)))
        if len(self._series):
            self._journal.append("series_gradient", _entries(gradient, self._series))
            self._journal.append("series_position", _entries(position, self._series))

    def _close_window(self, family: _Family) -> None:
        sizes = self._sizes if self._layer_grams else None
        gram = window_gram(family.buffer.filled(), sizes)
        self._journal.append(f"gram-{family.name}", gram.matrix.numpy())
        made = np.array([gram.error, gram.float64_products], np.float64)
        self._journal.append(f"made-{family.name}", made)
        if gram.layers is not None:
            self._journal.append(f"layers-{family.name}", gram.layers.numpy())
        if self._weights:
            self._journal.extend(f"weights-{family.name}", _numpy(family.buffer.filled()))
        family.buffer.clear()
        self._journal.drop(family.rows)
        family.index += 1

    def _close_epoch(self) -> None:
        """Noise of an epoch's gradients about their mean, the estimated full-batch gradient."""
        gradients = self._gradients.filled()
        mean = gradients.mean(0)
        gradients -= mean
        noise = row_norms(gradients)
        gram = plain_gram(gradients[:NOISE_GRAM_ROWS])
        entries = torch.from_numpy(self._layout.epoch_entries)
        self._journal.append("noise_norm", noise.cpu().numpy())
        self._journal.append("noise_gram", gram.cpu().numpy())
        self._journal.append("mean_gradient_norm", np.float64(row_norms(mean[None]).item()))
        self._journal.append("mean_gradient", _entries(mean, entries))
        self._gradients.clear()
        self._journal.drop(f"gradients-{self._epoch}")
        self._epoch += 1

    def state(self, sync: bool = True) -> dict[str, Any]:
        """A small dict to resume from; all that is large is flushed to ``folder``.

        Args:
            sync: also wait for the disk, so that the point survives the loss of the machine.
        """
        self._save_rows()
        self._journal.flush(sync)
        return {
            "step": self.step,
            "epoch": self._epoch,
            "windows": [family.index for family in self._families],
            "draw": self._draw.bit_generator.state,
            "lengths": self._journal.lengths(),
        }

    def state_saved(self) -> None:
        """Say that the last ``state`` is on disk: what only an older one needed is removed."""
        self._journal.point_written()

    def _open_rows(self) -> list[tuple[RowBuffer, str]]:
        """Buffers whose rows a resumed loop needs, with the streams they are saved to."""
        rows = [(family.buffer, family.rows) for family in self._families]
        if self._steps_per_epoch:
            rows.append((self._gradients, f"gradients-{self._epoch}"))
        return rows

    def _unsaved_bytes(self) -> int:
        return sum(buffer.unsaved().nbytes for buffer, _ in self._open_rows())

    def _save_rows(self) -> None:
        """Append the rows of open windows and of the epoch to disk, each once."""
        for buffer, name in self._open_rows():
            if buffer.saved < buffer.count:
                self._journal.extend(name, _numpy(buffer.unsaved()))
                buffer.saved = buffer.count

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.step = state["step"]
        self._epoch = state["epoch"]
        self._draw.bit_generator.state = state["draw"]
        for family, index in zip(self._families, state["windows"], strict=True):
            family.index = index
        for buffer, name in self._open_rows():
            if self._journal.rows(name):
                for row in self._journal.read(name):
                    buffer.append([torch.from_numpy(row.copy())])
                buffer.saved = buffer.count

    def close(self, interrupted: bool = False, diverged_at: int | None = None) -> None:
        """Write the trajectory file from what was recorded, then remove the temporary folder.

        Args:
            interrupted: stored in the file: the loop did not reach its own end.
            diverged_at: stored in the file: step whose loss was not finite.
        """
        for buffer in [f.buffer for f in self._families] + [self._gradients]:
            buffer.close()
        assemble(self.path, self._journal, self._layout, interrupted, diverged_at)
        self._journal.close()
        shutil.rmtree(self.folder)


def _numpy(rows: torch.Tensor) -> np.ndarray:
    return rows.detach().cpu().numpy()


def _entries(row: torch.Tensor, indices: torch.Tensor) -> np.ndarray:
    return row.index_select(0, indices.to(row.device)).cpu().numpy()


def _check_families(window: int | Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    families = [(window, 1)] if isinstance(window, int) else [(n, s) for n, s in window]
    for length, stride in families:
        if length < 3 or stride < 1:
            raise InputError(
                f"window: length {length}, stride {stride}; allowed: length >= 3, stride >= 1"
            )
    if not families or len(set(families)) != len(families):
        raise InputError(f"window: {families}; allowed: one or more different (length, stride)")
    return families


def _per_layer(sizes: list[int], number: int, draw: np.random.Generator) -> np.ndarray:
    """Indices into the flat parameters: up to ``number`` distinct ones of every layer."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    chosen = [
        start + np.sort(draw.choice(size, min(number, size), replace=False))
        for start, size in zip(starts, sizes, strict=True)
    ]
    return np.concatenate(chosen).astype(np.int64)
