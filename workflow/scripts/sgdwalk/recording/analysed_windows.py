"""Which windows of a walk are analysed: those recorded, and those cut from its sketch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np

from sgdwalk.recording.trajectory import Trajectory, Window
from sgdwalk.recording.window_families import LEAST_ANALYSED, LEAST_NUMBERS, without_remnants

LENGTH = 500  # positions of the windows of a walk that was recorded without any


def analysed_windows(
    trajectory: Trajectory, chosen: Sequence[Mapping[str, Any]] = ()
) -> list[Window]:
    """Windows of a walk, by stride, then length, then start.

    Recorded ones, but for remnants; those that are chosen, from the sketch; and where there are
    neither, windows of `LENGTH` positions, or of a whole shorter walk.

    Args:
        trajectory: the walk.
        chosen: families cut from the sketch, each with its `length` in positions and its `stride`
            in steps. With a `start`, its step, it is one window; else they follow one another.
            One that does not fit into the walk is left out, one that was recorded is not cut again.
    """
    windows = {_place(w): w for w in without_remnants(trajectory.windows)}
    if trajectory.sketch is not None:
        parts = unbroken(trajectory)
        longest = max((length for _, length in parts), default=0)
        default = [] if windows else [{"length": min(LENGTH, longest)}]
        for start, length, stride in _cut(parts, chosen or default):
            if (stride, length, start) not in windows:
                window = sketched_window(trajectory, start, length, stride)
                windows[_place(window)] = window
    return [windows[place] for place in sorted(windows)]


def unbroken(trajectory: Trajectory) -> list[tuple[int, int]]:
    """First position and number of positions of every unbroken part of a sketched walk.

    Only positions with a loss count, not that after the last step; and parts that are long enough.
    None where the sketch has too few numbers for its error to be known, or of a walk that is known
    at some of its steps: its windows are all that there is.
    """
    assert trajectory.sketch is not None
    if trajectory.sketch.step is not None:
        return []
    if trajectory.sketch.k < LEAST_NUMBERS and not trajectory.sketch.exact:
        return []
    stop = trajectory.steps if trajectory.diverged_at is None else trajectory.diverged_at
    parts = [(a, min(b, stop) - a) for a, b in trajectory.sketch.stretches()]
    return [(a, length) for a, length in parts if length >= LEAST_ANALYSED]


def longest_part(trajectory: Trajectory) -> tuple[int, int] | None:
    """The longest of the `unbroken` parts; None without a sketch, or where there is none."""
    parts = unbroken(trajectory) if trajectory.sketch is not None else []
    return max(parts, key=lambda part: part[1], default=None)


def longest_window(trajectory: Trajectory, most: int) -> Window | None:
    """The longest unbroken part of a sketched walk, with so many positions at most, evenly spaced.

    Args:
        trajectory: the walk.
        most: positions.

    Returns:
        None without a sketch, or where no part is long enough.
    """
    part = longest_part(trajectory)
    if part is None:
        return None
    start, positions = part
    stride = -(-positions // most)
    return sketched_window(trajectory, start, (positions - 1) // stride + 1, stride)


def sketched_window(
    trajectory: Trajectory, start: int, length: int, stride: int, group: str | None = None
) -> Window:
    """A window cut from the sketch of a walk.

    Args:
        trajectory: the walk, recorded with a sketch.
        start: step of the first position.
        length: positions.
        stride: steps between them.
        group: of parameter tensors; None for all.

    Raises:
        InputError: if the sketch does not hold it, or is broken there.
    """
    assert trajectory.sketch is not None
    path = trajectory.sketch if group is None else trajectory.sketch.groups[group]
    steps = path.steps(start, length, stride)
    at = start + stride * np.arange(length)
    probe = None if trajectory.probe_loss is None else trajectory.probe_loss[at]
    return Window(
        length=length,
        stride=stride,
        start=start,
        gram=steps @ steps.T,
        loss=trajectory.loss[at],
        step=at,
        probe_loss=probe,
        sketched=steps[:, :0] if path.exact else steps,
    )


def _place(window: Window) -> tuple[float, int, int]:
    return inf if window.stride is None else window.stride, window.length, window.start


def _cut(
    parts: Sequence[tuple[int, int]], families: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[int, int, int]]:
    """Start, length and stride of the windows of families that fit into parts of a walk."""
    for family in families:
        length, stride, start = family["length"], family.get("stride", 1), family.get("start")
        span = (length - 1) * stride + 1
        for first, positions in parts:
            if start is not None:
                if first <= start and start + span <= first + positions:
                    yield start, length, stride
            elif length >= LEAST_ANALYSED:
                for begin in range(first, first + positions - span + 1, length * stride):
                    yield begin, length, stride
