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
        drawn, entries = self._entries.of_gradient(gradient)
        norms: list[Part] = [row_norms(gradient.unsqueeze(0))]
        for row in gradients:
            row.copy_(gradient, non_blocking=True)  # nothing, where it is that row
        position = self._flat_or(positions)
        self._parameters.positions(position)
        for row in positions:
            row.copy_(position, non_blocking=True)
        others: list[Part] = [entries, self._entries.of_position(position)]
        self._position = position
        if self._walk is not None:
            walk = self._walk
            moved, *sketches = walk.step(position, step) if step else walk.begin(position)
            norms, others = [*norms, moved], [*others, *sketches]
        return drawn, Numbers(norms, others)

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
        moved = [] if self._walk is None else self._walk.step(self._flat, step)
        return [self._entries.of_position(self._flat), *moved]


class SmallStepNumbers(StepNumbers):
    """The same of a small network on the CPU, by numpy, whose calls take less time than torch's."""

    def __init__(
        self, parameters: ParameterSet, entries: SampledEntries, walk: SketchedWalk | None
    ):
        super().__init__(parameters, entries, walk)
        self._array = self._flat.numpy()
        self._series = entries.series
        if walk is not None:
            self._small_walk = walk.small()

    def of_step(
        self,
        step: int,
        scale: torch.Tensor | None,
        gradients: Sequence[torch.Tensor],
        positions: Sequence[torch.Tensor],
    ) -> tuple[np.ndarray, Numbers]:
        """As `StepNumbers.of_step`."""
        with np.errstate(over="ignore", invalid="ignore"):  # of a walk that diverges
            return self._of_step(step, scale, gradients, positions)

    def _of_step(
        self,
        step: int,
        scale: torch.Tensor | None,
        gradients: Sequence[torch.Tensor],
        positions: Sequence[torch.Tensor],
    ) -> tuple[np.ndarray, Numbers]:
        values = self._array
        self._parameters.gradients(self._flat)
        if scale is not None:
            self._flat /= scale.to(self._flat.device)
        drawn, kept = self._entries.next_indices()
        entries = values.take(kept)
        norms: list[Part] = [np.array([math.sqrt(square(values))])]
        for row in gradients:
            row.copy_(self._flat)
        self._parameters.positions(self._flat)
        for row in positions:
            row.copy_(self._flat)
        others: list[Part] = [entries, values.take(self._series)]
        self._position = self._flat
        if self._walk is not None:
            small, walk = self._small_walk, self._walk
            made: Sequence[Part] = small.step(values, step) if step else walk.begin(self._flat)
            norms, others = [*norms, made[0]], [*others, *made[1:]]
        return drawn, Numbers(norms, others)

    def written(self, step: int) -> None:
        """As `StepNumbers.written`."""
        if self._walk is not None and self._position is not None:
            self._small_walk.go_on(self._array, step)

    def end(self, step: int) -> list[torch.Tensor]:
        """As `StepNumbers.end`."""
        self._parameters.positions(self._flat)
        self._position = self._flat
        with np.errstate(over="ignore", invalid="ignore"):
            moved = [] if self._walk is None else self._small_walk.step(self._array, step)
        return [torch.from_numpy(a) for a in (self._array.take(self._series), *moved)]


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
