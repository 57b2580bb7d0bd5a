"""Figure S1: MSD of a second network, and its windows of longer stride."""

import numpy as np
from matplotlib.axes import Axes

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.figures import style, window_panels
from sgdwalk.recording.window_families import first_family


def draw_msd(figure, axis: Axes, windows) -> None:
    colours = style.colours(len(windows))
    for colour, window in zip(colours, windows, strict=True):
        curves = window.curves
        axis.plot(curves["lags"], curves["msd"], color=colour)
        axis.plot(curves["lags"], curves["shuffled_mean"], color=colour, lw=0.7, ls=":")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel=r"lag $\tau$ (steps)",
        ylabel=r"MSD($\tau$) (parameter$^2$)",
    )
    starts = [window.start + 1 for window in windows]
    style.colour_bar(figure, axis, starts, r"$t_w$")


def draw_local(axis: Axes, windows, colours, dashes: str) -> None:
    for colour, window in zip(colours, windows, strict=True):
        curves = window.curves
        axis.plot(curves["local_lags"], curves["local_exponent"], color=colour, ls=dashes)


with job(snakemake) as log:
    run = diffusion_file.read(snakemake.input[0])
    short = first_family(run.windows)
    longest = max((w.stride for w in run.windows), default=1)
    long = [w for w in run.windows if w.stride == longest and w not in short]
    figure, axes = style.panels(["short", "long", "local"])
    for name, windows in (("short", short), ("long", long)):
        if windows:
            draw_msd(figure, axes[name], windows)
        elif not short:
            style.message(axes[name], "no whole window was recorded")
        else:
            style.message(axes[name], "no windows of longer stride\nin recording.windows")
    if short:
        draw_local(axes["local"], short, style.colours(len(short)), "-")
        draw_local(axes["local"], long, np.full(len(long), "tab:red"), "--")
        axes["local"].plot([], [], color=style.NULL_COLOUR, label="every step")
        if long:
            axes["local"].plot([], [], color="tab:red", ls="--", label=f"every {longest} steps")
        axes["local"].axhline(1, color=style.NULL_COLOUR, lw=0.7, ls=":")
        axes["local"].set(
            xscale="log", xlabel=r"lag $\tau$ (steps)", ylabel=r"local exponent $\beta(\tau)$"
        )
        axes["local"].legend(loc="best")
    else:
        style.message(axes["local"], "no whole window was recorded")
    figure.suptitle(window_panels.run_title(snakemake.params.run, run.diverged_at), fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    style.save_figure(figure, snakemake.output)
