"""Which datasets there are and how large they are, known without torch, for a plan to check."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.user_code import is_factory

FILE_SUFFIXES = (".npz", ".h5", ".hdf5")


@dataclass(frozen=True)
class DatasetSize:
    """What is known of a dataset before it is made.

    Attributes:
        samples: training inputs.
        input_shape: of one input, (channels, height, width).
        num_classes: number of classes.
    """

    samples: int
    input_shape: tuple[int, ...]
    num_classes: int


_SIZES = {
    "digits": DatasetSize(1437, (1, 8, 8), 10),
    "cifar10": DatasetSize(50000, (3, 32, 32), 10),
    "cifar100": DatasetSize(50000, (3, 32, 32), 100),
    "mnist": DatasetSize(60000, (1, 28, 28), 10),
    "fashion_mnist": DatasetSize(60000, (1, 28, 28), 10),
    "gauss": DatasetSize(5000, (3, 32, 32), 10),
}
NAMES = tuple(_SIZES)
FETCHED = ("cifar10", "cifar100", "mnist", "fashion_mnist")
GAUSS_OPTIONS = ("samples", "test_samples", "input_shape", "scale", "num_classes")


def is_file(name: str) -> bool:
    """Whether a dataset is a file of the user's."""
    return not is_factory(name) and Path(name).suffix in FILE_SUFFIXES


def check_dataset(name: str, options: Mapping[str, Any]) -> None:
    """Raise an `InputError` if there is no such dataset or it has no such options."""
    if is_factory(name):
        return
    if name not in NAMES and not is_file(name):
        nearest = get_close_matches(name, NAMES, n=1, cutoff=0)[0]
        raise InputError(
            f"unknown dataset {name!r}: did you mean {nearest!r}? Allowed are {', '.join(NAMES)}, "
            "an .npz or .h5 file, or 'my_module:factory'"
        )
    allowed = GAUSS_OPTIONS if name == "gauss" else ()
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        takes = f"takes the options {', '.join(allowed)}" if allowed else "takes no options"
        raise InputError(f"dataset {name!r} {takes}, but got {', '.join(unknown)}")


def dataset_size(name: str, options: Mapping[str, Any]) -> DatasetSize | None:
    """Size of a dataset, from its name, options or file; None for a factory or an unusable file."""
    if is_file(name):
        return _size_of_file(Path(name), os.path.getmtime(name)) if os.path.isfile(name) else None
    size = _SIZES.get(name)
    if name != "gauss" or size is None:
        return size
    shape = tuple(options.get("input_shape", size.input_shape))
    return DatasetSize(
        options.get("samples", size.samples), shape, options.get("num_classes", size.num_classes)
    )


@cache
def _size_of_file(path: Path, changed: float) -> DatasetSize | None:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                labels = file["train_labels"], file["test_labels"]
            with zipfile.ZipFile(path) as archive, archive.open("train_inputs.npy") as stream:
                shape = _shape(stream)
        else:
            import h5py

            with h5py.File(path, "r") as file:
                labels = file["train_labels"][()], file["test_labels"][()]
                shape = file["train_inputs"].shape
        classes = 1 + int(max(labels[0].max(), labels[1].max()))
        return DatasetSize(shape[0], tuple(shape[1:]), classes)
    except Exception:  # whatever is wrong with it, the job that reads it says so
        return None


def _shape(stream: IO[bytes]) -> tuple[int, ...]:
    """Shape of an array in a .npy stream, from its header: the array itself may be large."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)[0]
    return np.lib.format.read_array_header_2_0(stream)[0]
