"""The layout of ``trajectory.h5``: how a recorder's streams become groups and datasets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sgdwalk.files import hdf5
from sgdwalk.recording.row_streams import Journal
from sgdwalk.recording.window_families import family_key

EPOCH_VALUES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
# A row says that a window is closed: it is written after all else of that window.
CLOSED = np.dtype([("start", "i8"), ("length", "i8"), ("error", "f8"), ("float64", "i8")])
SKETCH_SEED = 0  # one for all walks: those of one network can be compared
RESUMED = np.dtype([("step", "i8"), ("taken_up", "i8")])
_STEP_MEANINGS = {
    "loss": "minibatch loss at the position before each step",
    "probe_loss": "loss of the fixed probe batch at that position",
    "gradient_norm": "Euclidean norm of the minibatch gradient",
}
_GRADIENT_MEANINGS = {
    "sample_index": "flat index of gradient entries, drawn uniformly at each step",
    "sample_value": "minibatch gradient at those entries",
    "series_gradient": "minibatch gradient at fixed coordinates, every step",
    "series_position": "position at fixed coordinates, every step",
}


@dataclass(frozen=True)
class Layout:
    """What does not change while a walk is recorded.

    Attributes:
        layers: name and real numbers of every parameter tensor, in order.
        families: (length, stride) of the windows.
        dtype: of positions and gradients.
        samples: gradient entries drawn per step.
        probe: whether the loss of a fixed batch is recorded.
        series: (C,) indices of the coordinates recorded at every step.
        epoch_entries: (E,) indices of the entries of the mean gradient kept per epoch.
        origin: where the run comes from.
        sketch: k, numbers of the sketch of an increment; 0 for none.
        groups: name, and indices of the tensors, of each group kept beside the whole.
    """

    layers: list[tuple[str, int]]
    families: list[tuple[int, int]]
    dtype: str
    samples: int
    probe: bool
    series: list[int]
    epoch_entries: list[int]
    origin: dict[str, Any]
    sketch: int = 0
    groups: list[tuple[str, list[int]]] = field(default_factory=list)

    def step_rows(self) -> np.dtype:
        """Type of the one row that a step writes."""
        count, value = len(self.series), np.dtype(self.dtype).str
        fields: list[tuple[Any, ...]] = [("loss", "<f8"), ("told", "|i1"), ("batch_size", "<i8")]
        fields += [("gradient_norm", "<f8")]
        if self.probe:
            fields += [("probe_loss", "<f8")]
        if self.samples:
            fields += [("sample_index", "<i8", (self.samples,))]
            fields += [("sample_value", value, (self.samples,))]
        if count:
            fields += [("series_gradient", value, (count,)), ("series_position", value, (count,))]
        return np.dtype(fields + self._increment_fields())

    def increment_row(self) -> np.dtype:
        """Type of a row of the increment after the last step, which has no row of its own."""
        return np.dtype([("step", "<i8"), ("digest", "S32"), *self._increment_fields()])

    def _increment_fields(self) -> list[tuple[Any, ...]]:
        """Of what leads to a position: norms and distances of the whole and of groups, sketches."""
        value, groups = np.dtype(self.dtype).str, len(self.groups)
        if not self.sketch:
            return []
        fields: list[tuple[Any, ...]] = [("moved", "<f8", (1 + groups, 2))]
        fields += [("sketch", value, (self.sketch,))]
        return fields + ([("group_sketches", value, (groups, self.sketch))] if groups else [])

    def described(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Layout:
        """From what `described` gave, after JSON."""
        paired = ("layers", "families", "groups")
        pairs = {name: [tuple(p) for p in described.get(name, [])] for name in paired}
        return cls(**{**described, **pairs})


def first_diverged(journal: Journal) -> int | None:
    """First step of those at the end whose losses were told and are not finite, or None."""
    if not journal.rows("steps"):
        return None
    steps = journal.read("steps")
    told = np.flatnonzero(steps["told"])
    finite = np.flatnonzero(np.isfinite(steps["loss"][told]))
    after = told[finite[-1] + 1 :] if len(finite) else told
    return int(after[0]) if len(after) else None


def _has(steps: np.ndarray, name: str) -> bool:
    return name in (steps.dtype.names or ())


def assemble(
    path: Path, journal: Journal, layout: Layout, interrupted: bool, diverged_at: int | None
) -> None:
    """Write a whole trajectory file from a recorder's streams."""
    steps = journal.read("steps") if journal.rows("steps") else np.zeros(0, layout.step_rows())
    with hdf5.create(path, "trajectory", layout.origin) as file:
        file.attrs["parameters"] = sum(size for _, size in layout.layers)
        file.attrs["steps"] = len(steps)
        file.attrs["interrupted"] = interrupted
        # -1 stands for "never": an HDF5 attribute cannot be None
        file.attrs["diverged_at"] = -1 if diverged_at is None else diverged_at
        names = np.array([name for name, _ in layout.layers], h5py.string_dtype())
        group = file.create_group("layers")
        hdf5.put(group, "name", names, "name of each parameter tensor")
        sizes = np.array([size for _, size in layout.layers])
        hdf5.put(group, "size", sizes, "parameters in each parameter tensor")
        if layout.groups:
            _write_groups(file.create_group("groups"), layout)
        _write_steps(file.create_group("steps"), steps)
        if layout.sketch and journal.rows("sketch-start"):
            _write_sketch(file.create_group("sketch"), journal, steps, layout)
        _write_resumed(file, journal, len(steps))
        windows = file.create_group("windows")
        for length, stride in layout.families:
            _write_family(windows, journal, steps, (length, stride), len(layout.groups))
        _write_epochs(file.create_group("epochs"), journal, layout)
        _write_gradients(file.create_group("gradients"), journal, steps, layout)


def _write_steps(group: h5py.Group, steps: np.ndarray) -> None:
    if not len(steps):
        return
    for name, meaning in _STEP_MEANINGS.items():
        if _has(steps, name):
            hdf5.put(group, name, steps[name], meaning)
    if steps["batch_size"].min() > 0:  # told at every step
        hdf5.put(group, "batch_size", steps["batch_size"], "samples of each minibatch")


def _write_groups(file: h5py.Group, layout: Layout) -> None:
    names = np.array([name for name, _ in layout.groups], h5py.string_dtype())
    hdf5.put(file, "name", names, "name of each group of parameter tensors")
    inside = np.zeros((len(names), len(layout.layers)), np.int8)
    for row, (_, tensors) in zip(inside, layout.groups, strict=True):
        row[tensors] = 1
    hdf5.put(file, "tensors", inside, "which parameter tensors are in each group")


def _write_sketch(file: h5py.Group, journal: Journal, steps: np.ndarray, layout: Layout) -> None:
    """Row i is of the step from position i to the next; a cut-off walk lacks its last."""
    file.attrs["k"], file.attrs["seed"] = layout.sketch, SKETCH_SEED
    start = journal.read("sketch-start")[-1]
    last = journal.read("last") if journal.rows("last") else np.zeros(0, layout.increment_row())
    last = last[last["step"] == len(steps)]
    file.attrs["end_digest"] = last["digest"][0].decode() if len(last) else ""
    parts = [steps[1:], last]  # the first step has none before it
    moved = np.concatenate([part["moved"] for part in parts])
    _put_walk(file, "", start[0], moved[:, 0], [part["sketch"] for part in parts])
    if layout.groups:
        grouped = [part["group_sketches"] for part in parts]
        _put_walk(file, "group_", start[1:], moved[:, 1:], grouped)


def _put_walk(
    file: h5py.Group, prefix: str, start: np.ndarray, moved: np.ndarray, parts: list[np.ndarray]
) -> None:
    of = ", per group" if prefix else ""
    norms, away = moved[..., 0], np.concatenate([np.zeros((1, *moved.shape[1:-1])), moved[..., 1]])
    hdf5.put(file, f"{prefix}start", start, f"sketch of the first position{of}", "parameter")
    meaning = f"sketch of each increment{of}"
    hdf5.put_rows(file, f"{prefix}increments", parts, meaning, "parameter")
    hdf5.put(file, f"{prefix}norms", norms, f"norm of each increment{of}", "parameter")
    meaning = f"distance of each position from the first{of}"
    hdf5.put(file, f"{prefix}distance_from_start", away, meaning, "parameter")


def _write_resumed(file: h5py.File, journal: Journal, steps: int) -> None:
    rows = journal.read("resumed") if journal.rows("resumed") else np.zeros(0, RESUMED)
    rows = rows[rows["step"] < steps]  # a mark is written before its step
    if not len(rows):
        return
    group = file.create_group("resumed")
    hdf5.put(group, "step", rows["step"], "first step of each later part of the walk", "step")
    meaning = "recorded step whose position it took up; -1 if it was none"
    hdf5.put(group, "taken_up", rows["taken_up"], meaning, "step")


def _write_family(
    windows: h5py.Group,
    journal: Journal,
    steps: np.ndarray,
    lengths: tuple[int, int],
    groups: int,
) -> None:
    length, stride = lengths
    family = family_key(length, stride)
    if not journal.rows(f"closed-{family}"):
        return
    numbers = positions = 0  # of the windows before
    for start, count, error, float64 in journal.read(f"closed-{family}").tolist():
        increments = count - 1
        step = start + stride * np.arange(count)
        group = windows.create_group(f"{family}-{start:09d}")
        group.attrs["length"], group.attrs["stride"], group.attrs["start"] = count, stride, start
        group.attrs["partial"] = count < length
        group.attrs["float32_error"] = error
        group.attrs["float64_products"] = bool(float64)
        matrix = slice(numbers, numbers + increments**2)
        gram = journal.read(f"gram-{family}")[matrix].reshape(increments, increments)
        hdf5.put(group, "gram", gram, "inner products of increments", "parameter^2")
        hdf5.put(group, "loss", steps["loss"][step], "minibatch loss at each position")
        hdf5.put(group, "step", step, "optimizer steps taken before each position", "step")
        if _has(steps, "probe_loss"):
            probe = steps["probe_loss"][step]
            hdf5.put(group, "probe_loss", probe, "loss of the fixed probe batch")
        if journal.rows(f"groups-{family}"):
            each = slice(groups * matrix.start, groups * matrix.stop)
            grams = journal.read(f"groups-{family}")[each].reshape(groups, increments, increments)
            hdf5.put(group, "group_grams", grams, "Gram matrix per group", "parameter^2")
        if journal.rows(f"weights-{family}"):
            rows = journal.read(f"weights-{family}")[positions : positions + count]
            hdf5.put(group, "weights", rows, "raw positions", "parameter")
        numbers, positions = matrix.stop, positions + count


def _write_epochs(group: h5py.Group, journal: Journal, layout: Layout) -> None:
    if journal.rows("epochs"):
        table = journal.read("epochs")
        hdf5.put(group, "step", table[:, 0].astype(np.int64), "steps taken at the end", "step")
        for column, name in enumerate(EPOCH_VALUES, start=1):
            hdf5.put(group, name, table[:, column], name.replace("_", " ") + " of the epoch")
    if journal.rows("mean_gradient"):  # the last that an epoch writes
        whole = journal.rows("mean_gradient")
        for name, meaning in (
            ("noise_norm", "norm of each minibatch gradient minus the epoch's mean gradient"),
            ("noise_gram", "inner products of those differences, first steps of the epoch"),
            ("mean_gradient_norm", "norm of the epoch's mean minibatch gradient"),
            ("mean_gradient", "entries of the epoch's mean minibatch gradient"),
        ):
            hdf5.put(group, name, journal.read(name)[:whole], meaning)
        hdf5.put(group, "mean_gradient_index", layout.epoch_entries, "flat index of the entries")


def _write_gradients(
    group: h5py.Group, journal: Journal, steps: np.ndarray, layout: Layout
) -> None:
    for name, meaning in _GRADIENT_MEANINGS.items():
        if _has(steps, name) and len(steps):
            hdf5.put(group, name, steps[name], meaning)
    if layout.series:
        hdf5.put(group, "series_index", layout.series, "flat index of the fixed coordinates")
    if journal.rows("end"):
        last = journal.read("end")[-1]
        hdf5.put(group, "series_end", last, "position at those coordinates after the last step")
