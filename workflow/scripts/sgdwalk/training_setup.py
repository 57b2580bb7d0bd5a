"""What a run trains, from its settings: network, minibatches, and the device they are on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from sgdwalk import augmentation, models
from sgdwalk.batches import Batches
from sgdwalk.dataset_files import Dataset
from sgdwalk.errors import InputError


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides the walk of a run; the names are those of the config."""

    model: str
    dataset: str
    batch_size: int
    learning_rate: float
    steps: int
    seed: int
    augment: bool


def prepare_device(device: str, threads: int, deterministic: bool = False) -> torch.device:
    """Set up torch and choose where to compute; the CPU is always deterministic.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads.
        deterministic: only deterministic kernels on a GPU as well.

    Raises:
        InputError: for ``cuda`` without a GPU.
    """
    torch.set_num_threads(threads)
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise InputError("resources.device: cuda, but no GPU is visible; allowed here: auto, cpu")
    chosen = torch.device("cuda" if cuda and device != "cpu" else "cpu")
    torch.use_deterministic_algorithms(deterministic or chosen.type == "cpu")
    return chosen


def initial_network(data: Dataset, training: TrainingSettings, device: torch.device) -> nn.Module:
    """The network of a run with its initial weights; seeds torch's random numbers."""
    torch.manual_seed(training.seed)
    return models.build(training.model, data.input_shape, data.num_classes).to(device)


def training_batches(
    data: Dataset,
    training: TrainingSettings,
    device: torch.device,
    *,
    size: int | None = None,
    seed: int | None = None,
) -> Batches:
    """Minibatches of a run's training set on the device, augmented as in training.

    Args:
        data: the run's dataset.
        training: the run's settings.
        device: where the batches are.
        size: samples per batch, if not those of the run.
        seed: of shuffling and augmentation, if not the run's.
    """
    kind = augmentation.default_augmentation(data.name) if training.augment else "none"
    return Batches(
        data.train_inputs.to(device),
        data.train_labels.to(device),
        training.batch_size if size is None else size,
        training.seed if seed is None else seed,
        augmentation.augmentation(kind, data.black.to(device)),
    )
