"""Families of windows: those of one length and stride, which follow one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar


class Windowed(Protocol):
    """Whatever says how long its window is and how many steps its positions are apart."""

    @property
    def stride(self) -> int:
        """Optimizer steps between recorded positions."""

    @property
    def length(self) -> int:
        """Recorded positions."""


W = TypeVar("W", bound=Windowed)


def family_key(length: int, stride: int) -> str:
    """Name of a family in files: ``500x4`` for 500 positions that are 4 steps apart."""
    return f"{length}x{stride}"


def first_family(windows: Sequence[W]) -> list[W]:
    """Windows of the shortest stride and, of those, of the shortest length, in their order."""
    first = min(((w.stride, w.length) for w in windows), default=None)
    return [w for w in windows if (w.stride, w.length) == first]


def families_that_fit(families: Sequence[Mapping[str, int]], steps: int) -> list[Mapping[str, int]]:
    """Families of which a run has one whole window or more.

    Args:
        families: each with its `length` in positions and its `stride` in steps.
        steps: optimizer steps of the run.
    """
    return [f for f in families if (f["length"] - 1) * f["stride"] < steps]
