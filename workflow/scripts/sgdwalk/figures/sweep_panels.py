"""Panels of sweeps: exponents over depth, batch size and learning rate beside published ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from sgdwalk.diffusion.published import Published
from sgdwalk.diffusion.ragged import WARNED_ABOVE
from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.diffusion.sweep_points import SweepPoint
from sgdwalk.figures import style
from sgdwalk.recording.trajectory import Trajectory

RESULTS = {
    "exponent_max": "steepest exponent, first window",
    "exponent_long": "last exponent, last window",
    "crossover_lag": "crossover lag (steps), last window",
}
ACROSS = {"depth": "depth (layers)", "batch_size": "batch size"}
# By exponent: marker, colour, and what the legend calls it.
BY_RATE = {
    "exponent_max": ("o", "C0", "steepest, first window"),
    "exponent_long": ("^", "C1", "last regime, last window"),
}
MOST = 12  # learning rates with a panel of their own
SPREAD = 0.035  # of neighbouring colours along the logarithmic axis, so that intervals stay apart


def place_in_sweep(point: SweepPoint | Published) -> dict[str, Any]:
    """Depth, batch size and shortcuts of our point or of a published one."""
    if isinstance(point, Published):
        found = (point.depth, point.batch_size, point.shortcut)
    else:
        model = point.settings["model"]
        depth = int(re.findall(r"^resnet(\d+)", model)[0])
        found = (depth, point.settings["batch_size"], not model.endswith("_noshort"))
    return dict(zip(("depth", "batch_size", "shortcut"), found, strict=True))


def rate_of(point: SweepPoint) -> float:
    """Learning rate of a point."""
    return float(point.settings["learning_rate"])


def spread_over(rates: Sequence[float]) -> list[float]:
    """At most `MOST` of these learning rates, evenly, the first and the last among them."""
    chosen = np.linspace(0, len(rates) - 1, min(len(rates), MOST)).round().astype(int)
    return [rates[i] for i in chosen]


def colours_by(points: Sequence[SweepPoint | Published], key: str) -> dict[int, np.ndarray]:
    """A colour for each value of a key of `ACROSS`, in order."""
    values = sorted({place_in_sweep(point)[key] for point in points})
    return dict(zip(values, style.colours(len(values)), strict=True))


def ragged_runs(runs: Iterable[RunDiffusion]) -> str | None:
    """How many runs owe more to ragged batches than a detail, see `RunDiffusion.warnings`."""
    warned = [bool(run.warnings) for run in runs]
    if not any(warned):
        return None
    return (
        f"{sum(warned)} of {len(warned)} runs: ragged last batches of epochs are more than "
        f"{100 * WARNED_ABOVE:.0f} % of the squared gradient of a window"
    )


def draw_across(
    axis: Axes,
    name: str,
    across: str,
    by: str,
    points: Sequence[SweepPoint],
    published: Sequence[Published],
) -> None:
    """One result across depth or batch size, with 95 % intervals; hollow, what was published.

    Args:
        axis: where to.
        name: a key of `RESULTS`.
        across: a key of `ACROSS`, the abscissa.
        by: the other one, told by colours.
        points: ours.
        published: the paper's.
    """
    everything: list[SweepPoint | Published] = [*points, *published]
    colours = colours_by(everything, by)
    for number, (value, colour) in enumerate(colours.items()):
        shift = np.exp(SPREAD * (number - (len(colours) - 1) / 2))
        ours = [p for p in _in_order(points, across) if place_in_sweep(p)[by] == value]
        x = shift * np.array([place_in_sweep(p)[across] for p in ours], float)
        _draw_points(axis, x, ours, name, colour, others={"ms": 4}, fmt="o-")
        theirs = [p for p in _in_order(published, across) if place_in_sweep(p)[by] == value]
        theirs = [p for p in theirs if name in p.values]
        x = shift * np.array([place_in_sweep(p)[across] for p in theirs], float)
        y = [p.values[name] for p in theirs]
        axis.plot(x, y, "s:", ms=4, lw=0.7, mfc="none", color=colour)
    ticks = sorted({place_in_sweep(p)[across] for p in everything})
    axis.set(xscale="log", xlabel=ACROSS[across], ylabel=RESULTS[name])
    axis.set_xlim(ticks[0] / 1.25, ticks[-1] * 1.25)
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    if name == "crossover_lag":
        axis.set_yscale("log")
    else:
        style.null_line(axis, 1)


def label_colours(axis: Axes, colours: Mapping[int, np.ndarray], by: str) -> None:
    """A legend beside an axis of what colours stand for, see `colours_by`."""
    for value, colour in colours.items():
        axis.plot([], [], "o-", ms=4, color=colour, label=f"{ACROSS[by].split()[0]} {value}")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def label_sources(axis: Axes) -> None:
    """Labels, for the figure's legend, of what is ours and what was published."""
    axis.errorbar([], [], [], fmt="o-", ms=4, color="k", label="this study, 95 % interval")
    axis.plot([], [], "_", color="k", alpha=0.35, label="its other windows")
    axis.plot([], [], color="k", label="none: too wide, or one regime", **style.CROSS)
    axis.plot([], [], "s:", ms=4, lw=0.7, mfc="none", color="k", label="published, CIFAR-10")


def draw_exponents_by_rate(
    axis: Axes, points: Sequence[SweepPoint], published: Sequence[Published]
) -> None:
    """Exponents against learning rate, with 95 % intervals; hollow, what was published.

    Args:
        axis: where to.
        points: ours, by learning rate.
        published: the paper's.
    """
    rates = np.array([rate_of(point) for point in points])
    for name, (marker, colour, label) in BY_RATE.items():
        _draw_points(axis, rates, points, name, colour, fmt=f"{marker}-", label=label)
        x, y = [p.learning_rate for p in published], [p.values[name] for p in published]
        look: style.Look = {"color": style.PUBLISHED_COLOUR, "mfc": "none", "ms": 4, "lw": 0.7}
        axis.plot(x, y, f"{marker}:", label=f"published: {label.split(',')[0]}", **look)
    for point in points:
        if point.seeds == 0:
            foot = axis.get_xaxis_transform()
            axis.plot(rate_of(point), 0.02, "x", color="k", transform=foot)
            at = (rate_of(point), 0.05)
            axis.annotate("diverged", at, rotation=90, ha="center", xycoords=foot)
    axis.plot([], [], color="k", label="no exponent: interval wider than 1", **style.CROSS)
    style.null_line(axis, 1)
    axis.set(xscale="log", xlabel=r"learning rate $\eta$", ylabel="exponent, 95 % interval")


def draw_training_losses(axis: Axes, runs: Mapping[float, Trajectory]) -> None:
    """Training loss of one run per learning rate; dotted, where it diverged.

    Args:
        axis: where to.
        runs: by learning rate.
    """
    for (rate, trajectory), colour in zip(runs.items(), style.colours(len(runs)), strict=True):
        epochs, label = trajectory.epochs, rf"$\eta$ = {rate:g}"
        axis.plot(epochs["step"], epochs["train_loss"], color=colour, label=label)
        if trajectory.diverged_at is not None:
            axis.axvline(trajectory.diverged_at, color=colour, lw=0.7, ls=":")
    axis.set(yscale="log", xlabel="steps", ylabel="training loss, mean of an epoch")
    style.make_headroom(axis, 0.3)
    axis.legend(loc="upper right", ncols=2, columnspacing=1)


def _in_order(points: Sequence[Any], across: str) -> list[Any]:
    return sorted(points, key=lambda point: place_in_sweep(point)[across])


def _draw_points(
    axis: Axes,
    x: np.ndarray,
    points: Sequence[SweepPoint],
    name: str,
    colour: str | np.ndarray,
    others: Mapping[str, Any] | None = None,
    **look: Any,
) -> None:
    """A result of sweep points with its interval, and pale, the same of all other windows.

    A cross at the foot stands for a point whose runs have windows and not this number.
    """
    for at, point in zip(x, points, strict=True):
        found = point.others[name]
        pale: style.Look = {"color": colour, "alpha": 0.35, **(others or {})}
        axis.plot(np.full(len(found), at), found, "_", **pale)
    if points:
        values = [point.values[name] for point in points]
        style.interval_bars(axis, x, values, ms=4, lw=0.9, color=colour, **look)
    for at, point in zip(x, points, strict=True):
        if point.seeds and not point.values[name].defined:
            style.foot_cross(axis, at, colour)
