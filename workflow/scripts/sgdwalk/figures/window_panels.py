"""What panels over the windows of a run share: which windows, estimates along training, titles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from sgdwalk.figures import style
from sgdwalk.fits.estimate import Estimate


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
    """Indices of the first, the middle and the last of `count` windows, each once."""
    return sorted({0, (count - 1) // 2, count - 1})


def run_title(run: str, diverged_at: int | None) -> str:
    """Title of a figure of one run, which says if and when it diverged."""
    return run if diverged_at is None else f"{run} (diverged at step {diverged_at})"


def draw_along_training(
    axis: Axes, starts: Sequence[int], series: Sequence[Series], label: str
) -> None:
    """Draw estimates with their 95 % intervals against the step at which windows start.

    Args:
        axis: where to.
        starts: steps taken before each window.
        series: what is drawn, side by side.
        label: of the ordinate.
    """
    x = np.array(starts, float) + 1
    width = 0.08 * (np.diff(x).min() if len(x) > 1 else 1.0)
    for k, one in enumerate(series):
        rows = [(e.value, e.low, e.high) if e else (np.nan,) * 3 for e in one.estimates]
        value, low, high = np.array(rows, float).T
        errors = style.error_bars(value, low, high)
        if np.isfinite(value).any():
            at = x + (k - (len(series) - 1) / 2) * width
            axis.errorbar(
                at, value, errors, fmt=one.marker, color=one.colour, ms=3, lw=0.8, label=one.label
            )
        else:
            label_only = f"{one.label}: none"
            axis.plot([], [], ls="", marker=one.marker, color=one.colour, ms=3, label=label_only)
    axis.set_ylabel(label)
    style.window_axis(axis, x, 4 * width)
    style.legend_above(axis, size=6)


def tidy_log_ticks(axes: Iterable[Axes]) -> None:
    """Label whole decades on logarithmic axes that span several, else plain numbers."""
    for axis in axes:
        for side, limits in ((axis.xaxis, axis.get_xlim()), (axis.yaxis, axis.get_ylim())):
            if side.get_scale() != "log":
                continue
            if limits[1] < 20 * limits[0]:
                ticks = (1, 2, 5) if limits[1] > 4 * limits[0] else range(1, 10)
                side.set_major_locator(LogLocator(subs=ticks, numticks=20))
                side.set_major_formatter("{x:g}")
            side.set_minor_formatter(NullFormatter())
