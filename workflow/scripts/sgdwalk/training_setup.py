"""What a run trains and how, from its settings: network, minibatches, loss, optimizer, device."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from sgdwalk import augmentation, models
from sgdwalk.batches import Batches
from sgdwalk.criteria import Criterion
from sgdwalk.criteria import criterion as criterion_by_name
from sgdwalk.dataset_files import Dataset
from sgdwalk.errors import InputError
from sgdwalk.optimizers import check_optimizer
from sgdwalk.schedules import learning_rate_factor


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides the walk of a run; the names are those of the config.

    What the dataset is (`raw`, `label_corruption`, `dataset_seed`, `dataset_options`) has been
    decided by the prepared dataset file already; it is here to be on record.
    """

    model: str
    dataset: str
    batch_size: int
    learning_rate: float
    steps: int
    seed: int
    augment: bool
    model_options: Mapping = field(default_factory=dict)
    optimizer: str = "sgd"
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    gradient_clip: float | None = None
    loss: str = "cross_entropy"
    schedule: str = "constant"
    warmup: int = 0
    milestones: tuple[float, ...] = ()
    decay: float = 0.1
    raw: bool = False
    label_corruption: float = 0.0
    dataset_seed: int = 0
    dataset_options: Mapping = field(default_factory=dict)


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
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS refuses
    torch.use_deterministic_algorithms(deterministic or chosen.type == "cpu")
    # else every new tensor is written once more, window buffers included
    torch.utils.deterministic.fill_uninitialized_memory = False
    return chosen


def initial_network(data: Dataset, training: TrainingSettings, device: torch.device) -> nn.Module:
    """The network of a run with its initial weights; seeds torch's random numbers."""
    torch.manual_seed(training.seed)
    model = models.build(
        training.model, data.input_shape, data.num_classes, **training.model_options
    )
    return model.to(device)


def criterion(training: TrainingSettings) -> Criterion:
    """Mean loss of (outputs, labels) that a run minimises."""
    return criterion_by_name(training.loss)


def make_optimizer(model: nn.Module, training: TrainingSettings) -> torch.optim.Optimizer:
    """The run's optimizer of all of the model's parameters.

    Raises:
        InputError: for an unknown name, or options that this optimizer does not have.
    """
    rate, decay = training.learning_rate, training.weight_decay
    check_optimizer(training.optimizer, training.momentum, training.nesterov)
    if training.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            lr=rate,
            momentum=training.momentum,
            nesterov=training.nesterov,
            weight_decay=decay,
        )
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[training.optimizer]
    return kind(model.parameters(), lr=rate, weight_decay=decay)


def make_scheduler(
    optimizer: torch.optim.Optimizer, training: TrainingSettings
) -> torch.optim.lr_scheduler.LambdaLR | None:
    """What sets the learning rate after every step; None where it is constant from the start.

    Raises:
        InputError: for a schedule that makes no sense.
    """
    factor = learning_rate_factor(
        training.schedule, training.steps, training.warmup, training.milestones, training.decay
    )
    if training.schedule == "constant" and not training.warmup:
        return None
    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


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
