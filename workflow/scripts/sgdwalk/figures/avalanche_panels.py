"""Panels of loss avalanches: how long and how large, what follows, and the moving variance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes

from sgdwalk.figures import style
from sgdwalk.figures.window_panels import Series, shown_windows, start_label
from sgdwalk.geometry.loss_avalanches import Aftermath
from sgdwalk.geometry.window import WindowGeometry

DURATION = "duration $d$ (increments)"
FROM_PEAK = "contour length from the peak (parameter)"
NONE = "no avalanche was looked for"


def _coloured(aftermath: Sequence[Aftermath]) -> Iterator[tuple[Aftermath, np.ndarray]]:
    """Each with its colour; without any, one colour is left over."""
    yield from zip(aftermath, style.colours(len(aftermath)), strict=False)


def draw_loss_after(axis: Axes, window: WindowGeometry) -> None:
    """Loss along the contour from the peaks of the longest avalanches on."""
    if window.avalanches is None:
        style.message(axis, NONE)
        return
    for after, colour in _coloured(window.aftermath):
        step = window.step[after.peak] + 1
        label = f"step {step}, {after.duration} increments"
        axis.plot(after.contour, after.loss, color=colour, lw=0.9, label=label)
    axis.set(xlabel=FROM_PEAK, ylabel="loss")
    axis.set_title(start_label(window), fontsize=7)
    if window.aftermath:
        axis.legend(loc="best", fontsize=5.5)


def draw_increments_after(axis: Axes, window: WindowGeometry) -> None:
    """The same for `|dL|`, beside the threshold of avalanches."""
    if window.avalanches is None:
        style.message(axis, NONE)
        return
    for after, colour in _coloured(window.aftermath):
        axis.plot(after.contour[:-1], after.increment, color=colour, lw=0.9)
    style.null_line(axis, window.avalanches.threshold)
    axis.set(yscale="log", xlabel=FROM_PEAK, ylabel=r"$|dL|$ (loss)")
    axis.set_title(start_label(window), fontsize=7)


def draw_durations(axis: Axes, windows: Sequence[WindowGeometry]) -> None:
    """How many avalanches last at least so long, beside those of the losses in random order."""
    for window, colour in shown_windows(windows):
        found = window.avalanches
        if found is None or not found.duration.size:
            continue
        label = f"{window.start + 1}"
        axis.plot(*_lasting(found.duration), "o-", ms=3, color=colour, label=label)
        axis.plot(*_lasting(found.reordered_duration), color=colour, lw=0.8, ls=":")
    axis.set(yscale="log", xlabel=DURATION, ylabel=r"share that lasts $\geq d$")
    axis.plot([], [], color=style.NULL_COLOUR, ls=":", label="null: random order")
    axis.legend(loc="upper right", title="$t_w$", fontsize=6, title_fontsize=6)


def _lasting(duration: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Durations from 1 on, and the share of avalanches that last at least as long."""
    longest = np.arange(1, duration.max(initial=0) + 1)
    return longest, np.array([(duration >= d).mean() for d in longest])


def draw_sizes(axis: Axes, windows: Sequence[WindowGeometry]) -> None:
    """Size of every avalanche against its duration."""
    for window, colour in shown_windows(windows):
        found = window.avalanches
        if found is not None:
            axis.plot(found.duration, found.size / found.threshold, ".", color=colour, ms=3)
    label = r"size / standard deviation of $|dL|$"
    axis.set(yscale="log", xlabel=DURATION, ylabel=label)


def mean_duration_series(windows: Sequence[WindowGeometry]) -> list[Series]:
    """Mean duration of avalanches by window, beside the null."""
    found = [window.avalanches for window in windows]
    means = [None if a is None else a.mean_duration for a in found]
    nulls = [None if a is None else a.reordered_mean_duration for a in found]
    label = "as trained; bar: null, losses in random order"
    return [Series(label, "o", "C0", means, nulls=nulls)]


def draw_moving_variance(axis: Axes, variance: np.ndarray, window: int) -> None:
    """Variance of the loss in a moving window, at the middle of the window.

    Args:
        axis: where to.
        variance: (n,) variances; entry i is of the losses of steps i + 1 to i + `window`.
        window: steps in the window.
    """
    if not variance.size:
        style.message(axis, f"fewer than {window} steps")
        return
    steps = np.arange(variance.size) + window / 2 + 0.5
    axis.plot(steps, variance, color="C0", lw=0.8)
    axis.set(yscale="log", xlabel="step", ylabel=r"loss variance (loss$^2$)")
    axis.set_title(f"window of {window} steps", fontsize=8)
