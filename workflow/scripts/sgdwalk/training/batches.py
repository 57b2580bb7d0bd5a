"""Minibatches as tensors on the device, shuffled anew each epoch, augmented all at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from sgdwalk.errors import InputError


class Batches:
    """Endless minibatches of a training set, reproducible from (seed, step) alone.

    The last batch of an epoch is smaller if the batch size does not divide the training set.

    Args:
        inputs: (N, ...) training inputs on the device.
        labels: (N,) their classes.
        size: samples per batch.
        seed: of shuffling and augmentation.
        augment: called with (batch inputs, generator), returns the augmented batch; None for none.

    Raises:
        InputError: if the batch size is not between 1 and N.
    """

    def __init__(
        self,
        inputs: torch.Tensor,
        labels: torch.Tensor,
        size: int,
        seed: int,
        augment: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None,
    ):
        if not 1 <= size <= len(inputs):
            raise InputError(
                f"batch_size: {size}; allowed: 1 to the {len(inputs)} training samples"
            )
        self.inputs, self.labels = inputs, labels
        self.size, self.seed, self.augment = size, seed, augment
        self.per_epoch = -(-len(inputs) // size)
        self._generator = torch.Generator()  # on the CPU: the same batches on every device
        self._order = torch.empty(0)
        self._shuffled = -1  # epoch that _order belongs to

    def at(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and labels of the batch that a step of the run uses."""
        epoch, index = divmod(step, self.per_epoch)
        if epoch != self._shuffled:
            shuffle = torch.Generator().manual_seed(_mixed(self.seed, 0, epoch))
            order = torch.randperm(len(self.inputs), generator=shuffle)
            self._order, self._shuffled = order.to(self.inputs.device), epoch
        chosen = self._order[index * self.size : (index + 1) * self.size]
        inputs, labels = self.inputs.index_select(0, chosen), self.labels[chosen]
        if self.augment is not None:
            inputs = self.augment(inputs, self._generator.manual_seed(_mixed(self.seed, 1, step)))
        return inputs, labels


def _mixed(*words: int) -> int:
    """A 63-bit seed from several integers."""
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
