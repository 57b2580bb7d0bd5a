"""What panels over the windows of a run share: which windows, estimates along training, titles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


class Incomplete(Protocol):
    """Whatever says what it lacks."""

    @property
    def missing(self) -> Mapping[str, str]:
        """Reasons by what is not there."""


P = TypeVar("P", bound=Placed)


@dataclass(frozen=True)
class Series:
    """Estimates of one quantity over the windows of a run, and how they are drawn.

    Attributes:
        label: for the legend.
        marker: of matplotlib.
        colour: of matplotlib.
        estimates: one per window; None where there is none.
        hollow: one per window, whether its mark is open; empty for none of them.
        crossed: one per window, whether a cross at the foot stands for it; empty for none.
        nulls: one per window, whose interval is a pale bar behind the mark; empty for none.
        others: one per window, a dash where it is; empty for none.
    """

    label: str
    marker: str
    colour: str
    estimates: Sequence[Estimate | None]
    hollow: Sequence[bool] = ()
    crossed: Sequence[bool] = ()
    nulls: Sequence[Estimate | None] = ()
    others: Sequence[Estimate | None] = ()


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


def run_title(run: str, diverged_at: int | None, warning: str | None = None) -> str:
    """Title of a figure of one run: if and when it diverged, and below, what to beware of."""
    title = run if diverged_at is None else f"{run} (diverged at step {diverged_at})"
    return title if warning is None else f"{title}\n{warning}"


def without_losses(windows: Sequence[Incomplete]) -> bool:
    """Whether there are windows, and none of them has losses: a walk from elsewhere may not."""
    return bool(windows) and all("losses" in window.missing for window in windows)


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
        _draw_series(axis, x + (k - (len(series) - 1) / 2) * width, one)
    for null in nulls:
        style.null_line(axis, null)
    axis.set_ylabel(label)
    style.window_axis(axis, x, 4 * width)
    style.legend_above(axis, size=letters)


def _draw_series(axis: Axes, at: np.ndarray, one: Series) -> None:
    """One series at its abscissae (n,)."""
    look: style.Look = {"color": one.colour, "ms": 3}
    there = np.array([e is not None and e.defined for e in one.estimates])
    hollow = np.array(one.hollow or [False] * len(at))
    for which, fill in ((there & ~hollow, one.colour), (there & hollow, "white")):
        some = [e for e, drawn in zip(one.estimates, which, strict=True) if drawn]
        style.interval_bars(axis, at[which], some, fmt=one.marker, mfc=fill, **look)
    label = one.label if there.any() else f"{one.label}: none"
    axis.plot([], [], ls="", marker=one.marker, label=label, **look)
    for x, null in zip(at, one.nulls, strict=False):
        if null is not None:
            axis.vlines(x, null.low, null.high, **style.NULL_BAR)
    others = [np.nan if e is None else e.value for e in one.others]
    if others:
        axis.plot(at, others, color=one.colour, **style.DASH)
    for x in at[np.array(one.crossed or [False] * len(at))]:
        style.foot_cross(axis, x, one.colour)


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
