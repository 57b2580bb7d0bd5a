"""Panels of diffusion: MSD with its nulls, local exponents, and the exponents of regimes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from sgdwalk.diffusion.window import WindowDiffusion
from sgdwalk.figures import style
from sgdwalk.figures.window_panels import (
    Series,
    first_middle_last,
    first_steps,
    shown_windows,
    start_label,
)

MSD = r"MSD($\tau$) (parameter$^2$)"
# By exponent: marker, colour, and what legends call it.
REGIMES = {
    "exponent_short": ("o", "C0", "first regime"),
    "exponent_max": ("s", "C1", "steepest"),
    "exponent_long": ("^", "C2", "last"),
}


def draw_msd_with_nulls(axis: Axes, windows: Sequence[WindowDiffusion]) -> None:
    """MSD of the first, middle and last window, beside both nulls: random order, no drift."""
    for window, colour in shown_windows(windows):
        axis.plot(window.lags, window.msd, color=colour, label=start_label(window))
        axis.plot(window.lags, window.shuffled_mean, color=colour, lw=0.8, ls=":")
        band = (window.shuffled_low, window.shuffled_high)
        axis.fill_between(window.lags, *band, color=colour, alpha=0.2, lw=0)
        axis.plot(window.drift_lags, window.drift_removed, color=colour, lw=0.8, ls="--")
    axis.set(xscale="log", yscale="log", xlabel=style.LAG, ylabel=MSD)
    axis.plot([], [], color=style.NULL_COLOUR, ls=":", label="null: steps in random order")
    axis.plot([], [], color=style.NULL_COLOUR, ls="--", label="null: mean drift removed")


def draw_every_msd(
    axis: Axes,
    windows: Sequence[WindowDiffusion],
    *,
    shuffled: bool = False,
    limits: tuple[float, float] | None = None,
    width: float | None = None,
) -> None:
    """MSD of every window, coloured by its start.

    Args:
        axis: where to.
        windows: at least one.
        shuffled: whether the same steps in random order are drawn too, dotted.
        limits: of the ordinate, where it is shared with other panels.
        width: of the lines, in points; None for the usual.
    """
    for window, colour in zip(windows, style.colours(len(windows)), strict=True):
        axis.plot(window.lags, window.msd, color=colour, lw=width)
        if shuffled:
            axis.plot(window.lags, window.shuffled_mean, color=colour, lw=0.7, ls=":")
    axis.set(xscale="log", yscale="log", xlabel=style.LAG, ylabel=MSD)
    if limits is not None:
        axis.set_ylim(limits)
    style.colour_bar(axis, first_steps(windows), "$t_w$")


def msd_limits(windows: Sequence[WindowDiffusion]) -> tuple[float, float]:
    """Ends of an ordinate that holds the MSD of all these windows."""
    found = np.concatenate([window.msd for window in windows]) if windows else np.ones(1)
    return float(found.min() / 2), float(found.max() * 2)


def draw_local_exponent(axis: Axes, windows: Sequence[WindowDiffusion]) -> None:
    """Local exponent of every window; the first, middle and last one bold."""
    bold = first_middle_last(len(windows))
    for i, colour in enumerate(style.colours(len(windows))):
        look: style.Look = {"lw": 1.6, "alpha": 1} if i in bold else {"lw": 0.7, "alpha": 0.6}
        _draw_local(axis, windows[i], color=colour, **look)
    _label_local(axis)


def draw_local_by_stride(
    axis: Axes, short: Sequence[WindowDiffusion], long: Sequence[WindowDiffusion]
) -> None:
    """Local exponents of windows that hold every step, and of those of a longer stride (dashed)."""
    for colour, window in zip(style.colours(len(short)), short, strict=True):
        _draw_local(axis, window, color=colour)
    for window in long:
        _draw_local(axis, window, color="tab:red", ls="--")
    axis.plot([], [], color=style.NULL_COLOUR, label="every step")
    if long:
        label = f"every {long[0].stride} steps"
        axis.plot([], [], color="tab:red", ls="--", label=label)
    _label_local(axis)
    axis.legend(loc="best")


def draw_displacement_from_start(axis: Axes, windows: Sequence[WindowDiffusion]) -> None:
    """Squared distance from the first position of the first, middle and last window."""
    for window, colour in shown_windows(windows):
        axis.plot(window.lags, window.squared_displacement, color=colour)
    label = r"$|x_{t_w+\tau} - x_{t_w}|^2$ (parameter$^2$)"
    axis.set(xscale="log", yscale="log", xlabel=style.LAG, ylabel=label)


def regime_exponent_series(windows: Sequence[WindowDiffusion]) -> list[Series]:
    """Exponents of the first, the steepest and the last regime by window."""
    return [
        Series(label, marker, colour, [getattr(window, name) for window in windows])
        for name, (marker, colour, label) in REGIMES.items()
    ]


def _draw_local(axis: Axes, window: WindowDiffusion, **look: Any) -> None:
    axis.plot(window.local_lags, window.local_exponent, **look)


def _label_local(axis: Axes) -> None:
    style.null_line(axis, 1)
    axis.set(xscale="log", xlabel=style.LAG, ylabel=r"local exponent $\beta(\tau)$")
