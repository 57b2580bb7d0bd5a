"""Linear layers that see the samples themselves: their outputs are linear in the parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn


class FixedInputLayers:
    """Outputs of a network's first linear layers on the points of a line or plane.

    `W(c) x = W_0 x + sum_k c_k (W_k x)`: with the products of the origin and the directions at
    hand a point needs no product over the inputs. Used where that is cheaper: for linear layers
    that are called once, on inputs that depend on no parameter, and have fewer outputs than inputs.

    Args:
        model: in eval mode, all its parameters requiring gradients.
        inputs: a few samples.
    """

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        self._model = model
        self._layers = _find(model, inputs)
        self._tables: dict[tuple[int, int], Tensor] = {}
        self._batch, self._coordinate = 0, torch.ones(1)

    @contextmanager
    def prepared(
        self, batches: Sequence[Tensor], move: Callable[[Tensor], object], vectors: Sequence[Tensor]
    ) -> Iterator[None]:
        """Inside, layers take their outputs from tables made here.

        Args:
            batches: inputs of the network, by the index that `choose` will name.
            move: puts the network's parameters at a vector.
            vectors: origin and d directions.
        """
        if not self._layers:
            yield
            return
        tables: dict[tuple[int, int], list[Tensor]] = {}

        def note(i: int) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
            return lambda module, inputs, output: tables.setdefault((i, self._batch), []).append(
                output
            )

        handles = [layer.register_forward_hook(note(i)) for i, layer in enumerate(self._layers)]
        for vector in vectors:
            move(vector)
            for self._batch, batch in enumerate(batches):
                self._model(batch)
        for handle in handles:
            handle.remove()
        self._tables = {key: torch.stack(found) for key, found in tables.items()}
        for i, layer in enumerate(self._layers):
            # of this layer alone, until the tables are gone
            layer.forward = partial(self._combined, i)  # type: ignore[method-assign]  # until undone
        try:
            yield
        finally:
            for layer in self._layers:
                del layer.forward
            self._tables = {}

    def choose(self, batch: int, coordinate: np.ndarray) -> None:
        """Say which batch the network is about to be called with, and at which point."""
        if self._layers:
            table = self._tables[0, batch]
            self._batch = batch
            self._coordinate = torch.tensor([1.0, *coordinate], dtype=table.dtype).to(table.device)

    def _combined(self, layer: int, inputs: Tensor) -> Tensor:
        table = self._tables[layer, self._batch]
        return (self._coordinate @ table.flatten(1)).view(table.shape[1:])


def _find(model: nn.Module, inputs: Tensor) -> list[nn.Linear]:
    """Linear layers called once whose input carries no gradient of the parameters."""
    calls: Counter[nn.Linear] = Counter()
    fixed: list[nn.Linear] = []

    def note(module: nn.Linear, given: tuple[Tensor, ...]) -> None:
        calls[module] += 1
        if not given[0].requires_grad and module.out_features < module.in_features:
            fixed.append(module)

    handles = [
        module.register_forward_pre_hook(note)
        for module in model.modules()
        if type(module) is nn.Linear
    ]
    with torch.enable_grad():
        model(inputs)
    for handle in handles:
        handle.remove()
    return [module for module in fixed if calls[module] == 1]
