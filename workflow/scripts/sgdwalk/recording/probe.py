"""The loss of a fixed batch at the walk's present position."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def probe_loss(
    model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor, criterion: Callable
) -> Callable[[], torch.Tensor]:
    """A function that evaluates a fixed batch at the model's current position, in train mode.

    Batch statistics are those of the probe batch and dropout draws the same units every time, so
    that the value depends on the position alone; buffers and random state stay as they were.
    """

    def probe() -> torch.Tensor:
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        devices = [inputs.device] if inputs.is_cuda else []
        with torch.no_grad(), torch.random.fork_rng(devices):
            torch.manual_seed(0)
            outputs = torch.func.functional_call(model, buffers, (inputs,))
            return criterion(outputs, labels)

    return probe
