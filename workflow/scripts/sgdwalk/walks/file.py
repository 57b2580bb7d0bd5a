"""A walk from elsewhere as a whole trajectory file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sgdwalk.files import hdf5
from sgdwalk.recording.window_families import family_key
from sgdwalk.walks.read import WalkRecord


def write(path: str | Path, record: WalkRecord, origin: Mapping[str, Any]) -> None:
    """Write a walk, with a record of where it comes from.

    It has no rows of single steps, epochs or gradients.

    Args:
        path: the trajectory file.
        record: the walk.
        origin: where it comes from; what was said when it was read stands beside, as `notes`.
    """
    with hdf5.create(path, "trajectory", {**origin, "notes": record.notes}) as file:
        file.attrs["parameters"] = sum(size for _, size in record.layers)
        file.attrs["steps"] = 0
        file.attrs["interrupted"] = False
        file.attrs["diverged_at"] = -1 if record.diverged_at is None else record.diverged_at
        layers = file.create_group("layers")
        names = np.array([name for name, _ in record.layers], h5py.string_dtype())
        hdf5.put(layers, "name", names, "name of each parameter tensor")
        sizes = np.array([size for _, size in record.layers])
        hdf5.put(layers, "size", sizes, "parameters in each parameter tensor")
        sketch, path_ = file.create_group("sketch"), record.sketch
        sketch.attrs["k"], sketch.attrs["seed"] = path_.k, path_.seed
        assert path_.step is not None
        for name, data, meaning, unit in (
            ("start", path_.start, "sketch of the first position", "parameter"),
            ("increments", path_.increments, "sketch of every increment", "parameter"),
            ("norms", path_.norms, "norm of every increment", "parameter"),
            (
                "distance_from_start",
                path_.distance_from_start,
                "distance of every position from the first",
                "parameter",
            ),
            ("step", path_.step, "optimizer steps taken before every position", "step"),
        ):
            hdf5.put(sketch, name, data, meaning, unit)
        windows = file.create_group("windows")
        for window in record.windows:
            family = family_key(window.length, window.stride)
            group = windows.create_group(f"{family}-{window.start:09d}")
            group.attrs["length"], group.attrs["start"] = window.length, window.start
            group.attrs["stride"] = window.stride or 0
            hdf5.put(group, "gram", window.gram, "inner products of increments", "parameter^2")
            hdf5.put(
                group, "step", window.step, "optimizer steps taken before each position", "step"
            )
            if window.loss is not None:
                hdf5.put(group, "loss", window.loss, "loss at each position")
        for name in ("steps", "epochs", "gradients"):
            file.create_group(name)
