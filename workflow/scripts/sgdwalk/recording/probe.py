"""The loss of a fixed batch at the walk's present position."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def probe_loss(
    model: nn.Module,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    criterion: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> Callable[[], torch.Tensor]:
    """A function that evaluates a fixed batch at the model's current position, in train mode.

    Batch statistics are those of the probe batch and dropout draws the same units every time, so
    that the value depends on the position alone; buffers and random state stay as they were.
    """

    def probe() -> torch.Tensor:
        with torch.no_grad():
            return criterion(outputs_without_trace(model, inputs, seed=0), labels)

    return probe


def outputs_without_trace(model: nn.Module, inputs: torch.Tensor, seed: int) -> torch.Tensor:
    """Outputs of a model in its present mode, whose buffers and random state stay as they were.

    Args:
        model: any module.
        inputs: of a batch.
        seed: of dropout.
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.random.fork_rng([inputs.device] if inputs.is_cuda else []):
        torch.manual_seed(seed)
        return torch.func.functional_call(model, buffers, (inputs,))
