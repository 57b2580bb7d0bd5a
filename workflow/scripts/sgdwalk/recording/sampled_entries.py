"""Entries of gradient and position that are kept: random ones of every step, and fixed ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sgdwalk.recording.parameter_set import ParameterSet

_EPOCH_ENTRIES = 1024  # coordinates of the mean gradient kept per epoch
_BLOCK = 256  # steps whose entries are drawn at once


class SampledEntries:
    """Which entries of the flat parameters are kept.

    Args:
        parameters: those that walk.
        samples: entries drawn per step, uniformly over all ranks' parameters.
        coordinates: fixed ones per parameter tensor, at most.
        seed: of all draws.

    Attributes:
        series: (C,) flat indices of the fixed coordinates.
        epoch: (E,) flat indices of the entries of the mean gradient kept per epoch.
    """

    def __init__(self, parameters: ParameterSet, samples: int, coordinates: int, seed: int):
        self._parameters, self._samples, self._seed = parameters, samples, seed
        self._total = sum(parameters.sizes)
        draw = np.random.default_rng([seed, 0])
        self.series = _per_layer(parameters.sizes, coordinates, draw)
        self.epoch = np.sort(draw.choice(self._total, min(_EPOCH_ENTRIES, self._total), False))
        self._fixed = _Entries(parameters, self.series[None])
        self._of_epoch = _Entries(parameters, self.epoch[None])
        self._draw = np.random.default_rng([seed, 1])
        self._used = _BLOCK  # steps of the block that are behind
        self._block: _Entries | None = None
        self._state = self._draw.bit_generator.state

    def state(self) -> dict[str, Any]:
        """How far the draws have come."""
        return {"draw": self._state, "used": self._used}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        self._draw.bit_generator.state = state["draw"]
        if state["used"] < _BLOCK:
            self._next_block()
        self._used = state["used"]

    def go_on(self, step: int) -> None:
        """Draw others than those of a recording that ended after some steps."""
        self._draw = np.random.default_rng([self._seed, 1, step])

    def _next_block(self) -> None:
        self._state = self._draw.bit_generator.state
        drawn = self._draw.integers(0, self._total, (_BLOCK, self._samples))
        fixed = np.broadcast_to(self.series, (_BLOCK, len(self.series)))
        self._drawn, self._kept = drawn, np.concatenate([drawn, fixed], axis=1)
        self._block = None
        self._used = 0

    def next_indices(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the next step, where one process has all: (n,) drawn ones, and (n + C,) all."""
        if self._used == _BLOCK:
            self._next_block()
        self._used += 1
        return self._drawn[self._used - 1], self._kept[self._used - 1]

    def of_gradient(self, row: torch.Tensor) -> tuple[np.ndarray, torch.Tensor]:
        """Entries of the next step.

        Args:
            row: (P,) this process's part of the gradient.

        Returns:
            (n,) flat indices drawn; (n + C,) gradient there, and at the fixed coordinates; 0 for
            those that another process counts.
        """
        drawn, _ = self.next_indices()
        if self._block is None:
            self._block = _Entries(self._parameters, self._kept)
        return drawn, self._block.of(row, self._used - 1)

    def of_position(self, row: torch.Tensor) -> torch.Tensor:
        """(C,) fixed coordinates of this process's part of the position, (P,)."""
        return self._fixed.of(row)

    def of_mean(self, row: torch.Tensor) -> torch.Tensor:
        """(E,) entries of this process's part of an epoch's mean gradient, (P,)."""
        return self._of_epoch.of(row)


class _Entries:
    """Entries at (N, n) flat indices of this process's part of a row, N lines one at a time."""

    def __init__(self, parameters: ParameterSet, index: np.ndarray):
        mine, inside = parameters.local(index.reshape(-1))
        masked = not mine.all()
        on_device = (torch.from_numpy(a.reshape(index.shape)) for a in (inside, mine))
        indices, masks = (a.to(parameters.device).unbind(0) for a in on_device)
        self._lines = list(zip(indices, masks if masked else [None] * len(indices), strict=True))

    def of(self, row: torch.Tensor, line: int = 0) -> torch.Tensor:
        """(n,) entries of (P,) a row at a line of indices."""
        inside, mine = self._lines[line]
        if not row.numel() or not inside.numel():
            return row.new_zeros(inside.shape)
        found = row.index_select(0, inside)
        return found if mine is None else found * mine


def _per_layer(sizes: list[int], number: int, draw: np.random.Generator) -> np.ndarray:
    """Indices into the flat parameters: up to ``number`` distinct ones of every layer."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    chosen = [
        start + np.sort(draw.choice(size, min(number, size), replace=False))
        for start, size in zip(starts, sizes, strict=True)
    ]
    return np.concatenate(chosen).astype(np.int64)
