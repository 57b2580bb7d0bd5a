"""A run before its first step, from its settings."""

from __future__ import annotations

import torch

from sgdwalk.datasets.prepared import Dataset
from sgdwalk.training.loop import TrainingRun
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import (
    criterion,
    initial_network,
    make_optimizer,
    make_scheduler,
    training_batches,
)


def initial_run(data: Dataset, training: TrainingSettings, device: torch.device) -> TrainingRun:
    """The run with its initial weights; seeds torch's random numbers."""
    model = initial_network(data, training, device)
    optimizer = make_optimizer(model, training)
    return TrainingRun(
        model=model,
        optimizer=optimizer,
        batches=training_batches(data, training, device),
        test=(data.test_inputs.to(device), data.test_labels.to(device)),
        criterion=criterion(training),
        scheduler=make_scheduler(optimizer, training),
        clip=training.gradient_clip,
    )
