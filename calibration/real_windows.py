"""Real windows whose truth is known: trained again and again from one start, in other orders.

The mean MSD over orders of the minibatches is what the intervals are about.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch.nn.utils import parameters_to_vector

from sgdwalk.datasets.prepared import Dataset
from sgdwalk.recording.gram import increment_gram
from sgdwalk.training.initial_run import initial_run
from sgdwalk.training.loop import TrainingRun, train
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import prepare_device, training_batches

LENGTH = 500


@dataclass(frozen=True)
class RealWindows:
    """A training and the steps at which its windows start."""

    name: str
    starts: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def training(self) -> TrainingSettings:
        """Settings of the run that leads to the starts."""
        common = {
            "model": "mlp3_100",
            "dataset": "digits",
            "batch_size": 128,
            "learning_rate": 0.1,
            "steps": self.starts[-1] + LENGTH,
            "seed": 0,
            "augment": True,
            "drop_last": True,
        }
        return TrainingSettings(**{**common, **self.settings})


# Starts are ends of epochs (11 steps).
RUNS = [
    RealWindows("MLP", (0, 198, 990, 2002)),
    RealWindows("MLP, weight decay 0.01", (3003,), {"weight_decay": 0.01}),
    RealWindows("MLP, momentum 0.9", (0, 990), {"momentum": 0.9, "learning_rate": 0.01}),
    RealWindows("ResNet-8", (0, 198, 990), {"model": "resnet8"}),
    RealWindows(
        "ResNet-8, momentum 0.9, weight decay 5e-4",
        (0, 990),
        {"model": "resnet8", "momentum": 0.9, "learning_rate": 0.01, "weight_decay": 5e-4},
    ),
]


class _Positions:
    """Keeps the positions of a window: what the training loop tells, and more."""

    def __init__(self) -> None:
        self.kept: list[np.ndarray] = []

    def keep(self, run: TrainingRun) -> None:
        self.kept.append(parameters_to_vector(run.model.parameters()).detach().numpy())

    def record(self, loss: float, samples: int) -> None:
        pass

    def record_epoch(self, **values: float) -> None:
        pass


def grams_of(
    windows: RealWindows, orders: int, data: Dataset, threads: int = 1
) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Start of each window, and the Gram matrices of its walk in so many orders."""
    training = windows.training()
    device = prepare_device("cpu", threads)
    leader = initial_run(data, training, device)
    leader.test = None  # nothing is evaluated
    for start in windows.starts:
        train(leader, start, _Positions())
        state = copy.deepcopy(leader.state())
        found = []
        for order in range(orders):
            leader.batches = training_batches(data, training, device, seed=1000 + order)
            positions = _Positions()
            train(leader, start + LENGTH - 1, positions, before_step=positions.keep)
            found.append(increment_gram(np.stack(positions.kept)))
            leader.restore(copy.deepcopy(state))
        leader.batches = training_batches(data, training, device)
        yield start, found
