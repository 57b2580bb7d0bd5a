"""What a run trains and how, from its settings: network, minibatches, loss, optimizer, device."""

from __future__ import annotations

import os

import torch
from torch import nn

from sgdwalk.datasets.prepared import Dataset
from sgdwalk.errors import InputError
from sgdwalk.networks.build import build_network
from sgdwalk.training import augmentation
from sgdwalk.training.batches import Batches
from sgdwalk.training.losses import Criterion, named_loss
from sgdwalk.training.optimizers import check_optimizer
from sgdwalk.training.schedules import learning_rate_factor
from sgdwalk.training.settings import TrainingSettings


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
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # torch gives the module a class that has it
    return chosen


def initial_network(data: Dataset, training: TrainingSettings, device: torch.device) -> nn.Module:
    """The network of a run with its initial weights; seeds torch's random numbers."""
    torch.manual_seed(training.seed)
    model = build_network(
        training.model, data.input_shape, data.num_classes, **training.model_options
    )
    return model.to(device)


def criterion(training: TrainingSettings) -> Criterion:
    """Mean loss of (outputs, labels) that a run minimises."""
    return named_loss(training.loss)


def make_optimizer(model: nn.Module, training: TrainingSettings) -> torch.optim.Optimizer:
    """The run's optimizer of all of the model's parameters.

    Raises:
        InputError: for an unknown name, or options that this optimizer does not have.
    """
    rate, decay = training.learning_rate, training.weight_decay
    check_optimizer(vars(training))
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
    """Minibatches of a run's training set on the device, drawn and augmented as in training.

    Args:
        data: the run's dataset.
        training: the run's settings.
        device: where the batches are.
        size: samples per batch, if not those of the run.
        seed: of drawing and augmentation, if not the run's.
    """
    kind = augmentation.default_augmentation(data.name) if training.augment else "none"
    return Batches(
        data.train_inputs.to(device),
        data.train_labels.to(device),
        training.batch_size if size is None else size,
        training.seed if seed is None else seed,
        augmentation.augmentation(kind, data.black.to(device)),
        drop_last=training.drop_last,
        sampling=training.sampling,
    )
