"""Read a trajectory file: windows of the walk, epoch records, gradient samples."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.files import hdf5
from sgdwalk.recording.groups import groups_of
from sgdwalk.recording.sketched_path import SketchedPath
from sgdwalk.recording.window_families import family_of

_PER_STEP = ("increments", "norms", "distance_from_start")


@dataclass(frozen=True)
class Window:
    """T consecutive recorded positions of a walk, known by the Gram matrix of their increments.

    Attributes:
        length: T, recorded positions.
        stride: optimizer steps between recorded positions; None where these differ.
        start: steps taken before the first position.
        gram: (T-1, T-1) float64, inner products of increments, squared parameter units.
        loss: (T,) loss at each position, of its minibatch or as somebody else measured it; None
            where that is not known.
        step: (T,) steps taken before each position.
        probe_loss: (T,) loss of the fixed probe batch, or None.
        partial: whether it is shorter than its family's: the walk ended, or was broken, in it.
        sketched: (T-1, k) sketches of the increments, if the Gram matrix is of these; (T-1, 0) if
            it is exact all the same.
    """

    length: int
    stride: int | None
    start: int
    gram: np.ndarray
    loss: np.ndarray | None
    step: np.ndarray
    probe_loss: np.ndarray | None
    partial: bool = False
    sketched: np.ndarray | None = None


class Trajectory:
    """Read side of ``TrajectoryRecorder``.

    The file is checked once, here. Small records are read at once; `windows`, `gradients` and
    `layers` when they are first asked for, and then kept: 8 T^2 bytes a window of T positions.

    Args:
        path: a trajectory file.

    Attributes:
        steps: optimizer steps recorded.
        parameters: number of trainable parameters.
        diverged_at: step whose loss was not finite, or None.
        interrupted: whether the loop was stopped before its own end.
        origin: where the run comes from.
        loss: (steps,) minibatch loss of every step.
        probe_loss: (steps,) loss of the fixed probe batch; None if there was none.
        gradient_norm: (steps,) norm of every minibatch gradient.
        batch_size: (steps,) samples of every minibatch; None where the loop did not tell.
        epochs: dict of arrays, one row per epoch.
        resumed: (R, 2) for every time that recording went on with the walk: its first step then,
            and the recorded step whose position that took up: the same step where it went on at
            the end, an earlier one where it went back, -1 for a gap. No window is across it.

    Raises:
        InputError: one line for a missing, foreign, old, truncated or damaged file.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        with hdf5.opened(self.path, "trajectory") as file:
            self.steps = int(file.attrs["steps"])
            self.parameters = int(file.attrs["parameters"])
            self.interrupted = bool(file.attrs["interrupted"])
            diverged = int(file.attrs["diverged_at"])
            self.diverged_at = None if diverged < 0 else diverged
            self.origin = hdf5.origin(file)
            self.loss = _array(file["steps"], "loss")
            self.gradient_norm = _array(file["steps"], "gradient_norm")
            probed = "probe_loss" in file["steps"]
            self.probe_loss = _array(file["steps"], "probe_loss") if probed else None
            told = "batch_size" in file["steps"]
            self.batch_size = _array(file["steps"], "batch_size") if told else None
            self.resumed = np.zeros((0, 2), np.int64)
            if "resumed" in file:
                parts = [file["resumed"][name][()] for name in ("step", "taken_up")]
                self.resumed = np.stack(parts, axis=1)
            self.epochs = {name: data[()] for name, data in file["epochs"].items()}

    @cached_property
    def windows(self) -> list[Window]:
        """All windows, by stride, family's length and start; shorter ones are marked partial."""
        with self._checked() as file:
            windows = {key: _window(group) for key, group in file["windows"].items()}
        return [windows[key] for key in sorted(windows, key=_order)]

    @cached_property
    def gradients(self) -> dict[str, np.ndarray]:
        """Gradient samples and coordinate series, by name as in the file."""
        with self._checked() as file:
            return {name: data[()] for name, data in file["gradients"].items()}

    @cached_property
    def layers(self) -> list[tuple[str, int]]:
        """Name and number of parameters of every trainable parameter tensor, in order."""
        with self._checked() as file:
            names = file["layers/name"].asstr()[()]
            sizes = file["layers/size"][()]
        return [(str(name), int(size)) for name, size in zip(names, sizes, strict=True)]

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """Names of the parameter tensors of each group that was recorded beside the whole."""
        names = [name for name, _ in self.layers]
        with self._checked() as file:
            return {group: [names[i] for i in tensors] for group, tensors in groups_of(file)}

    @cached_property
    def sketch(self) -> SketchedPath | None:
        """The sketch of the whole walk; None if it was recorded without one."""
        with self._checked() as file:
            if "sketch" not in file:
                return None
            found = {name: data[()] for name, data in file["sketch"].items()}
            k, seed = (int(file["sketch"].attrs[name]) for name in ("k", "seed"))
        sizes, groups = dict(self.layers), {}
        for i, (name, tensors) in enumerate(self.groups.items() if "group_start" in found else ()):
            of_group = {"start": found["group_start"][i]}
            of_group |= {key: found[f"group_{key}"][:, i] for key in _PER_STEP}
            count = sum(sizes[tensor] for tensor in tensors)
            groups[name] = SketchedPath(k, seed, count, **of_group)
        whole = {key: found[key] for key in ("start", *_PER_STEP)}
        return SketchedPath(
            k, seed, self.parameters, **whole, groups=groups, step=found.get("step")
        )

    def weights(self, window: Window) -> np.ndarray:
        """(T, P) raw positions of a window.

        Raises:
            InputError: if the run was recorded without them.
        """
        return self._optional(window, "weights")

    def group_grams(self, window: Window) -> dict[str, np.ndarray]:
        """(T-1, T-1) Gram matrix of a window, by the name of each group of parameter tensors.

        Raises:
            InputError: if the run was recorded without groups.
        """
        if not self.groups:
            raise InputError(f"{self.path}: recorded without groups (recording.groups)")
        with self._checked() as file:
            name = "group_grams" if "groups" in file else "layer_grams"
        return dict(zip(self.groups, self._optional(window, name), strict=True))

    def _checked(self) -> AbstractContextManager[h5py.File]:
        """The file, which was found whole when this was made."""
        return hdf5.opened(self.path, "trajectory", checked=True)

    def _optional(self, window: Window, name: str) -> np.ndarray:
        with self._checked() as file:
            group = next(g for g in file["windows"].values() if _of(g, window))
            if name not in group:
                raise InputError(f"{self.path}: recorded without {name} (recording.{name}: true)")
            return group[name][()]


def _window(group: h5py.Group) -> Window:
    length = int(group.attrs["length"])
    gram, step = group["gram"][()], group["step"][()]
    loss, probe = (group[name][()] if name in group else None for name in ("loss", "probe_loss"))
    fitting = [a.shape == (length,) for a in (loss, step) if a is not None]
    if gram.shape != (length - 1, length - 1) or not all(fitting):
        raise ValueError(f"{group.name}: arrays do not fit a window of {length} positions")
    # 0 stands for "they differ": an HDF5 attribute cannot be None
    stride, start = int(group.attrs["stride"]) or None, int(group.attrs["start"])
    partial = bool(group.attrs.get("partial", False))
    return Window(length, stride, start, gram, loss, step, probe, partial)


def _order(key: str) -> tuple[int, int, int]:
    """Stride, length of the family and start, from a window's name."""
    length, stride = family_of(key)
    return stride, length, int(key.rsplit("-", 1)[1])


def _of(group: h5py.Group, window: Window) -> bool:
    told = {name: int(group.attrs[name]) for name in ("length", "stride", "start")}
    return all((getattr(window, name) or 0) == value for name, value in told.items())


def _array(group: h5py.Group, name: str) -> np.ndarray:
    return group[name][()] if name in group else np.zeros(0)
