"""Panels of the loss surface: planes with contours and in three dimensions, lines, roughness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.font_manager import FontProperties

from sgdwalk.figures import style
from sgdwalk.geometry.loss_roughness import LossRoughness
from sgdwalk.geometry.run import RunGeometry
from sgdwalk.landscape.results import (
    CheckpointRoughness,
    Interpolation,
    Line,
    Plane,
    RunSurfaces,
)

CONTOURS = 14
TRAIN, TEST, ACCURACY = "#1f4e79", "#c8651b", "0.6"
KINDS = {"filter": "filter", "layer": "layer", "raw": "none (raw)"}
LOSSES = {"train_loss": "training loss", "test_loss": "test loss"}
NEAR = 0.15  # of the radius: how far the Hessian's parabola is shown
LENGTHS = r"($|\theta|$)"
WEIGHTS = r"coordinate ($|\theta|$)"

Found = TypeVar("Found", Line, Interpolation, CheckpointRoughness)
T = TypeVar("T")


def last_random_plane(surfaces: RunSurfaces) -> Plane:
    """The random plane through the last of the checkpoints."""
    return next(p for p in reversed(surfaces.planes.values()) if p.kind == "random")


def last_walk_roughness(run: RunGeometry) -> LossRoughness | None:
    """MSL of the last window along the walk, of probe losses if there are any."""
    distance = run.windows[-1].distance if run.windows else None
    return None if distance is None else distance.probe or distance.minibatch


def draw_contours(axis: Axes, plane: Plane, name: str) -> None:
    """A loss on a plane, a key of `LOSSES`, and the path of the walk if the plane has one."""
    if _said_missing(axis, plane):
        return
    x, y, found = _there(plane.x), _there(plane.y), _there(plane.values).arrays
    if name not in found:
        style.message(axis, "no test samples")
        return
    values = np.ma.masked_invalid(found[name])
    norm, levels = _scale(values.compressed())
    filled = axis.contourf(x, y, values, levels, norm=norm, cmap=style.SEQUENCE)
    axis.contour(x, y, values, levels, colors="w", linewidths=0.3, alpha=0.7)
    bar = axis.figure.colorbar(filled, ax=axis, pad=0.02, aspect=25, label=LOSSES[name])
    ticks = levels[:: CONTOURS // 4].tolist()
    bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
    bar.ax.minorticks_off()
    first, second = _axis_labels(plane)
    axis.set(xlabel=first, ylabel=second)
    if plane.path is None:
        axis.plot(0, 0, "+", color="w", ms=6)
        return
    axis.plot(*plane.path.T, "o-", color="w", mec="k", mew=0.5, ms=3.5, lw=1)
    for i in {0, len(plane.path) - 1}:
        right = plane.path[i, 0] > x.mean()
        axis.annotate(
            f"step {_there(plane.path_step)[i]}",
            plane.path[i],
            xytext=(-3 if right else 4, 4),
            textcoords="offset points",
            ha="right" if right else "left",
            color="w",
            fontsize=6.5,
        )


def draw_relief(axis: Axes, plane: Plane, title: str) -> None:
    """Training loss in three dimensions, logarithmic heights where losses span a decade.

    The axis is replaced by one that has a third dimension.
    """
    if _said_missing(axis, plane):
        return
    relief = _in_three_dimensions(axis)
    values, x, y = _there(plane.values).train_loss, _there(plane.x), _there(plane.y)
    logarithmic = isinstance(_scale(values)[0], LogNorm)
    heights = np.log10(values) if logarithmic else values
    heights = np.where(np.isfinite(heights), heights, np.nan)
    look: style.Look = {"cmap": style.SEQUENCE, "lw": 0.15, "edgecolor": "w", "alpha": 0.9}
    relief.plot_surface(*np.meshgrid(x, y), heights, rcount=60, ccount=60, **look)
    if plane.path is not None:
        z = [heights[_nearest(y, py), _nearest(x, px)] for px, py in plane.path]
        relief.plot(*plane.path.T, z, "o-", color="r", ms=2.5, lw=1, zorder=10)
    relief.view_init(elev=38, azim=-125)
    relief.tick_params(labelsize=5.5, pad=-3)
    relief.set_zlabel(r"$\log_{10}$ loss" if logarithmic else "loss", fontsize=6.5, labelpad=-8)
    relief.text2D(0.5, 0.97, title, transform=relief.transAxes, ha="center", fontsize=7)
    relief.set_box_aspect(None, zoom=1.15)
    relief.set_in_layout(False)


def draw_random_lines(axis: Axes, lines: Sequence[Line]) -> None:
    """Training and test loss along random directions by their normalisation."""
    lowest = np.inf
    for line, colour in zip(lines, style.colours(len(lines)), strict=True):
        x, values = _there(line.coordinate), _there(line.values)
        lowest = min(lowest, values.train_loss.min())
        axis.plot(x, values.train_loss, color=colour, label=KINDS[line.kind])
        if values.test_loss is not None:
            axis.plot(x, values.test_loss, color=colour, lw=0.8, ls="--")
    axis.plot([], [], color="k", lw=0.8, ls="--", label="test")
    axis.set(xlabel=WEIGHTS, ylabel="loss")
    if lowest > 0:
        axis.set_yscale("log")
    style.legend_out_of_layout(axis, "upper center")


def draw_line_curvature(axis: Axes, lines: Sequence[Line]) -> None:
    """Training loss along the same lines near the checkpoint, and the Hessian's parabola."""
    for line, colour in zip(lines, style.colours(len(lines)), strict=True):
        x, loss = _there(line.coordinate), _there(line.values).train_loss
        slope, curvature = _there(line.predicted_slope), _there(line.predicted_curvature)
        reach = max(NEAR * x[-1], 2.01 * np.diff(x)[0])  # two points a side at least
        near = np.abs(x) <= reach
        label = f"{KINDS[line.kind]}: {line.curvature:.2g} ({curvature:.2g})"
        axis.plot(x[near], loss[near], "o", ms=3, color=colour, label=label)
        t = np.linspace(-reach, reach, 101)
        parabola = loss[len(x) // 2] + slope * t + curvature * t**2 / 2
        axis.plot(t, parabola, color=colour, lw=0.9)
    axis.set(xlabel=WEIGHTS, ylabel="training loss")
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.5 * (high - low))
    legend = style.legend_out_of_layout(axis, "upper center")
    legend.set_title("second derivative: fitted (Hessian)", FontProperties(size=6.5))


def draw_interpolations(axis: Axes, lines: Sequence[Interpolation], run: str) -> None:
    """Losses and test accuracy between two checkpoints, of one run or of two.

    Args:
        axis: where to; gets a second ordinate.
        lines: between them.
        run: name of the run at coordinate 0.
    """
    twin = axis.twinx()
    styles = ("-", "--", ":", "-.")
    for number, line in enumerate(lines):
        x, values = _there(line.coordinate), _there(line.values)
        dashes = styles[number % len(styles)]
        other = "" if line.stop_run == run else ", other run"
        label = f"step {line.step} to {line.stop_step}{other}"
        axis.plot(x, values.train_loss, color=TRAIN, ls=dashes, label=label)
        if values.test_loss is not None and values.test_accuracy is not None:
            axis.plot(x, values.test_loss, color=TEST, ls=dashes)
            twin.plot(x, values.test_accuracy, color=ACCURACY, ls=dashes, lw=0.8)
    axis.plot([], [], color=TEST, label="test loss")
    axis.plot([], [], color=ACCURACY, label="test accuracy")
    twin.set_ylabel("accuracy")
    axis.set(xlabel=r"coordinate $\alpha$ between the two", ylabel="loss", ylim=(0, None))
    axis.set_ylim(0, 1.7 * axis.get_ylim()[1])
    twin.set_ylim(0, 1.7)
    twin.set_yticks(np.linspace(0, 1, 6))
    style.legend_out_of_layout(axis, "upper left")


def draw_line_roughness(
    axis: Axes, found: CheckpointRoughness, walk: LossRoughness | None = None
) -> None:
    """MSL along fine lines, isotropic and to the neighbour, beside that along the walk.

    Args:
        axis: where to.
        found: lines through one checkpoint.
        walk: MSL along the walk thereabouts, or None.
    """
    sets = (
        ("isotropic lines", _there(_there(found.random).roughness), "o", TRAIN),
        ("line to neighbour", _there(_there(found.chord).roughness), "s", TEST),
    )
    for label, curve, marker, colour in sets:
        fit = curve.power_law
        number = f"$H$ = {curve.hurst.value:.2f}" if curve.hurst.defined else "no $H$"
        # Open where rounding of the losses counts, and so all where there is no fit.
        used = curve.separation >= fit.fit_low * (1 - 1e-9)
        said = f"{label}: {number}"
        axis.plot(curve.separation[used], curve.msl[used], marker, ms=3, color=colour, label=said)
        open_ones: style.Look = {"ms": 3, "color": colour, "mfc": "none"}
        axis.plot(curve.separation[~used], curve.msl[~used], marker, **open_ones)
        ends = np.array([fit.fit_low, fit.fit_high])
        axis.plot(ends, fit(ends), color=colour, lw=0.8)
    if walk is not None:
        above = (walk.msl > 0) & ~walk.upper_limit
        said = f"walk, last window: $H$ = {walk.hurst.value:.2f}"
        axis.plot(walk.separation[above], walk.msl[above], "^", ms=3, color="0.4", label=said)
        axis.plot(walk.separation[~above], walk.msl_upper[~above], "v", ms=2.5, color="0.8")
    curve = sets[0][1]
    style.guide(axis, 2, curve.separation[[0, -1]], 4 * curve.msl[0], "$H$ = 1")
    axis.set(xscale="log", yscale="log", xlabel="distance (parameter)", ylabel="MSL")
    style.make_headroom(axis, 0.4)
    style.legend_out_of_layout(axis, "upper left")


def draw_or_say(
    axis: Axes, found: Sequence[Found], draw: Callable[[Axes, list[Found]], None]
) -> None:
    """Draw what there is of some results, or say why there is nothing."""
    present = [one for one in found if not one.missing]
    if present:
        draw(axis, present)
    else:
        style.message(axis, _why(found[0].missing) if found else "none was asked for")


def _why(missing: Mapping[str, str]) -> str:
    return next(iter(missing.values()))


def _there(part: T | None) -> T:
    """A part of a result of which nothing is missing."""
    assert part is not None
    return part


def _said_missing(axis: Axes, plane: Plane) -> bool:
    """Whether a plane has nothing to show; the axis then says why."""
    if plane.missing:
        style.message(axis, _why(plane.missing))
        return True
    if not np.isfinite(_there(plane.values).train_loss).any():
        style.message(axis, "no loss is finite")
        return True
    return False


def _scale(values: np.ndarray) -> tuple[Normalize, np.ndarray]:
    """Norm and levels of finite losses; logarithmic where they span a decade."""
    found = values[np.isfinite(values)]
    low, high = float(found.min()), float(found.max())
    if low > 0 and high > 10 * low:
        return LogNorm(low, high), np.geomspace(low, high, CONTOURS)
    high = high if high > low else low + 1e-9
    return Normalize(low, high), np.linspace(low, high, CONTOURS)


def _axis_labels(plane: Plane) -> tuple[str, str]:
    """What the coordinates of a plane are."""
    if plane.kind == "random":
        return rf"first direction {LENGTHS}", rf"second direction {LENGTHS}"
    found, null = _there(plane.explained_variance), _there(plane.explained_null)
    first, second = (
        f"PC {k + 1} ({100 * found[k]:.1f} %; random walk {100 * null[k]:.0f} %)" for k in (0, 1)
    )
    return first, second


def _in_three_dimensions(axis: Axes) -> Any:
    """Put an axis with three dimensions and the same letter in the place of another."""
    figure, place, letter = axis.figure, axis.get_subplotspec(), axis.get_title(loc="left")
    axis.remove()
    new = figure.add_subplot(place, projection="3d")
    new.set_title(letter, loc="left", fontweight="bold")
    return new


def _nearest(axis: np.ndarray, value: float) -> int:
    """Index of the grid line nearest to a value."""
    return int(np.abs(axis - value).argmin())
