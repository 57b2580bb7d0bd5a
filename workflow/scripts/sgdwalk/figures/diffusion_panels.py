"""Panels of diffusion: MSD with its nulls, local exponents, and the exponents of regimes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from sgdwalk.diffusion.ragged import is_much
from sgdwalk.diffusion.regimes import Segment
from sgdwalk.diffusion.whole_run import WholeRun
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
_NORMAL_95 = 1.96
# Of the line of a regime, by whether it bends.
_REGIME_LINE: dict[bool, style.Look] = {
    False: {"color": "k", "lw": 0.9},
    True: {"color": "k", "lw": 0.9, "ls": (0, (3, 1.5))},
}
_LONGER: style.Look = {"color": "tab:red", "lw": 0.9, "ls": "--"}
# Bins of lags of which each is of other times: no curve.
_UNEQUAL: style.Look = {"color": "tab:red", "ls": "", "marker": ".", "ms": 3}
_WHOLE: style.Look = {"color": "tab:red", "lw": 1.4}


def draw_msd_with_regimes(axis: Axes, windows: Sequence[WindowDiffusion]) -> None:
    """MSD of the first, middle and last window, and the line of each regime over its lags.

    Regimes without an exponent, see `WindowDiffusion.exponents`, have no line.
    """
    for window, colour in shown_windows(windows):
        axis.plot(window.lags, window.msd, color=colour, lw=3, alpha=0.4, label=start_label(window))
        for segment, exponent in zip(window.regimes, window.exponents, strict=True):
            if exponent.defined:
                axis.plot(*_line(window, segment), **_REGIME_LINE[segment.bends])
    _label_msd(axis)
    axis.legend(loc="best")


def draw_msd_with_nulls(axis: Axes, windows: Sequence[WindowDiffusion]) -> None:
    """MSD of the last window beside its nulls: random signs, random order, no drift."""
    window, colour = shown_windows(windows)[-1]
    axis.plot(window.lags, window.msd, color=colour, label="as walked")
    for null, look, label in (
        (window.signs, style.NULL_COLOUR, "random signs"),
        (window.signs_about_drift, "tab:orange", "about the mean"),
    ):
        if null is not None:
            label = f"{label}, p = {null.p_value:.2g}"
            axis.plot(window.fit_lags, null.mean, color=look, lw=0.8, label=label)
            axis.fill_between(window.fit_lags, null.low, null.high, color=look, alpha=0.25, lw=0)
    if window.shuffled_mean is not None:
        look_random: style.Look = {"color": "tab:red", "lw": 0.8, "ls": ":"}
        axis.plot(window.lags, window.shuffled_mean, label="random order", **look_random)
    look_bridge: style.Look = {"color": colour, "lw": 0.8, "ls": "--"}
    axis.plot(window.drift_lags, window.drift_removed, label="drift removed", **look_bridge)
    _label_msd(axis)
    axis.set_title(start_label(window), fontsize=7)
    style.make_headroom(axis, 0.25)
    axis.legend(loc="upper left")


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
        if shuffled and window.shuffled_mean is not None:
            axis.plot(window.lags, window.shuffled_mean, color=colour, lw=0.7, ls=":")
    _label_msd(axis)
    if limits is not None:
        axis.set_ylim(limits)
    style.colour_bar(axis, first_steps(windows), "$t_w$")


def draw_longer_lags(
    axis: Axes, windows: Sequence[WindowDiffusion], whole: WholeRun | None
) -> None:
    """MSD of windows that do not hold every step, and of the whole run, into a panel of others."""
    for i, window in enumerate(windows):
        look = _LONGER if window.stride is not None else _UNEQUAL
        axis.plot(window.lags, window.msd, label=None if i else "other windows", **look)
    if whole is not None:
        axis.plot(whole.lags, whole.msd, label="whole run, from its sketch", **_WHOLE)


def draw_whole_run(axis: Axes, whole: WholeRun) -> None:
    """MSD of a whole run at all lags, its error by the sketch, and exponents of its regimes."""
    window = whole.window
    axis.plot(whole.lags, whole.msd, label="whole run", **_WHOLE)
    msd = whole.msd[np.searchsorted(whole.lags, whole.error_lags)]
    low, high = (msd * np.exp(sign * _NORMAL_95 * whole.sketch_error) for sign in (-1, 1))
    label = f"error of the sketch, k = {whole.numbers}"
    axis.fill_between(
        whole.error_lags, low, high, color=_WHOLE["color"], alpha=0.25, lw=0, label=label
    )
    for segment, exponent in zip(window.regimes, window.exponents, strict=True):
        if exponent.defined:
            lags, line = _line(window, segment)
            axis.plot(lags, line, **_REGIME_LINE[segment.bends])
            middle = np.exp(np.log(lags).mean()), np.exp(np.log(line).mean())
            said, above = f"{exponent.value:.2f}", (-4, 3)  # points to the left, and up
            axis.annotate(
                said, middle, above, textcoords="offset points", ha="right", va="bottom", fontsize=7
            )
    null = window.signs
    axis.fill_between(
        window.fit_lags, null.low, null.high, color=style.NULL_COLOUR, alpha=0.25, lw=0
    )
    axis.plot(window.fit_lags, null.mean, color=style.NULL_COLOUR, lw=0.8, label="random signs")
    _label_msd(axis)
    style.make_headroom(axis, 0.1)
    axis.legend(loc="upper left")


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


def draw_local_beside(
    axis: Axes,
    short: Sequence[WindowDiffusion],
    long: Sequence[WindowDiffusion],
    whole: WholeRun | None,
) -> None:
    """Local exponents of windows that hold every step, of others (dashed), and of the whole run."""
    for colour, window in zip(style.colours(len(short)), short, strict=True):
        _draw_local(axis, window, color=colour)
    axis.plot([], [], color=style.NULL_COLOUR, label="every step")
    for i, window in enumerate(long):
        label = None if i else f"every {window.stride} steps"
        _draw_local(axis, window, label=label, **_LONGER)
    if whole is not None:
        axis.plot(whole.local_lags, whole.local_exponent, label="whole run", **_WHOLE)
    _label_local(axis)
    axis.legend(loc="best")


def draw_displacement_from_start(axis: Axes, windows: Sequence[WindowDiffusion]) -> None:
    """Squared distance from the first position of the first, middle and last window."""
    for window, colour in shown_windows(windows):
        axis.plot(window.elapsed, window.squared_displacement, color=colour)
    label = r"$|x_{t_w+\tau} - x_{t_w}|^2$ (parameter$^2$)"
    axis.set(xscale="log", yscale="log", xlabel=style.LAG, ylabel=label)


def regime_exponent_series(windows: Sequence[WindowDiffusion]) -> list[Series]:
    """Exponents of the first, the steepest and the last regime by window.

    A mark is open where the regime bends, a bar behind it is its null of random signs, a dash
    at the exponent of the fit to shorter lags, and a cross says that there is none.
    """
    found = []
    for name, (marker, colour, label) in REGIMES.items():
        estimates = [getattr(window, name) for window in windows]
        regimes = [window.regime_of(name) for window in windows]
        both = list(zip(windows, regimes, strict=True))
        found.append(
            Series(
                label,
                marker,
                colour,
                estimates,
                hollow=[i is not None and window.regimes[i].bends for window, i in both],
                crossed=[not estimate.defined for estimate in estimates],
                nulls=[None if i is None else window.signs.exponents[i] for window, i in both],
                others=[getattr(window.quarter, name, None) for window in windows],
            )
        )
    return found


def label_regimes(axis: Axes) -> None:
    """Labels, for the figure's legend, of how regimes and their exponents are drawn."""
    for bends, fill, label in ((False, "k", "regime"), (True, "white", "bends: mean slope")):
        axis.plot([], [], marker="o", ms=3, mfc=fill, label=label, **_REGIME_LINE[bends])
    axis.plot([], [], label="random signs, 95 %", **style.NULL_BAR)
    axis.plot([], [], color="k", label="fit to T/4", **style.DASH)
    axis.plot([], [], color="k", label="no exponent: interval wider than 1", **style.CROSS)


def ragged_note(windows: Sequence[WindowDiffusion]) -> str | None:
    """Warning of a figure whose windows owe more to ragged batches than a detail, if any does."""
    shares = [share for w in windows if (share := w.ragged_share) is not None and is_much(share)]
    if not shares:
        return None
    return (
        f"{len(shares)} of {len(windows)} windows: ragged last batches of epochs are up to "
        f"{100 * max(shares):.0f} % of the squared gradient"
    )


def _line(window: WindowDiffusion, segment: Segment) -> tuple[np.ndarray, np.ndarray]:
    """Lags (2,) of a regime's ends, and its least-squares line (2,) at them."""
    lags = window.fit_lags
    lags = lags[(lags >= segment.first_lag) & (lags <= segment.last_lag)]
    msd = window.msd[np.searchsorted(window.lags, lags)]
    ends = np.array([segment.first_lag, segment.last_lag])
    offset = np.log(ends) - np.log(lags).mean()
    return ends, np.exp(np.log(msd).mean() + segment.exponent.value * offset)


def _label_msd(axis: Axes) -> None:
    axis.set(xscale="log", yscale="log", xlabel=style.LAG, ylabel=MSD)


def _draw_local(axis: Axes, window: WindowDiffusion, **look: Any) -> None:
    axis.plot(window.local_lags, window.local_exponent, **look)


def _label_local(axis: Axes) -> None:
    style.null_line(axis, 1)
    axis.set(xscale="log", xlabel=style.LAG, ylabel=r"local exponent $\beta(\tau)$")
