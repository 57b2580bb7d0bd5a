"""Loss avalanches: increments of the loss, their bursts, what follows, and the moving variance."""

import numpy as np
from matplotlib.axes import Axes

from launch import job
from sgdwalk.figures import style, window_panels
from sgdwalk.figures.window_panels import Series
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry import file as geometry_file
from sgdwalk.recording.window_families import first_family


def draw_aftermath(axes: dict[str, Axes], window) -> None:
    """Loss and |dL| along the contour from the peaks of the longest avalanches on."""
    colours = style.colours(len(window.aftermath))
    for colour, after in zip(colours, window.aftermath, strict=True):
        step = window.start + after.peak * window.stride + 1
        label = f"step {step}, {after.duration} increments"
        axes["loss"].plot(after.contour, after.loss, color=colour, lw=0.9, label=label)
        axes["increment"].plot(after.contour[:-1], after.increment, color=colour, lw=0.9)
    threshold = window.avalanches.threshold
    axes["increment"].axhline(threshold, color=style.NULL_COLOUR, lw=0.7, ls=":")
    for name, label in (("loss", "loss"), ("increment", r"$|dL|$ (loss)")):
        axes[name].set(xlabel="contour length from the peak (parameter)", ylabel=label)
        axes[name].set_title(rf"$t_w = {window.start + 1}$", fontsize=7)
    axes["increment"].set_yscale("log")
    if window.aftermath:
        axes["loss"].legend(loc="best", fontsize=5.5)


def draw_durations(axis: Axes, windows, chosen, colours) -> None:
    """How many avalanches last at least so long, beside independent increments."""
    for i in chosen:
        found = windows[i].avalanches
        if found is None or not found.duration.size:
            continue
        longest = np.arange(1, found.duration.max() + 1)
        share = [(found.duration >= d).mean() for d in longest]
        axis.plot(longest, share, "o-", ms=3, color=colours[i], label=f"{windows[i].start + 1}")
        chance = 1 - 1 / found.independent_mean_duration  # of one more large increment
        axis.plot(longest, chance ** (longest - 1), color=colours[i], lw=0.8, ls=":")
    axis.set(yscale="log", xlabel="duration $d$ (increments)", ylabel=r"share that lasts $\geq d$")
    axis.plot([], [], color=style.NULL_COLOUR, ls=":", label="null: random order")
    axis.legend(loc="best", title="$t_w$", title_fontsize=6.5)


def draw_sizes(axis: Axes, windows, chosen, colours) -> None:
    for i in chosen:
        found = windows[i].avalanches
        if found is not None:
            axis.plot(found.duration, found.size / found.threshold, ".", color=colours[i], ms=3)
    axis.set(
        yscale="log",
        xlabel="duration $d$ (increments)",
        ylabel=r"size / standard deviation of $|dL|$",
    )


def draw_mean_duration(axis: Axes, windows) -> None:
    found = [w.avalanches for w in windows]
    nulls = [a and Estimate(a.independent_mean_duration, np.nan, np.nan) for a in found]
    series = [
        Series("as trained", "o", "C0", [a and a.mean_duration for a in found]),
        Series("null: random order", "^", style.NULL_COLOUR, nulls),
    ]
    starts = [w.start for w in windows]
    window_panels.draw_along_training(axis, starts, series, "mean duration (increments)")


def draw_moving_variance(axis: Axes, run) -> None:
    if not run.moving_variance.size:
        style.message(axis, f"fewer than {run.moving_window} steps")
        return
    steps = np.arange(run.moving_variance.size) + run.moving_window / 2 + 0.5
    axis.plot(steps, run.moving_variance, color="C0", lw=0.8)
    label = rf"variance of the loss, {run.moving_window} steps (loss$^2$)"
    axis.set(yscale="log", xlabel="step", ylabel=label)


with job(snakemake) as log:
    run = geometry_file.read(snakemake.input[0])
    windows = first_family(run.windows)
    figure, axes = style.panels(
        ["loss", "increment", "durations", "sizes", "mean_duration", "moving_variance"]
    )
    if windows:
        chosen = window_panels.first_middle_last(len(windows))
        colours = style.colours(len(windows))
        if windows[-1].avalanches is not None:
            draw_aftermath(axes, windows[-1])
        draw_durations(axes["durations"], windows, chosen, colours)
        draw_sizes(axes["sizes"], windows, chosen, colours)
        draw_mean_duration(axes["mean_duration"], windows)
    else:
        for name in ("loss", "increment", "durations", "sizes", "mean_duration"):
            style.message(axes[name], "no whole window was recorded")
    draw_moving_variance(axes["moving_variance"], run)
    figure.suptitle(window_panels.run_title(snakemake.params.run, run.diverged_at), fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    style.save_figure(figure, snakemake.output)
