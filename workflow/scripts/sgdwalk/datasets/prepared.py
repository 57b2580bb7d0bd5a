"""A dataset in memory, and the one HDF5 file that holds it for the jobs of a study."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sgdwalk.errors import InputError

KIND = "dataset"
_MEANING = {
    "train_inputs": "training inputs, one per row",
    "train_labels": "class of each training input, from 0",
    "test_inputs": "test inputs, one per row",
    "test_labels": "class of each test input, from 0",
}
_BLOCK = 4096  # images at a time, so that the work needs little more memory than the result


@dataclass(frozen=True)
class Dataset:
    """Inputs and labels to train on and to test on, normalised already.

    Attributes:
        train_inputs: ``(N, C, H, W)`` float32 (``(N, ...)`` for the user's own).
        train_labels: ``(N,)`` int64, from 0 to ``num_classes - 1``.
        test_inputs: like ``train_inputs``.
        test_labels: like ``train_labels``.
        num_classes: number of classes.
        mean: subtracted from each channel, in units of raw inputs.
        sd: divided by, for each channel.
        name: what the dataset was loaded as.
    """

    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    num_classes: int
    mean: tuple[float, ...] = (0.0,)
    sd: tuple[float, ...] = (1.0,)
    name: str = ""

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            inputs, labels = getattr(self, f"{split}_inputs"), getattr(self, f"{split}_labels")
            where = f"dataset {self.name!r}: {split}"
            if inputs.dtype != torch.float32 or labels.dtype != torch.int64:
                raise InputError(f"{where} inputs must be float32 and labels int64")
            if labels.ndim != 1 or len(inputs) != len(labels) or len(labels) == 0:
                raise InputError(f"{where} has {len(inputs)} inputs and {len(labels)} labels")
            if inputs.shape[1:] != self.train_inputs.shape[1:]:
                raise InputError(f"{where} inputs have another shape than the train inputs")
            if labels.min() < 0 or labels.max() >= self.num_classes:
                raise InputError(f"{where} labels must lie between 0 and {self.num_classes - 1}")
            if not torch.isfinite(torch.stack(torch.aminmax(inputs))).all():
                raise InputError(f"{where} inputs must be finite")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, ``(C, H, W)``."""
        return tuple(self.train_inputs.shape[1:])

    @property
    def black(self) -> Tensor:
        """Normalised value ``(len(mean),)`` of a raw 0 in each channel: what to pad images with."""
        return normalise(np.zeros((1, len(self.mean)), np.float32), self.mean, self.sd)[0]


def write_dataset(
    dataset: Dataset, path: str | Path, origin: Mapping[str, Any] | None = None
) -> None:
    """Write a dataset to one HDF5 file, which appears under its name only when it is whole.

    Images that were bytes are stored as bytes where that loses nothing.

    Args:
        dataset: what to write.
        path: the file; an old one is replaced.
        origin: where it came from (settings, library versions, commit), JSON-able.
    """
    from sgdwalk.files import hdf5

    with hdf5.create(path, KIND, origin) as file:
        file.attrs["name"] = dataset.name
        file.attrs["num_classes"] = dataset.num_classes
        file.attrs["mean"] = dataset.mean
        file.attrs["sd"] = dataset.sd
        for key, meaning in _MEANING.items():
            values, unit = getattr(dataset, key), "1"
            if key.endswith("inputs"):
                values = _as_bytes(values, dataset.mean, dataset.sd)
            if values.dtype == torch.uint8:
                unit = "1/255, before the mean is subtracted and the sd divided by"
            hdf5.put(file, key, values.numpy(force=True), meaning, unit)


def read_dataset(path: str | Path) -> Dataset:
    """Read a dataset that `save` wrote, bit for bit the same.

    Raises:
        InputError: for a file that is missing, damaged, foreign or of another format version.
    """
    from sgdwalk.files import hdf5

    with hdf5.opened(path, KIND) as file:
        mean, sd = tuple(file.attrs["mean"].tolist()), tuple(file.attrs["sd"].tolist())
        arrays = {key: file[key][()] for key in _MEANING}
        num_classes, name = int(file.attrs["num_classes"]), str(file.attrs["name"])
    tensors = {
        key: normalise(array, mean, sd) if array.dtype == np.uint8 else torch.from_numpy(array)
        for key, array in arrays.items()
    }
    return Dataset(**tensors, num_classes=num_classes, mean=mean, sd=sd, name=name)


def dataset_digest(path: str | Path) -> str:
    """Hex hash of what a prepared dataset holds; where it came from does not count.

    Raises:
        InputError: as for `read`.
    """
    from sgdwalk.files import hdf5

    found = hashlib.sha256()
    with hdf5.opened(path, KIND) as file:
        for name in ("num_classes", "mean", "sd"):
            found.update(repr(np.asarray(file.attrs[name]).tolist()).encode())
        for key in _MEANING:
            array = file[key]
            found.update(f"{key}{array.dtype}{array.shape}".encode())
            for start in range(0, len(array), _BLOCK):
                found.update(np.ascontiguousarray(array[start : start + _BLOCK]).tobytes())
    return found.hexdigest()[:16]


def normalise(inputs: np.ndarray, mean: tuple[float, ...], sd: tuple[float, ...]) -> Tensor:
    """Scale bytes to 0..1, subtract each channel's mean and divide by its standard deviation.

    One channel at a time in single precision, in the order of torchvision's ToTensor and Normalize,
    whose results these are bit for bit.
    """
    result = torch.tensor(inputs, dtype=torch.float32)
    if inputs.dtype == np.uint8:
        result.div_(255)
    shape = (-1, *[1] * (inputs.ndim - 2))
    if tuple(mean) != (0.0,):
        result.sub_(torch.tensor(mean, dtype=torch.float32).view(shape))
    if tuple(sd) != (1.0,):
        result.div_(torch.tensor(sd, dtype=torch.float32).view(shape))
    return result


def _as_bytes(inputs: Tensor, mean: tuple[float, ...], sd: tuple[float, ...]) -> Tensor:
    """Bytes from which `normalise` makes exactly these inputs, or the inputs if there are none."""
    shape = (-1, *[1] * (inputs.ndim - 2))
    centre, scale = torch.tensor(mean).view(shape), torch.tensor(sd).view(shape)
    result = torch.empty(inputs.shape, dtype=torch.uint8)
    for block, pixels in zip(inputs.split(_BLOCK), result.split(_BLOCK), strict=True):
        pixels.copy_((block * scale + centre).mul_(255).round_().clamp_(0, 255))
        if not torch.equal(normalise(pixels.numpy(), mean, sd), block):
            return inputs
    return result
