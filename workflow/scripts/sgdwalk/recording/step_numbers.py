"""What is taken of every step: norms, entries and sketches of its gradient and its position."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from sgdwalk.recording.gram import row_norms, square
from sgdwalk.recording.parameter_set import ParameterSet
from sgdwalk.recording.ranks import Part
from sgdwalk.recording.sampled_entries import SampledEntries
from sgdwalk.recording.sketched_walk import SketchedWalk

_SMALL = 2**16  # parameters up to which the time of calls is more than that of sums


class Numbers(NamedTuple):
    """Of one step.

    Attributes:
        norms: (1,) of the gradient; of a sketched walk also what `SketchedWalk.step` says first.
        others: (n + C,) entries of the gradient, (C,) of the position, and sketches (k,).
    """

    norms: Sequence[Part]
    others: Sequence[Part]


class StepNumbers:
    """Takes the numbers of this process's part of the walk.

    Args:
        parameters: those that walk.
        entries: which of them are kept.
        walk: where sketches are made; None for none.
    """

    def __init__(
        self, parameters: ParameterSet, entries: SampledEntries, walk: SketchedWalk | None
    ):
        self._parameters, self._entries, self._walk = parameters, entries, walk
        self._flat = torch.empty(
            sum(parameters.local_sizes), dtype=parameters.dtype, device=parameters.device
        )
        self._position: torch.Tensor | None = None

    def of_step(
        self,
        step: int,
        scale: torch.Tensor | None,
        gradients: Sequence[torch.Tensor],
        positions: Sequence[torch.Tensor],
    ) -> tuple[np.ndarray, Numbers]:
        """Take gradient and position.

        Args:
            step: steps before it.
            scale: what the gradients are too large by; None for 1.
            gradients: rows, (P,), to be filled with the gradient.
            positions: rows to be filled with the position.

        Returns:
            (n,) indices of the entries that were drawn, and the numbers.
        """
        gradient = self._flat_or(gradients)
        self._parameters.gradients(gradient)
        if scale is not None:
            gradient /= scale.to(gradient.device)
        drawn, entries, norm = self._of_gradient(gradient)
        for row in gradients:
            row.copy_(gradient, non_blocking=True)  # nothing, where it is that row
        position = self._flat_or(positions)
        self._parameters.positions(position)
        for row in positions:
            row.copy_(position, non_blocking=True)
        self._position = position
        walked = self._walked(position, step)
        others = [entries, self._of_position(position), *walked[1:]]
        return drawn, Numbers([norm, *walked[:1]], others)

    def _of_gradient(self, gradient: torch.Tensor) -> tuple[np.ndarray, Part, Part]:
        """Indices drawn, (n + C,) entries, and the norm, (1,)."""
        drawn, entries = self._entries.of_gradient(gradient)
        return drawn, entries, row_norms(gradient.unsqueeze(0))

    def _of_position(self, position: torch.Tensor) -> Part:
        return self._entries.of_position(position)

    def _walked(self, position: torch.Tensor, step: int) -> Sequence[Part]:
        """What `SketchedWalk.step` says, or of the first step `begin`; nothing without a walk."""
        if self._walk is None:
            return []
        return self._walk.step(position, step) if step else self._walk.begin(position)

    def _flat_or(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        """Where to flatten to: the first row that is to have it, if it is on the device."""
        on_device = rows and rows[0].device == self._flat.device
        return rows[0] if on_device else self._flat

    def written(self, step: int) -> None:
        """Say that a step is on disk: the next increment is from its position."""
        if self._walk is not None and self._position is not None:
            self._walk.go_on(self._position, step)

    def digest(self) -> str:
        """What tells this process's part of the last position from others."""
        if self._position is None:
            return ""
        return hashlib.blake2b(self._position.cpu().numpy().data, digest_size=16).hexdigest()

    def end(self, step: int) -> list[torch.Tensor]:
        """Of the position after the last step.

        Args:
            step: steps recorded.

        Returns:
            (C,) entries of it; and of a sketched walk what `SketchedWalk.step` says.
        """
        self._parameters.positions(self._flat)
        self._position = self._flat
        parts = [self._of_position(self._flat), *self._walked(self._flat, step)]
        return [torch.as_tensor(part) for part in parts]


class SmallStepNumbers(StepNumbers):
    """The same of a small network on the CPU, by numpy, whose calls take less time than torch's."""

    def __init__(
        self, parameters: ParameterSet, entries: SampledEntries, walk: SketchedWalk | None
    ):
        super().__init__(parameters, entries, walk)
        self._array = self._flat.numpy()
        self._small_walk = None if walk is None else walk.small()

    def _flat_or(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        return self._flat  # whose array is at hand

    def _of_gradient(self, gradient: torch.Tensor) -> tuple[np.ndarray, Part, Part]:
        drawn, kept = self._entries.next_indices()
        with np.errstate(over="ignore", invalid="ignore"):  # of a walk that diverges
            norm = np.array([math.sqrt(square(self._array))])
        return drawn, self._array.take(kept), norm

    def _of_position(self, position: torch.Tensor) -> Part:
        return self._array.take(self._entries.series)

    def _walked(self, position: torch.Tensor, step: int) -> Sequence[Part]:
        if self._small_walk is None or not step:
            return super()._walked(position, step)
        with np.errstate(over="ignore", invalid="ignore"):
            return self._small_walk.step(self._array, step)

    def written(self, step: int) -> None:
        """As `StepNumbers.written`."""
        if self._small_walk is not None and self._position is not None:
            self._small_walk.go_on(self._array, step)


def step_numbers(
    parameters: ParameterSet, entries: SampledEntries, walk: SketchedWalk | None
) -> StepNumbers:
    """What takes the numbers of a walk.

    Args:
        parameters: those that walk.
        entries: which of them are kept.
        walk: where sketches are made; None for none.
    """
    own = sum(parameters.local_sizes)
    small = parameters.device.type == "cpu" and not parameters.sharded and own <= _SMALL
    return (SmallStepNumbers if small else StepNumbers)(parameters, entries, walk)
