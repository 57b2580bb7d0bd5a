"""Families of windows: those of one length and stride, which follow one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Protocol, TypeVar


class Windowed(Protocol):
    """Whatever says how long its window is and how many steps its positions are apart."""

    @property
    def stride(self) -> int | None:
        """Optimizer steps between recorded positions; None where these differ."""

    @property
    def length(self) -> int:
        """Recorded positions."""


class Recorded(Windowed, Protocol):
    """A window as it was recorded."""

    @property
    def start(self) -> int:
        """Steps taken before the first position."""

    @property
    def partial(self) -> bool:
        """Whether it is shorter than its family's."""


LEAST_ANALYSED = 20  # positions of a shorter window: lags up to 10, which a line can be fitted to
LEAST_NUMBERS = 16  # of a sketch that is analysed: how fewer scatter cannot be told from them

R = TypeVar("R", bound=Recorded)
W = TypeVar("W", bound=Windowed)


def family_key(length: int, stride: int | None) -> str:
    """Name of a family in files: ``500x4`` for 500 positions 4 steps apart, ``500x0`` unequally."""
    return f"{length}x{stride or 0}"


def family_of(window: str) -> tuple[int, int]:
    """Length and stride of the family of a window, from its name in files: `500x4-000001000`."""
    length, stride = map(int, window.rsplit("-", 1)[0].split("x"))
    return length, stride


def first_family(windows: Sequence[W]) -> list[W]:
    """Windows of the shortest stride and, of those, of the shortest length, in their order.

    Those of unequally spaced positions come after all others.
    """

    def place(window: W) -> tuple[float, int]:
        return inf if window.stride is None else window.stride, window.length

    first = min(map(place, windows), default=None)
    return [w for w in windows if place(w) == first]


def without_remnants(windows: Sequence[R]) -> list[R]:
    """Windows that are analysed: whole ones; shorter ones only at strides that have no whole one.

    A shorter one is analysed if it has at least `LEAST_ANALYSED` positions, and once: families of
    one stride end in the same remnant.
    """
    whole = [w for w in windows if not w.partial]
    strides = {w.stride for w in whole}
    remnants = {}
    for w in windows:
        if w.partial and w.stride not in strides and w.length >= LEAST_ANALYSED:
            remnants[w.stride, w.start, w.length] = w
    return whole + list(remnants.values()) if remnants else whole


def families_that_fit(families: Sequence[Mapping[str, int]], steps: int) -> list[Mapping[str, int]]:
    """Families of which a run has one whole window or more.

    Args:
        families: each with its `length` in positions and its `stride` in steps.
        steps: optimizer steps of the run.
    """
    return [f for f in families if (f["length"] - 1) * f["stride"] < steps]
