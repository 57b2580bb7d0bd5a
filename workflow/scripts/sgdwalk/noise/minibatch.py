"""Gradient noise at fixed weights: many independent minibatches, no walk between them.

Along the walk a gradient's noise is mixed with its drift. Here the weights stand still: every
minibatch is drawn from a fresh shuffle, or with replacement, and augmented, all as in training, the
network is in train mode, and what its gradients and losses differ by is noise alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.recording.gram import plain_gram
from sgdwalk.recording.probe import outputs_without_trace
from sgdwalk.training.batches import Batches
from sgdwalk.training.losses import Criterion


@dataclass(frozen=True)
class MinibatchNoise:
    """Losses and gradients of n independent minibatches at one position.

    Attributes:
        loss: (n,) losses of full minibatches.
        loss_mean: expected loss of a training step here; an epoch's last, smaller batch counts
            with its share.
        loss_variance: variance of the loss of a training step here, with the same shares.
        mean_gradient_norm: norm of the mean of the n gradients.
        gram: (n, n) inner products of the gradients minus that mean.
        coordinate_noise: (n, c) gradients minus that mean, float32, at the chosen coordinates.
    """

    loss: np.ndarray
    loss_mean: float
    loss_variance: float
    mean_gradient_norm: float
    gram: np.ndarray
    coordinate_noise: np.ndarray

    @property
    def covariance_trace(self) -> float:
        """Trace of the covariance of one minibatch gradient (unbiased)."""
        return float(np.trace(self.gram) / (len(self.gram) - 1))


def minibatch_noise(
    model: nn.Module,
    batches: Batches,
    last: Batches | None,
    draws: int,
    coordinates: np.ndarray,
    memory: int,
    criterion: Criterion,
) -> MinibatchNoise | None:
    """Draw minibatches at the model's present position; its weights and buffers stay as they are.

    Draw k is the first batch of epoch k, so that batches are independent of one another. Gradients
    of as many parameters as fit into memory are held at a time, and made again for the next ones.

    Args:
        model: the network; it is left in train mode.
        batches: the training set in batches of full size, drawn by a seed of their own.
        last: the training set in batches as small as the last one of an epoch, None if all are
            full. Only their loss is used: a mixture of sizes would look like heavy tails.
        draws: number of minibatches n, at least 2.
        coordinates: (c,) increasing indices into the flattened parameters.
        memory: bytes for gradients; one tensor's, n times, is held in any case.
        criterion: mean loss of (outputs, labels).

    Returns:
        The noise, or None where a loss is not finite.

    Raises:
        InputError: for fewer than 2 draws.
    """
    if draws < 2:
        raise InputError(f"minibatch noise: {draws} draws; allowed: at least 2")
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    gram = torch.zeros(draws, draws, dtype=torch.float64)
    kept = np.zeros((draws, len(coordinates)), np.float32)
    squared_mean, first, losses = 0.0, 0, np.empty(0)
    for group in _groups(parameters, draws, memory):
        rows, losses = _gradients(model, batches, draws, group, criterion)
        if not np.isfinite(losses).all():
            return None
        mean = rows.mean(0)
        rows -= mean
        squared_mean += float(torch.linalg.vector_norm(mean, dtype=torch.float64)) ** 2
        gram += plain_gram(rows).cpu()
        here = (coordinates >= first) & (coordinates < first + rows.shape[1])
        columns = torch.as_tensor(coordinates[here] - first, device=rows.device)
        kept[:, here] = rows[:, columns].cpu().numpy()
        first += rows.shape[1]
        del rows
    loss_mean, loss_variance = losses.mean(), losses.var(ddof=1)
    if last is not None:
        with torch.no_grad():
            small = np.array([_loss(model, last, draw, criterion).item() for draw in range(draws)])
        if not np.isfinite(small).all():
            return None
        loss_mean, loss_variance = _mixed(losses, small, 1 / batches.per_epoch)
    return MinibatchNoise(
        losses, float(loss_mean), float(loss_variance), squared_mean**0.5, gram.numpy(), kept
    )


def _mixed(full: np.ndarray, small: np.ndarray, share: float) -> tuple[float, float]:
    """Mean and variance of a loss that is one of the small batch's with probability share."""
    variances = full.var(ddof=1), small.var(ddof=1)
    gap = full.mean() - small.mean()
    # unbiased: two means differ by their own errors too
    squared_gap = max(gap**2 - variances[0] / len(full) - variances[1] / len(small), 0.0)
    mean = full.mean() - share * gap
    within = (1 - share) * variances[0] + share * variances[1]
    return mean, within + share * (1 - share) * squared_gap


def _groups(
    parameters: list[nn.Parameter], draws: int, memory: int
) -> Iterator[list[nn.Parameter]]:
    """Neighbouring parameter tensors whose gradients, times draws, fit into memory."""
    group: list[nn.Parameter] = []
    size = 0
    for parameter in parameters:
        needed = draws * parameter.numel() * parameter.element_size()
        if group and size + needed > memory:
            yield group
            group, size = [], 0
        group.append(parameter)
        size += needed
    yield group


def _gradients(
    model: nn.Module,
    batches: Batches,
    draws: int,
    group: list[nn.Parameter],
    criterion: Criterion,
) -> tuple[torch.Tensor, np.ndarray]:
    """(n, p) gradients by a group of parameters, and the (n,) losses."""
    width = sum(p.numel() for p in group)
    rows = torch.empty(draws, width, dtype=group[0].dtype, device=group[0].device)
    losses = np.empty(draws)
    for draw in range(draws):
        loss = _loss(model, batches, draw, criterion)
        losses[draw] = loss.item()
        gradients = torch.autograd.grad(loss, group, allow_unused=True, materialize_grads=True)
        torch.cat([g.reshape(-1) for g in gradients], out=rows[draw])
    return rows, losses


def _loss(model: nn.Module, batches: Batches, draw: int, criterion: Criterion) -> torch.Tensor:
    """Loss of an independent minibatch; the same one for the same draw, dropout included."""
    inputs, labels = batches.at(draw * batches.per_epoch)
    return criterion(outputs_without_trace(model, inputs, batches.seed + draw), labels)
