"""Training settings that make no sense, or none together: said before any job."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from planning.own_code import own_files
from planning.schema import suggestion
from sgdwalk.datasets import names as dataset_names
from sgdwalk.errors import InputError
from sgdwalk.networks.names import check_images, check_name
from sgdwalk.training.epochs import last_batch_size, steps_per_epoch
from sgdwalk.training.optimizers import check_optimizer
from sgdwalk.training.schedules import learning_rate_factor
from sgdwalk.user_code import is_factory

# Their batch normalisation of vectors needs two samples or more.
_NO_SINGLE_SAMPLE = ("vgg9",)


def steps_of(epochs: int, training: Mapping[str, Any], where: str) -> int:
    """Optimizer steps of so many passes over the training set, or of as many draws.

    Raises:
        InputError: if the size of the training set is not known before it is made.
    """
    size = dataset_names.dataset_size(training["dataset"], training["dataset_options"])
    if size is None:
        raise InputError(
            f"{where}.epochs: {epochs}; the size of dataset {training['dataset']!r} is not known "
            "before it is read; allowed: steps instead"
        )
    return epochs * steps_per_epoch(size.samples, training["batch_size"], training["drop_last"])


def check_training(training: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> None:
    """Raise an `InputError` in one line for the first thing that is wrong.

    Args:
        training: settings of one run, complete.
        schema: of training settings, for defaults.
        where: the grid, for messages.
    """
    _check_dataset(training, where)
    with _under(f"{where}.model"):
        check_name(training["model"])
        own_files([training["model"]])
        if training["model_options"] and not is_factory(training["model"]):
            raise InputError(
                f"{training['model']} takes no options; allowed: no model_options but for a "
                "'my_module:factory'"
            )
    _check_size(training, where)
    with _under(where):
        check_optimizer(training)
        learning_rate_factor(
            training["schedule"],
            training["steps"],
            training["warmup"],
            training["milestones"],
            training["decay"],
        )
    if training["schedule"] != "step" and training["decay"] != _default(schema, "decay"):
        raise InputError(
            f"{where}.decay: {training['decay']}; allowed with schedule 'step' alone, "
            f"not with {training['schedule']!r}"
        )


def check_processes(training: Mapping[str, Any], resources: Mapping[str, Any], where: str) -> None:
    """Raise an `InputError` if a run cannot be shared by as many GPUs as it is given."""
    gpus = resources["train"]["gpu"]
    if gpus > 1 and resources["device"] == "cpu":
        raise InputError(f"resources.train.gpu: {gpus}; allowed with resources.device cpu: 0 or 1")
    if gpus > training["batch_size"]:
        raise InputError(
            f"{where}.batch_size: {training['batch_size']}; allowed: at least {gpus}, a sample for "
            "each of resources.train.gpu"
        )


def _check_dataset(training: Mapping[str, Any], where: str) -> None:
    name, options = training["dataset"], training["dataset_options"]
    if name not in dataset_names.NAMES and not is_factory(name) and not dataset_names.is_file(name):
        near = suggestion(name, list(dataset_names.NAMES))
        raise InputError(
            f"{where}.dataset: {name!r}{near}, an .npz or .h5 file, or 'my_module:factory'"
        )
    if dataset_names.is_file(name) and not os.path.isfile(name):
        raise InputError(f"{where}.dataset: no file {name!r}; allowed: a path from {os.getcwd()}")
    with _under(f"{where}.dataset"):
        own_files([name])
    with _under(f"{where}.dataset_options"):
        dataset_names.check_dataset(name, options)
    drawn = name == "gauss" or training["label_corruption"] > 0
    if training["dataset_seed"] and not drawn:
        raise InputError(
            f"{where}.dataset_seed: {training['dataset_seed']}; allowed: 0, as nothing of dataset "
            f"{name!r} is drawn without label_corruption"
        )


def _check_size(training: Mapping[str, Any], where: str) -> None:
    """What depends on the dataset's size, where that is known."""
    size = dataset_names.dataset_size(training["dataset"], training["dataset_options"])
    if size is None:
        return
    with _under(f"{where}.model"):
        check_images(training["model"], size.input_shape)
    batch = training["batch_size"]
    if batch > size.samples:
        raise InputError(
            f"{where}.batch_size: {batch}; allowed: at most {size.samples}, the training samples "
            f"of dataset {training['dataset']!r}"
        )
    last = last_batch_size(size.samples, batch, training["drop_last"], training["sampling"])
    if training["model"] in _NO_SINGLE_SAMPLE and 1 in (batch, last):
        raise InputError(
            f"{where}.batch_size: {batch}; allowed for {training['model']}, whose batch "
            f"normalisation needs two samples: one that does not leave a batch of one of the "
            f"{size.samples} training samples"
        )


def _default(schema: Mapping[str, Any], key: str) -> object:
    return schema["properties"][key]["default"]


@contextmanager
def _under(where: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        separator = "." if where.endswith("]") else ": "
        raise InputError(f"{where}{separator}{error}") from None
