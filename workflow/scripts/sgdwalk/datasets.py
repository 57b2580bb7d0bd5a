"""Datasets as tensors, and the one file that holds a prepared dataset.

`load` makes a dataset by name, `save` writes it to an HDF5 file that the jobs of a study share, and
`read` returns it from there. `fetch` gets the files that `load` needs.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgdwalk import dataset_sources as sources
from sgdwalk.errors import InputError
from sgdwalk.user_code import is_factory

NAMES = ("digits", "cifar10", "cifar100", "mnist", "fashion_mnist", "gauss")

FORMAT = "sgdwalk dataset"
FORMAT_VERSION = 1
_FILE_SUFFIXES = (".npz", ".h5", ".hdf5")
_MEANING = {
    "train_inputs": "training inputs, one per row",
    "train_labels": "class of each training input, from 0",
    "test_inputs": "test inputs, one per row",
    "test_labels": "class of each test input, from 0",
}


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

    def __post_init__(self):
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
            if not torch.isfinite(inputs.sum(dtype=torch.float64)):
                raise InputError(f"{where} inputs must be finite")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, ``(C, H, W)``."""
        return tuple(self.train_inputs.shape[1:])

    @property
    def black(self) -> Tensor:
        """Normalised value ``(len(mean),)`` of a raw 0 in each channel: what to pad images with."""
        return _normalise(np.zeros((1, len(self.mean)), np.float32), self.mean, self.sd)[0]


def load(
    name: str,
    folder: str | Path | None = None,
    *,
    raw: bool = False,
    label_corruption: float = 0.0,
    seed: int = 0,
    **options: object,
) -> Dataset:
    """Make a dataset.

    Pixels are scaled to 0..1 and then normalised: with the customary constants for CIFAR and MNIST,
    with mean and standard deviation of the training pixels for digits and the user's bytes. What
    the user gives as floats is left as it is, and so is ``gauss``.

    Args:
        name: one of `NAMES`; the path of an ``.npz`` or HDF5 file, or ``"module:factory"``, with
            train and test inputs and labels (see `sgdwalk.dataset_sources`).
        folder: where torchvision's files lie; the other datasets need none.
        raw: leave out the normalisation; pixels are from 0 to 1 then.
        label_corruption: fraction of the training labels, a fixed random subset, that are replaced
            by labels drawn uniformly from all classes (Zhang et al. 2017, arXiv:1611.03530), so
            ``1 / num_classes`` of them happen to keep their value.
        seed: of the corruption and of ``gauss``.
        options: sizes of ``gauss`` (see `sgdwalk.dataset_sources.gauss`) or keyword arguments of
            the user's factory.

    Returns:
        The dataset, on the CPU.

    Raises:
        InputError: for an unknown name or option, and for files that are missing or damaged.
    """
    if not 0 <= label_corruption <= 1:
        raise InputError(f"label_corruption is {label_corruption}: it must lie between 0 and 1")
    images = _images(name, folder, seed, options)
    mean, sd = images.mean, images.sd
    if raw or mean is None:
        mean, sd = (0.0,), (1.0,)
    labels = _corrupt(np.asarray(images.train_labels), images.num_classes, label_corruption, seed)
    return Dataset(
        train_inputs=_normalise(images.train_inputs, mean, sd),
        train_labels=torch.from_numpy(labels.astype(np.int64)),
        test_inputs=_normalise(images.test_inputs, mean, sd),
        test_labels=torch.from_numpy(np.asarray(images.test_labels).astype(np.int64)),
        num_classes=images.num_classes,
        mean=mean,
        sd=sd,
        name=name,
    )


def fetch(name: str, folder: str | Path) -> None:
    """Download what `load` needs into ``folder``, checked by checksum, unless it is there.

    Datasets that need no files are fine too: nothing is done. Archives placed by hand are unpacked.

    Raises:
        InputError: if that fails; says which file to put where.
    """
    if sources.is_torchvision(name):
        sources.fetch_torchvision(name, folder)
    else:
        _check_name(name)


def save(dataset: Dataset, path: str | Path, provenance: Mapping[str, str] | None = None) -> None:
    """Write a dataset to one HDF5 file, under a temporary name until it is whole.

    Images that were bytes are stored as bytes where that loses nothing.

    Args:
        dataset: what to write.
        path: the file; an old one is replaced.
        provenance: more attributes of the file, such as versions.
    """
    import h5py

    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.update(provenance or {})
            file.attrs["format"] = FORMAT
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["name"] = dataset.name
            file.attrs["num_classes"] = dataset.num_classes
            file.attrs["mean"] = dataset.mean
            file.attrs["sd"] = dataset.sd
            for key, meaning in _MEANING.items():
                values = getattr(dataset, key)
                if key.endswith("inputs"):
                    values = _as_bytes(values, dataset.mean, dataset.sd)
                file[key] = values.numpy(force=True)
                file[key].attrs["meaning"] = meaning
                if values.dtype == torch.uint8:
                    file[key].attrs["units"] = "bytes; x / 255, minus mean, over sd when read"
                else:
                    file[key].attrs["units"] = "1"
            file.attrs["complete"] = True
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: str | Path) -> Dataset:
    """Read a dataset that `save` wrote, bit for bit the same.

    Raises:
        InputError: for a file that is missing, truncated, foreign or of another format version.
    """
    import h5py

    if not Path(path).is_file():
        raise InputError(f"dataset file {path} does not exist: the rule 'dataset' makes it")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise InputError(f"{path} is not a dataset file: the rule 'dataset' makes one")
            version = file.attrs["format_version"]
            if version != FORMAT_VERSION:
                raise InputError(
                    f"{path} has dataset format {version}, this version reads {FORMAT_VERSION}: "
                    "delete it, and the rule 'dataset' makes it anew"
                )
            if not file.attrs.get("complete", False):
                raise InputError(f"{path} is incomplete: delete it; the rule 'dataset' makes it")
            arrays = {key: file[key][()] for key in _MEANING}
            mean, sd = tuple(file.attrs["mean"].tolist()), tuple(file.attrs["sd"].tolist())
            num_classes, name = int(file.attrs["num_classes"]), str(file.attrs["name"])
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(
            f"{path} is truncated or not HDF5: delete it, and the rule 'dataset' makes it anew"
        ) from error
    tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    for key, array in arrays.items():
        if array.dtype == np.uint8:
            tensors[key] = _normalise(array, mean, sd)
    return Dataset(**tensors, num_classes=num_classes, mean=mean, sd=sd, name=name)


def _images(
    name: str, folder: str | Path | None, seed: int, options: dict[str, object]
) -> sources.Images:
    if is_factory(name):
        return sources.factory_images(name, options)
    if name == "gauss":
        try:
            return sources.gauss(seed=seed, **options)
        except TypeError as error:
            raise InputError(f"dataset 'gauss': {error}") from error
    _check_name(name)
    if options:
        raise InputError(f"dataset {name!r} takes no options, but got {', '.join(sorted(options))}")
    if name == "digits":
        return sources.digits()
    if Path(name).suffix in _FILE_SUFFIXES:
        return sources.file_images(name)
    if folder is None:
        raise InputError(f"dataset {name!r} needs the folder where its files lie")
    return sources.torchvision_images(name, folder)


def _check_name(name: str) -> None:
    if name in NAMES or is_factory(name) or Path(name).suffix in _FILE_SUFFIXES:
        return
    nearest = get_close_matches(name, NAMES, n=1, cutoff=0)[0]
    raise InputError(
        f"unknown dataset {name!r}: did you mean {nearest!r}? Allowed are {', '.join(NAMES)}, "
        "an .npz or .h5 file, or 'my_module:factory'"
    )


def _normalise(inputs: np.ndarray, mean: tuple[float, ...], sd: tuple[float, ...]) -> Tensor:
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
    """Bytes from which `_normalise` makes exactly these inputs, or the inputs if there are none."""
    shape = (-1, *[1] * (inputs.ndim - 2))
    pixels = inputs * torch.tensor(sd).view(shape) + torch.tensor(mean).view(shape)
    pixels = pixels.mul_(255).round_().clamp_(0, 255).to(torch.uint8)
    return pixels if torch.equal(_normalise(pixels.numpy(), mean, sd), inputs) else inputs


def _corrupt(labels: np.ndarray, num_classes: int, fraction: float, seed: int) -> np.ndarray:
    """Replace a random subset of labels, the same for a larger number of classes or inputs."""
    chosen = sources.random_order(len(labels), seed)[: round(fraction * len(labels))]
    drawn = np.random.PCG64([seed, 1]).random_raw(len(labels)) % np.uint64(num_classes)
    corrupted = labels.astype(np.int64)
    corrupted[chosen] = drawn[chosen].astype(np.int64)
    return corrupted
