"""Gradient noise at all checkpoints of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sgdwalk.datasets.prepared import Dataset, read_dataset
from sgdwalk.noise.minibatch import MinibatchNoise, minibatch_noise
from sgdwalk.noise.results import RunNoise
from sgdwalk.training.batches import Batches
from sgdwalk.training.checkpoints import checkpoints_by_step, load_checkpoint, restoring
from sgdwalk.training.epochs import last_batch_size
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import criterion, initial_network, training_batches


def analyse(
    dataset: str | Path,
    checkpoints: str | Path,
    training: TrainingSettings,
    draws: int,
    coordinates: int,
    seed: int,
    device: torch.device,
    memory: int,
) -> RunNoise:
    """Measure the minibatch noise of one run, checkpoint by checkpoint.

    Args:
        dataset: prepared dataset file.
        checkpoints: folder of checkpoint files named by their steps.
        training: the run's settings.
        draws: minibatches per checkpoint.
        coordinates: how many coordinates, drawn uniformly over all parameters, to keep.
        seed: of these, of the minibatches and of their augmentation.
        device: where to compute.
        memory: bytes for gradients.

    Raises:
        InputError: if there is no checkpoint, or one is damaged or of another network.
    """
    data = read_dataset(dataset)
    model = initial_network(data, training, device)
    total = sum(p.numel() for p in model.parameters() if p.requires_grad)
    chosen = np.random.default_rng([seed, 0]).choice(total, min(coordinates, total), False)
    chosen.sort()
    found: dict[int, MinibatchNoise] = {}
    missing: dict[str, str] = {}
    for step, path in checkpoints_by_step(checkpoints).items():
        found[step] = _undefined(draws, len(chosen))
        content = load_checkpoint(path, device)
        if content["status"] != "reached":
            diverged = content["diverged_at"]
            missing[str(step)] = f"step {step} was not reached: diverged at step {diverged}"
            continue
        with restoring(path):
            model.load_state_dict(content["model"])
        full, last = _batches(data, training, device, seed, step)
        noise = minibatch_noise(model, full, last, draws, chosen, memory, criterion(training))
        if noise is None:
            missing[str(step)] = f"a minibatch loss at the weights of step {step} is not finite"
        else:
            found[step] = noise
    return _together(found, chosen, missing)


def _undefined(draws: int, coordinates: int) -> MinibatchNoise:
    return MinibatchNoise(
        loss=np.full(draws, np.nan),
        loss_mean=np.nan,
        loss_variance=np.nan,
        mean_gradient_norm=np.nan,
        gram=np.full((draws, draws), np.nan),
        coordinate_noise=np.full((draws, coordinates), np.nan, np.float32),
    )


def _batches(
    data: Dataset, training: TrainingSettings, device: torch.device, seed: int, step: int
) -> tuple[Batches, Batches | None]:
    """Batches of full size, and as small as an epoch's last one, if that is smaller.

    They share no shuffle or draw with training or with other checkpoints.
    """

    def batches(size: int, kind: int) -> Batches:
        own = int(np.random.SeedSequence([seed, step, kind]).generate_state(1)[0])
        return training_batches(data, training, device, size=size, seed=own)

    size = training.batch_size
    samples = len(data.train_labels)
    last = last_batch_size(samples, size, training.drop_last, training.sampling)
    return batches(size, 1), batches(last, 2) if last < size else None


def _together(
    found: dict[int, MinibatchNoise], coordinates: np.ndarray, missing: dict[str, str]
) -> RunNoise:
    """One row for each checkpoint."""
    rows = found.values()
    return RunNoise(
        step=np.array(list(found), np.int64),
        loss_mean=np.array([row.loss_mean for row in rows]),
        loss_variance=np.array([row.loss_variance for row in rows]),
        mean_gradient_norm=np.array([row.mean_gradient_norm for row in rows]),
        covariance_trace=np.array([row.covariance_trace for row in rows]),
        loss=np.array([row.loss for row in rows]),
        noise_norm=np.array([np.sqrt(np.diag(row.gram)) for row in rows]),
        noise_gram=np.array([row.gram for row in rows]),
        coordinate_noise=np.array([row.coordinate_noise for row in rows]),
        coordinate_index=coordinates,
        missing=missing,
    )
