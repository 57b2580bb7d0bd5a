"""Minibatches as tensors on the device, by passes or with replacement, augmented all at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from sgdwalk.errors import InputError
from sgdwalk.training.epochs import SAMPLINGS, steps_per_epoch


class Batches:
    """Endless minibatches of a training set, reproducible from (seed, step) alone.

    By passes, the training set is shuffled anew each epoch, and the last batch of an epoch is
    smaller if the batch size does not divide the training set, or left out. With replacement every
    sample of every batch is drawn independently and uniformly, and all batches are full.

    Args:
        inputs: (N, ...) training inputs on the device.
        labels: (N,) their classes.
        size: samples per batch.
        seed: of shuffling or drawing, and of augmentation.
        augment: called with (batch inputs, generator), returns the augmented batch; None for none.
        drop_last: leave out the last batch of an epoch where it is smaller than the others.
        sampling: ``epochs`` for passes, or ``replacement``.

    Attributes:
        per_epoch: steps of an epoch; with replacement, as many as a pass would take.

    Raises:
        InputError: if the batch size is not between 1 and N, or for an unknown sampling.
    """

    def __init__(
        self,
        inputs: torch.Tensor,
        labels: torch.Tensor,
        size: int,
        seed: int,
        augment: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None,
        *,
        drop_last: bool = False,
        sampling: str = "epochs",
    ):
        if not 1 <= size <= len(inputs):
            raise InputError(
                f"batch_size: {size}; allowed: 1 to the {len(inputs)} training samples"
            )
        if sampling not in SAMPLINGS:
            raise InputError(f"sampling: {sampling!r}; allowed: {', '.join(SAMPLINGS)}")
        self.inputs, self.labels = inputs, labels
        self.size, self.seed, self.augment = size, seed, augment
        self.per_epoch = steps_per_epoch(len(inputs), size, drop_last)
        self._choose = self._drawn if sampling == "replacement" else self._of_pass
        self._generator = torch.Generator()  # on the CPU: the same batches on every device
        self._order = torch.empty(0)
        self._shuffled = -1  # epoch that _order belongs to

    def at(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and labels of the batch that a step of the run uses."""
        chosen = self._choose(step)
        inputs, labels = self.inputs.index_select(0, chosen), self.labels[chosen]
        if self.augment is not None:
            inputs = self.augment(inputs, self._generator.manual_seed(_mixed(self.seed, 1, step)))
        return inputs, labels

    def _of_pass(self, step: int) -> torch.Tensor:
        """Indices of the samples of a step, from its epoch's shuffle."""
        epoch, index = divmod(step, self.per_epoch)
        if epoch != self._shuffled:
            shuffle = torch.Generator().manual_seed(_mixed(self.seed, 0, epoch))
            order = torch.randperm(len(self.inputs), generator=shuffle)
            self._order, self._shuffled = order.to(self.inputs.device), epoch
        return self._order[index * self.size : (index + 1) * self.size]

    def _drawn(self, step: int) -> torch.Tensor:
        """Indices of the samples of a step, drawn with replacement."""
        draw = self._generator.manual_seed(_mixed(self.seed, 3, step))
        chosen = torch.randint(len(self.inputs), (self.size,), generator=draw)
        return chosen.to(self.inputs.device)


def _mixed(*words: int) -> int:
    """A 63-bit seed from several integers; the second says what for, 2 is dropout's."""
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
