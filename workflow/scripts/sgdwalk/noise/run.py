"""Gradient noise at all checkpoints of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from sgdwalk.datasets.prepared import read_dataset
from sgdwalk.noise.minibatch import MinibatchNoise, last_batch_size, minibatch_noise
from sgdwalk.training.checkpoints import checkpoints_by_step, load_checkpoint, restoring
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import criterion, initial_network, training_batches


class CheckpointNoise:
    """Minibatch noise of one run, checkpoint by checkpoint.

    Args:
        dataset: prepared dataset file.
        training: the run's settings.
        draws: minibatches per checkpoint.
        coordinates: how many coordinates, drawn uniformly over all parameters, to keep.
        seed: of these, of the minibatches and of their augmentation.
        device: where to compute.
        memory: bytes for gradients.

    Attributes:
        coordinates: (c,) their indices into the flattened parameters, increasing.
    """

    def __init__(
        self,
        dataset: str | Path,
        training: TrainingSettings,
        draws: int,
        coordinates: int,
        seed: int,
        device: torch.device,
        memory: int,
    ):
        self._data = read_dataset(dataset)
        self._training, self._draws, self._seed = training, draws, seed
        self._device, self._memory = device, memory
        self._model = initial_network(self._data, training, device)
        total = sum(p.numel() for p in self._model.parameters() if p.requires_grad)
        chosen = np.random.default_rng([seed, 0]).choice(total, min(coordinates, total), False)
        self.coordinates = np.sort(chosen)

    def measure(self, folder: str | Path) -> Iterator[tuple[int, MinibatchNoise | None]]:
        """Yield (step, noise) by step; the noise is None where a diverged run did not get.

        Args:
            folder: checkpoint files named by their steps.

        Raises:
            InputError: if there is none, or one is damaged or of another network.
        """
        for step, path in checkpoints_by_step(folder).items():
            content = load_checkpoint(path, self._device)
            if content["status"] != "reached":
                yield step, None
                continue
            with restoring(path):
                self._model.load_state_dict(content["model"])
            yield step, self._at(step)

    def _at(self, step: int) -> MinibatchNoise | None:
        size, samples = self._training.batch_size, len(self._data.train_labels)
        last_size = last_batch_size(samples, size)
        full = self._batches(size, step, 1)
        last = self._batches(last_size, step, 2) if last_size < size else None
        return minibatch_noise(
            self._model,
            full,
            last,
            self._draws,
            self.coordinates,
            self._memory,
            criterion(self._training),
        )

    def _batches(self, size: int, *words: int):
        """Batches that share no shuffle with training or with other checkpoints."""
        seed = int(np.random.SeedSequence([self._seed, *words]).generate_state(1)[0])
        return training_batches(self._data, self._training, self._device, size=size, seed=seed)
