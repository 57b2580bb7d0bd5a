"""Datasets as tensors, made by name.

What is made is written once, to the file that all jobs of a study read: see `prepared`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from sgdwalk.datasets import sources
from sgdwalk.datasets.names import check_dataset, is_file
from sgdwalk.datasets.prepared import Dataset, normalise
from sgdwalk.datasets.subsets import random_order
from sgdwalk.errors import InputError
from sgdwalk.user_code import is_factory


def load_dataset(
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
            train and test inputs and labels (see `sgdwalk.datasets.sources`).
        folder: where torchvision's files lie; the other datasets need none.
        raw: leave out the normalisation; pixels are from 0 to 1 then.
        label_corruption: fraction of the training labels, a fixed random subset, that are replaced
            by labels drawn uniformly from all classes (Zhang et al. 2017, arXiv:1611.03530), so
            ``1 / num_classes`` of them happen to keep their value.
        seed: of the corruption and of ``gauss``.
        options: sizes of ``gauss`` (see `sgdwalk.datasets.sources.gauss`) or keyword arguments of
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
    if raw or mean is None or sd is None:
        mean, sd = (0.0,), (1.0,)
    labels = _corrupt(np.asarray(images.train_labels), images.num_classes, label_corruption, seed)
    return Dataset(
        train_inputs=normalise(images.train_inputs, mean, sd),
        train_labels=torch.from_numpy(labels.astype(np.int64)),
        test_inputs=normalise(images.test_inputs, mean, sd),
        test_labels=torch.from_numpy(np.asarray(images.test_labels).astype(np.int64)),
        num_classes=images.num_classes,
        mean=mean,
        sd=sd,
        name=name,
    )


def _images(
    name: str, folder: str | Path | None, seed: int, options: dict[str, Any]
) -> sources.Images:
    if is_factory(name):
        return sources.factory_images(name, options)
    if name == "gauss":
        try:
            return sources.gauss(seed=seed, **options)
        except TypeError as error:
            raise InputError(f"dataset 'gauss': {error}") from error
    check_dataset(name, options)
    if name == "digits":
        return sources.digits()
    if is_file(name):
        return sources.file_images(name)
    if folder is None:
        raise InputError(f"dataset {name!r} needs the folder where its files lie")
    return sources.torchvision_images(name, folder)


def _corrupt(labels: np.ndarray, num_classes: int, fraction: float, seed: int) -> np.ndarray:
    """Replace a random subset of labels; a larger fraction replaces these and more."""
    chosen = random_order(len(labels), seed)[: round(fraction * len(labels))]
    drawn = np.random.PCG64([seed, 1]).random_raw(len(labels)) % np.uint64(num_classes)
    corrupted = labels.astype(np.int64)
    corrupted[chosen] = drawn[chosen].astype(np.int64)
    return corrupted
