"""Families of windows: those of one length and stride, which follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Windowed(Protocol):
    """Whatever says how long its window is and how many steps its positions are apart."""

    stride: int
    length: int


W = TypeVar("W", bound=Windowed)


def first_family(windows: Sequence[W]) -> list[W]:
    """Windows of the shortest stride and, of those, of the shortest length, in their order."""
    first = min(((w.stride, w.length) for w in windows), default=None)
    return [w for w in windows if (w.stride, w.length) == first]
