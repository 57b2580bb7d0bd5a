"""Figure S3: exponents and crossover lag against depth and against batch size."""

import re

import numpy as np
from matplotlib.axes import Axes

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.diffusion.published import Published, published_exponents
from sgdwalk.diffusion.sweep_points import SweepPoint, sweep_points
from sgdwalk.figures import style

LABELS = {
    "exponent_max": "steepest exponent, first window",
    "exponent_long": "last exponent, last window",
    "crossover_lag": "crossover lag (steps), last window",
}
AXES = {"depth": "depth (layers)", "batch_size": "batch size"}
SPREAD = 0.035  # of neighbouring colours along the logarithmic axis, so that intervals stay apart


def place(point: SweepPoint | Published) -> dict:
    """Depth, batch size and shortcuts of our point or of a published one."""
    if isinstance(point, Published):
        found = (point.depth, point.batch_size, point.shortcut)
    else:
        model = point.settings["model"]
        depth = int(re.match(r"resnet(\d+)", model)[1])
        found = (depth, point.settings["batch_size"], not model.endswith("_noshort"))
    return dict(zip(("depth", "batch_size", "shortcut"), found, strict=True))


def draw(axis: Axes, name: str, across: str, by: str, points, published, colours) -> None:
    centre = (len(colours) - 1) / 2
    for number, (value, colour) in enumerate(colours.items()):
        shift = np.exp(SPREAD * (number - centre))
        ours = sorted((p for p in points if place(p)[by] == value), key=lambda p: place(p)[across])
        x = shift * np.array([place(p)[across] for p in ours], float)
        for at, point in zip(x, ours, strict=True):
            others = point.others[name]
            axis.plot(np.full(len(others), at), others, "_", color=colour, ms=4, alpha=0.35)
        if ours:
            middle, low, high = np.array([p.values[name] for p in ours]).T
            errors = style.error_bars(middle, low, high)
            axis.errorbar(x, middle, errors, fmt="o-", ms=4, lw=0.9, color=colour)
        theirs = [p for p in published if place(p)[by] == value and name in p.values]
        theirs = sorted(theirs, key=lambda p: place(p)[across])
        x = shift * np.array([place(p)[across] for p in theirs], float)
        y = [p.values[name] for p in theirs]
        axis.plot(x, y, "s:", ms=4, lw=0.7, mfc="none", color=colour)
    ticks = sorted({place(p)[across] for p in [*points, *published]})
    axis.set(xscale="log", xlabel=AXES[across], ylabel=LABELS[name])
    axis.set_xlim(ticks[0] / 1.25, ticks[-1] * 1.25)
    axis.set_xticks(ticks, ticks)
    axis.minorticks_off()
    if name == "crossover_lag":
        axis.set_yscale("log")
    else:
        axis.axhline(1, color=style.NULL_COLOUR, lw=0.7, ls=":")


with job(snakemake) as log:
    runs = [
        (settings, diffusion_file.read(path))
        for path, settings in zip(snakemake.input, snakemake.params.settings, strict=True)
    ]
    points = sweep_points(runs)
    published = [p for p in published_exponents() if p.batch_size is not None]
    shortcuts = sorted({place(p)["shortcut"] for p in points}, reverse=True)
    rows = [(across, shortcut) for across in AXES for shortcut in shortcuts]
    figure, axes = style.panels([(row, name) for row in rows for name in LABELS])
    for row in rows:
        across, shortcut = row
        by = "batch_size" if across == "depth" else "depth"
        ours = [p for p in points if place(p)["shortcut"] is shortcut]
        theirs = [p for p in published if p.shortcut is shortcut]
        values = sorted({place(p)[by] for p in [*ours, *theirs]})
        colours = dict(zip(values, style.colours(len(values)), strict=True))
        for name in LABELS:
            draw(axes[row, name], name, across, by, ours, theirs, colours)
        first, last = axes[row, "exponent_max"], axes[row, "crossover_lag"]
        first.set_title("with shortcuts" if shortcut else "without shortcuts", fontsize=8)
        for value, colour in colours.items():
            last.plot([], [], "o-", ms=4, color=colour, label=f"{AXES[by].split()[0]} {value}")
        last.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    first = axes[rows[0], "exponent_max"]
    first.errorbar([], [], [], fmt="o-", ms=4, color="k", label="this study, 95 % interval")
    first.plot([], [], "_", color="k", alpha=0.35, label="its other windows")
    first.plot([], [], "s:", ms=4, lw=0.7, mfc="none", color="k", label="published, CIFAR-10")
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    lost = sum(p.seeds == 0 for p in points)
    if lost:
        figure.suptitle(f"{lost} of {len(points)} settings diverged in their first window")
    style.save_figure(figure, snakemake.output)
    log(f"{len(runs)} runs, {len(points)} settings")
