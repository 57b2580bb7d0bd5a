"""What a network is trained to minimise: mean losses of outputs (logits) against classes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from sgdwalk.errors import InputError

Criterion = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def mean_squared_error(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of class probabilities from one-hot labels.

    Args:
        outputs: (N, C) logits; their softmax is compared.
        labels: (N,) classes.

    Returns:
        Mean over samples and classes, a scalar between 0 and 2 / C.
    """
    truth = functional.one_hot(labels, outputs.shape[1]).to(outputs.dtype)
    return functional.mse_loss(outputs.softmax(1), truth)


_BY_NAME: dict[str, Criterion] = {
    "cross_entropy": functional.cross_entropy,
    "mse": mean_squared_error,
}


def named_loss(name: str) -> Criterion:
    """Mean loss of (outputs, labels) by name: ``cross_entropy`` or ``mse``.

    Raises:
        InputError: for another name.
    """
    if name not in _BY_NAME:
        raise InputError(f"loss: {name!r}; allowed: {', '.join(_BY_NAME)}")
    return _BY_NAME[name]
