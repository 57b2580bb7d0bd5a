"""Panels of walks beside each other: their MSD, local exponents, and exponents with nulls."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.diffusion.window import WindowDiffusion
from sgdwalk.figures import style

_LETTERS = 16  # of a name below an axis
_SPREAD = 0.3  # of the regimes of a walk about its place on the axis


def with_longest_lags(run: RunDiffusion) -> WindowDiffusion | None:
    """The window with the longest lags, the last of equally long ones; the whole run if it is.

    Of unequal steps only where there are no equal ones: its lags are of different times.
    """
    windows = list(run.windows) if run.whole is None else [*run.windows, run.whole.window]
    equal = [window for window in windows if window.stride is not None]
    return max(reversed(equal or windows), key=lambda window: window.lags[-1], default=None)


def draw_msd_of_walks(axis: Axes, walks: Mapping[str, WindowDiffusion]) -> None:
    """MSD of one window of each walk, by its own MSD at the shortest lag."""
    for (name, window), colour in zip(walks.items(), style.colours(len(walks)), strict=True):
        marker = "." if window.lags.size < 60 else ""
        axis.plot(window.lags, window.msd / window.msd[0], color=colour, marker=marker, label=name)
    axis.set(xscale="log", yscale="log", xlabel=style.LAG, ylabel="MSD over its first value")


def draw_local_exponents_of_walks(axis: Axes, walks: Mapping[str, WindowDiffusion]) -> None:
    """Local exponent of each walk against lag."""
    for window, colour in zip(walks.values(), style.colours(len(walks)), strict=True):
        axis.plot(window.local_lags, window.local_exponent, color=colour)
    style.null_line(axis, 1)
    axis.set(xscale="log", xlabel=style.LAG, ylabel="local exponent")


def draw_exponents_of_walks(axis: Axes, walks: Mapping[str, WindowDiffusion]) -> None:
    """Exponent of every regime of each walk, with its interval and what random signs give."""
    for place, (window, colour) in enumerate(
        zip(walks.values(), style.colours(len(walks)), strict=True)
    ):
        count = len(window.regimes)
        for i, exponent in enumerate(window.exponents):
            x = place + _SPREAD * (i - (count - 1) / 2)
            if not exponent.defined:
                style.foot_cross(axis, x, colour)
                continue
            null = window.signs.exponents[i]
            axis.plot([x, x], [null.low, null.high], **style.NULL_BAR)
            style.interval_bars(axis, [x], [exponent], color=colour, marker="o", ms=3)
    style.null_line(axis, 1)
    names = [style.shortened(name, _LETTERS) for name in walks]
    axis.set_xticks(np.arange(len(walks)), names, rotation=20, ha="right")
    axis.set_xlim(-0.6, len(walks) - 0.4)
    axis.set_ylabel("exponents, 95 %")
