"""Figure 2, superdiffusion: MSD by window, local exponents, nulls, exponents along training."""

import numpy as np
from matplotlib.axes import Axes

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.diffusion.file import DiffusionRecord
from sgdwalk.figures import style
from sgdwalk.recording.window_families import first_family

LABELS = {"exponent_short": "first regime", "exponent_max": "steepest", "exponent_long": "last"}
LAG = r"lag $\tau$ (steps)"
MARKERS = dict(zip(LABELS, "os^", strict=True))


def shown(windows: list[DiffusionRecord]) -> list[int]:
    """First, middle and last window."""
    return sorted({0, (len(windows) - 1) // 2, len(windows) - 1})


def starts(windows: list[DiffusionRecord]) -> list[int]:
    """Waiting steps counted from 1, as in the paper."""
    return [w.start + 1 for w in windows]


def draw_msd(axis: Axes, windows, chosen, colours, nulls: bool) -> None:
    for i in chosen:
        c, label = windows[i].curves, rf"$t_w = {windows[i].start + 1}$"
        axis.plot(c["lags"], c["msd"], color=colours[i], label=label if nulls else None)
        if nulls:
            axis.plot(c["lags"], c["shuffled_mean"], color=colours[i], lw=0.8, ls=":")
            band = (c["shuffled_low"], c["shuffled_high"])
            axis.fill_between(c["lags"], *band, color=colours[i], alpha=0.2, lw=0)
            axis.plot(c["drift_lags"], c["drift_removed"], color=colours[i], lw=0.8, ls="--")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel=LAG,
        ylabel=r"MSD($\tau$) (parameter$^2$)",
    )
    if nulls:
        axis.plot([], [], color=style.NULL_COLOUR, ls=":", label="null: steps in random order")
        axis.plot([], [], color=style.NULL_COLOUR, ls="--", label="null: mean drift removed")


def draw_local(axis: Axes, windows, chosen, colours) -> None:
    for i, window in enumerate(windows):
        c, bold = window.curves, i in chosen
        axis.plot(
            c["local_lags"],
            c["local_exponent"],
            color=colours[i],
            lw=1.6 if bold else 0.7,
            alpha=1 if bold else 0.6,
        )
    axis.axhline(1, color=style.NULL_COLOUR, lw=0.7, ls=":")
    axis.set(xscale="log", xlabel=LAG, ylabel=r"local exponent $\beta(\tau)$")


def draw_first(axis: Axes, windows, chosen, colours) -> None:
    for i in chosen:
        c = windows[i].curves
        axis.plot(c["lags"], c["squared_displacement"], color=colours[i])
    label = r"$|x_{t_w+\tau} - x_{t_w}|^2$ (parameter$^2$)"
    axis.set(xscale="log", yscale="log", xlabel=LAG, ylabel=label)


def draw_exponents(axis: Axes, windows) -> None:
    x = np.array(starts(windows), float)
    width = 0.12 * (np.diff(x).min() if len(x) > 1 else 1.0)
    for offset, (name, label) in zip((-1, 0, 1), LABELS.items(), strict=True):
        value, low, high = np.array([w.exponents[name] for w in windows]).T
        errors = style.error_bars(value, low, high)
        axis.errorbar(
            x + offset * width, value, errors, fmt=MARKERS[name], ms=3, lw=0.8, label=label
        )
    axis.axhline(1, color=style.NULL_COLOUR, lw=0.7, ls=":")
    axis.set_ylabel("exponent, 95 % interval")
    style.window_axis(axis, x, 4 * width)
    style.legend_above(axis)


with job(snakemake) as log:
    run = diffusion_file.read(snakemake.input[0])
    windows = first_family(run.windows)
    long = [w for w in run.windows if w not in windows]
    names = ["msd", "all", "local", *(["long"] if long else []), "first", "exponents"]
    figure, axes = style.panels(names)
    if windows:
        chosen, colours = shown(windows), style.colours(len(windows))
        draw_msd(axes["msd"], windows, chosen, colours, nulls=True)
        draw_msd(axes["all"], windows, range(len(windows)), colours, nulls=False)
        style.colour_bar(figure, axes["all"], starts(windows), r"$t_w$")
        draw_local(axes["local"], windows, chosen, colours)
        draw_first(axes["first"], windows, chosen, colours)
        draw_exponents(axes["exponents"], windows)
        figure.legend(*axes["msd"].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    else:
        for axis in axes.values():
            style.message(axis, "no whole window was recorded")
    if long:
        draw_msd(axes["long"], long, range(len(long)), style.colours(len(long)), nulls=False)
        style.colour_bar(figure, axes["long"], starts(long), r"$t_w$")
    title = snakemake.wildcards.get("run", snakemake.params.get("run"))
    if run.diverged_at is not None:
        title += f" (diverged at step {run.diverged_at})"
    figure.suptitle(title, fontsize=9)
    style.save_figure(figure, snakemake.output)
