"""What panels over the windows of a run share: which windows, estimates along training, titles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from sgdwalk.figures import style
from sgdwalk.fits.estimate import Estimate


class Placed(Protocol):
    """Whatever says how many steps were taken before it."""

    @property
    def start(self) -> int:
        """Steps taken before."""


P = TypeVar("P", bound=Placed)


@dataclass(frozen=True)
class Series:
    """Estimates of one quantity over the windows of a run, and how they are drawn.

    Attributes:
        label: for the legend.
        marker: of matplotlib.
        colour: of matplotlib.
        estimates: one per window; None where there is none.
    """

    label: str
    marker: str
    colour: str
    estimates: Sequence[Estimate | None]


def first_middle_last(count: int) -> list[int]:
    """Indices of the first, the middle and the last of `count` things, each once."""
    return sorted({0, (count - 1) // 2, count - 1}) if count else []


def shown_windows(windows: Sequence[P]) -> list[tuple[P, np.ndarray]]:
    """First, middle and last window, each with the colour it has among all of them."""
    colours = style.colours(len(windows))
    return [(windows[i], colours[i]) for i in first_middle_last(len(windows))]


def first_steps(windows: Sequence[Placed]) -> list[int]:
    """Step at which each window begins, counted from 1 as in the paper."""
    return [window.start + 1 for window in windows]


def start_label(window: Placed) -> str:
    """Where a window begins, as legends and titles say it."""
    return rf"$t_w = {window.start + 1}$"


def run_title(run: str, diverged_at: int | None) -> str:
    """Title of a figure of one run, which says if and when it diverged."""
    return run if diverged_at is None else f"{run} (diverged at step {diverged_at})"


def say_no_window(axes: Iterable[Axes]) -> None:
    """Say in panels over windows that there is none."""
    for axis in axes:
        style.message(axis, "no whole window was recorded")


def draw_along_training(
    axis: Axes,
    windows: Sequence[Placed],
    series: Sequence[Series],
    label: str,
    *,
    nulls: Sequence[float] = (),
    spacing: float = 0.08,
    letters: float | None = 6,
) -> None:
    """Draw estimates with their 95 % intervals against the step at which windows start.

    Args:
        axis: where to.
        windows: those that the estimates are of, by their start.
        series: what is drawn, side by side.
        label: of the ordinate.
        nulls: what nulls predict.
        spacing: of neighbouring series, as a part of the distance between windows.
        letters: size of the legend's, in points; None for the usual.
    """
    x = np.array(first_steps(windows), float)
    width = spacing * (np.diff(x).min() if len(x) > 1 else 1.0)
    for k, one in enumerate(series):
        look: style.Look = {"color": one.colour, "ms": 3}
        if any(e is not None and np.isfinite(e.value) for e in one.estimates):
            at = x + (k - (len(series) - 1) / 2) * width
            style.interval_bars(axis, at, one.estimates, fmt=one.marker, label=one.label, **look)
        else:
            axis.plot([], [], ls="", marker=one.marker, label=f"{one.label}: none", **look)
    for null in nulls:
        style.null_line(axis, null)
    axis.set_ylabel(label)
    style.window_axis(axis, x, 4 * width)
    style.legend_above(axis, size=letters)


def tidy_log_ticks(axes: Iterable[Axes]) -> None:
    """Label whole decades on logarithmic axes that span several, else plain numbers."""
    for axis in axes:
        if not axis.has_data():  # it has no limits that a logarithm could label
            continue
        for side, limits in ((axis.xaxis, axis.get_xlim()), (axis.yaxis, axis.get_ylim())):
            if side.get_scale() != "log":
                continue
            if limits[1] < 20 * limits[0]:
                ticks = (1, 2, 5) if limits[1] > 4 * limits[0] else range(1, 10)
                side.set_major_locator(LogLocator(subs=ticks, numticks=20))
                side.set_major_formatter("{x:g}")
            side.set_minor_formatter(NullFormatter())
