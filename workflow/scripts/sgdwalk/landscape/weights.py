"""The networks of a run at its checkpoints, with the samples on which their loss is measured."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from sgdwalk.datasets.prepared import read_dataset
from sgdwalk.datasets.subsets import balanced_subset
from sgdwalk.errors import InputError
from sgdwalk.landscape.directions import position
from sgdwalk.landscape.loss_surface import LossSurface
from sgdwalk.training.batch_norm import refresh_batch_norm
from sgdwalk.training.checkpoints import checkpoints_by_step, load_checkpoint, restoring
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import criterion, initial_network


@dataclass(frozen=True)
class LandscapeSettings:
    """How surfaces are drawn; the names are those of the config."""

    samples: int
    batch_size: int
    radius: float
    normalisation: str
    bias_and_norm: str
    batch_norm: str
    seed: int


class RunCheckpoints:
    """Networks at the checkpoints of one run.

    Args:
        dataset: prepared dataset file.
        training: the run's settings.
        settings: how surfaces are drawn.
        folder: the run's checkpoints.
        device: where to compute.

    Attributes:
        settings: as given.
        criterion: the run's mean loss of (outputs, labels).
        train: (inputs, labels) of the training samples, as many per class as there are.
        test: the same of the test samples.
        steps: of all checkpoints, reached or not, increasing.

    Raises:
        InputError: a damaged dataset, or no checkpoints.
    """

    def __init__(
        self,
        dataset: str | Path,
        training: TrainingSettings,
        settings: LandscapeSettings,
        folder: str | Path,
        device: torch.device,
    ) -> None:
        data = read_dataset(dataset)
        self.settings, self._device = settings, device
        self._initial = initial_network(data, training, device)
        self.criterion = criterion(training)
        self.train = self._subset(data.train_inputs, data.train_labels)
        self.test = self._subset(data.test_inputs, data.test_labels)
        self._paths = checkpoints_by_step(folder)
        self.steps = list(self._paths)

    def at(self, step: int) -> nn.Module | str:
        """The network at a checkpoint in eval mode, or why there is none.

        Running statistics of batch norm that no training has touched, at step 0, are set to those
        of the training samples.

        Raises:
            InputError: no such checkpoint, a damaged one, or one of another network.
        """
        if step not in self._paths:
            steps = ", ".join(map(str, self.steps))
            raise InputError(f"landscape.checkpoints: {step}; allowed are the run's own: {steps}")
        return self.read(self._paths[step])

    def read(self, path: str | Path) -> nn.Module | str:
        """The same from any checkpoint file of this network."""
        content = load_checkpoint(path, self._device)
        if content["status"] != "reached":
            step, diverged = content["step"], content["diverged_at"]
            return f"step {step} was not reached: diverged at step {diverged}"
        model = deepcopy(self._initial)
        with restoring(path):
            model.load_state_dict(content["model"])
        if not bool(torch.isfinite(position(model)).all()):
            return f"the weights at step {content['step']} are not finite"
        refresh_batch_norm(model, self.train[0])
        return model.eval()

    def neighbour(self, step: int) -> nn.Module | str:
        """The network at the checkpoint before, or for the first one after; or why none."""
        before = [other for other in self.steps if other < step]
        after = [other for other in self.steps if other > step]
        if not before and not after:
            return "there is no other checkpoint"
        return self.at(max(before) if before else min(after))

    def surface(self, model: nn.Module, batch_norm: str, test: bool = True) -> LossSurface:
        """The loss around a network over the training samples, and the test samples if asked."""
        return LossSurface(
            model,
            self.train,
            self.test if test else None,
            criterion=self.criterion,
            batch_norm=batch_norm,
            batch_size=self.settings.batch_size,
        )

    def _subset(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        size = min(self.settings.samples, len(labels))
        chosen = torch.as_tensor(balanced_subset(labels, size, self.settings.seed))
        return inputs[chosen].to(self._device), labels[chosen].to(self._device)
