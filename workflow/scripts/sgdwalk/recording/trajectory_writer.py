"""The layout of ``trajectory.h5``: how a recorder's streams become groups and datasets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sgdwalk.files import hdf5
from sgdwalk.recording.row_streams import Journal
from sgdwalk.recording.window_families import family_key

EPOCH_VALUES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


@dataclass(frozen=True)
class Layout:
    """What does not change while a walk is recorded.

    Attributes:
        layers: name and shape of every trainable parameter tensor, in order.
        families: (length, stride) of the windows.
        series: (C,) indices of the coordinates recorded at every step.
        epoch_entries: (E,) indices of the entries of the mean gradient kept per epoch.
        origin: where the run comes from.
    """

    layers: list[tuple[str, tuple[int, ...]]]
    families: list[tuple[int, int]]
    series: np.ndarray
    epoch_entries: np.ndarray
    origin: dict[str, Any]


def assemble(
    path: Path, journal: Journal, layout: Layout, interrupted: bool, diverged_at: int | None
) -> None:
    """Write a whole trajectory file from a recorder's streams."""
    with hdf5.create(path, "trajectory", layout.origin) as file:
        file.attrs["parameters"] = sum(int(np.prod(shape)) for _, shape in layout.layers)
        file.attrs["steps"] = journal.rows("loss")
        file.attrs["interrupted"] = interrupted
        # -1 stands for "never": an HDF5 attribute cannot be None
        file.attrs["diverged_at"] = -1 if diverged_at is None else diverged_at
        names = np.array([name for name, _ in layout.layers], h5py.string_dtype())
        sizes = [int(np.prod(shape)) for _, shape in layout.layers]
        group = file.create_group("layers")
        hdf5.put(group, "name", names, "name of each parameter tensor")
        hdf5.put(group, "size", np.array(sizes), "parameters in each parameter tensor")
        _write_steps(file.create_group("steps"), journal)
        windows = file.create_group("windows")
        for length, stride in layout.families:
            _write_family(windows, journal, length, stride)
        _write_epochs(file.create_group("epochs"), journal, layout)
        _write_gradients(file.create_group("gradients"), journal, layout)


def _write_steps(group: h5py.Group, journal: Journal) -> None:
    for name, meaning in (
        ("loss", "minibatch loss at the position before each step"),
        ("probe_loss", "loss of the fixed probe batch at that position"),
        ("gradient_norm", "Euclidean norm of the minibatch gradient"),
    ):
        if journal.rows(name):
            hdf5.put(group, name, journal.read(name), meaning)
    if journal.rows("batch_size") == journal.rows("loss") > 0:  # told at every step
        hdf5.put(group, "batch_size", journal.read("batch_size"), "samples of each minibatch")


def _write_family(windows: h5py.Group, journal: Journal, length: int, stride: int) -> None:
    family = family_key(length, stride)
    if not journal.rows(f"gram-{family}"):
        return
    loss = journal.read("loss")
    for index, gram in enumerate(journal.read(f"gram-{family}")):
        start = index * length * stride
        steps = start + stride * np.arange(length)
        group = windows.create_group(f"{family}-{start:09d}")
        group.attrs["length"], group.attrs["stride"], group.attrs["start"] = length, stride, start
        error, float64_products = journal.read(f"made-{family}")[index]
        group.attrs["float32_error"] = error
        group.attrs["float64_products"] = bool(float64_products)
        hdf5.put(group, "gram", gram, "inner products of increments", "parameter^2")
        hdf5.put(group, "loss", loss[steps], "minibatch loss at each position")
        hdf5.put(group, "step", steps, "optimizer steps taken before each position", "step")
        if journal.rows("probe_loss"):
            probe = journal.read("probe_loss")[steps]
            hdf5.put(group, "probe_loss", probe, "loss of the fixed probe batch")
        if journal.rows(f"layers-{family}"):
            layers = journal.read(f"layers-{family}")[index]
            hdf5.put(group, "layer_grams", layers, "Gram matrix per layer", "parameter^2")
        if journal.rows(f"weights-{family}"):
            rows = journal.read(f"weights-{family}")[index * length : (index + 1) * length]
            hdf5.put(group, "weights", rows, "raw positions", "parameter")


def _write_epochs(group: h5py.Group, journal: Journal, layout: Layout) -> None:
    if journal.rows("epochs"):
        table = journal.read("epochs")
        hdf5.put(group, "step", table[:, 0].astype(np.int64), "steps taken at the end", "step")
        for column, name in enumerate(EPOCH_VALUES, start=1):
            hdf5.put(group, name, table[:, column], name.replace("_", " ") + " of the epoch")
    if journal.rows("noise_norm"):
        for name, meaning in (
            ("noise_norm", "norm of each minibatch gradient minus the epoch's mean gradient"),
            ("noise_gram", "inner products of those differences, first steps of the epoch"),
            ("mean_gradient_norm", "norm of the epoch's mean minibatch gradient"),
            ("mean_gradient", "entries of the epoch's mean minibatch gradient"),
        ):
            hdf5.put(group, name, journal.read(name), meaning)
        hdf5.put(group, "mean_gradient_index", layout.epoch_entries, "flat index of the entries")


def _write_gradients(group: h5py.Group, journal: Journal, layout: Layout) -> None:
    for name, meaning in (
        ("sample_index", "flat index of gradient entries, drawn uniformly at each step"),
        ("sample_value", "minibatch gradient at those entries"),
        ("series_gradient", "minibatch gradient at fixed coordinates, every step"),
        ("series_position", "position at fixed coordinates, every step"),
    ):
        if journal.rows(name):
            hdf5.put(group, name, journal.read(name), meaning)
    if len(layout.series):
        hdf5.put(group, "series_index", layout.series, "flat index of the fixed coordinates")
