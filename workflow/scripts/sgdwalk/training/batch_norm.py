"""Batch norm outside of training: statistics of each batch, and running ones never yet updated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

CHUNK = 1024  # samples per pass, as many as training evaluates at once


@torch.no_grad()
def refresh_batch_norm(
    model: nn.Module, inputs: Tensor, state: dict[str, Tensor] | None = None
) -> None:
    """Replace running statistics that no training has touched by those of samples, in place.

    They become the plain mean over chunks of about equal size, at most `CHUNK` samples.

    Args:
        model: its modes are what they were when this returns.
        inputs: (N, ...) samples.
        state: all parameters and buffers by name, to use and to change in place of the model's own.
    """
    untouched = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and _is_untouched(module)
    }
    if not untouched:
        return
    buffers = dict(model.named_buffers()) if state is None else state
    call = model if state is None else partial(functional_call, model, state)
    with eval_mode(model), batch_statistics(untouched.values()):
        for name in untouched:
            buffers[f"{name}.num_batches_tracked" if name else "num_batches_tracked"].zero_()
        for chunk in inputs.tensor_split(-(-len(inputs) // CHUNK)):
            call(chunk)


@contextmanager
def batch_statistics(modules: Iterable[_BatchNorm]) -> Iterator[None]:
    """These batch norms use each batch's statistics; running ones become their plain mean."""
    before = [(module, module.training, module.momentum) for module in modules]
    try:
        for module, _, _ in before:
            module.training, module.momentum = True, None  # None: all batches weigh the same
        yield
    finally:
        for module, training, momentum in before:
            module.training, module.momentum = training, momentum


@contextmanager
def eval_mode(model: nn.Module, batch_norm: bool = True) -> Iterator[None]:
    """Every module in eval mode, batch norm only where asked; modes are restored after."""
    before = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in before:
            module.training = isinstance(module, _BatchNorm) and not batch_norm
        yield
    finally:
        for module, training in before:
            module.training = training


def _is_untouched(module: _BatchNorm) -> bool:
    mean, variance = module.running_mean, module.running_var
    if mean is None or variance is None:
        return False
    return bool((mean == 0).all() and (variance == 1).all())
