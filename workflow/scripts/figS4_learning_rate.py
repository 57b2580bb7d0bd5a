"""Figure S4: exponents against learning rate, loss curves, and the MSD of all windows per rate."""

import numpy as np
from matplotlib.axes import Axes

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.diffusion.published import published_exponents
from sgdwalk.diffusion.sweep_points import SweepPoint, sweep_points
from sgdwalk.figures import style
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.window_families import first_family

SHOWN = {
    "exponent_max": ("o", "C0", "steepest, first window"),
    "exponent_long": ("^", "C1", "last regime, last window"),
}
MOST = 12  # rates with a panel of their own


def rate(point: SweepPoint) -> float:
    return point.settings["learning_rate"]


def draw_exponents(axis: Axes, points: list[SweepPoint]) -> None:
    for name, (marker, colour, label) in SHOWN.items():
        for point in points:
            others = point.others[name]
            axis.plot(np.full(len(others), rate(point)), others, "_", color=colour, alpha=0.35)
        value, low, high = np.array([p.values[name] for p in points]).T
        errors = style.error_bars(value, low, high)
        x = [rate(p) for p in points]
        axis.errorbar(x, value, errors, fmt=f"{marker}-", ms=4, lw=0.9, color=colour, label=label)
        theirs = [p for p in published_exponents() if p.batch_size is None]
        x, y = [p.learning_rate for p in theirs], [p.values[name] for p in theirs]
        published = {"color": style.PUBLISHED_COLOUR, "mfc": "none", "ms": 4, "lw": 0.7}
        axis.plot(x, y, f"{marker}:", **published, label=f"published: {label.split(',')[0]}")
    for point in points:
        if point.seeds == 0:
            axis.plot(rate(point), 0.02, "x", color="k", transform=axis.get_xaxis_transform())
            axis.annotate("diverged", (rate(point), 0.05), rotation=90, ha="center",
                          xycoords=axis.get_xaxis_transform())  # fmt: skip
    axis.axhline(1, color=style.NULL_COLOUR, lw=0.7, ls=":")
    axis.set(xscale="log", xlabel=r"learning rate $\eta$", ylabel="exponent, 95 % interval")
    axis.figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=4)


def draw_losses(axis: Axes, runs: dict, colours: dict) -> None:
    for value, (_, trajectory) in runs.items():
        epochs, label = trajectory.epochs, rf"$\eta$ = {value:g}"
        axis.plot(epochs["step"], epochs["train_loss"], color=colours[value], label=label)
        if trajectory.diverged_at is not None:
            axis.axvline(trajectory.diverged_at, color=colours[value], lw=0.7, ls=":")
    axis.set(yscale="log", xlabel="steps", ylabel="training loss, mean of an epoch")
    bottom, top = axis.get_ylim()
    axis.set_ylim(bottom, top * (top / bottom) ** 0.3)  # room for the legend
    axis.legend(loc="upper right", ncols=2, columnspacing=1)


def draw_msd(axis: Axes, value: float, diffusion, limits: tuple[float, float]) -> None:
    windows = first_family(diffusion.windows)
    axis.set_title(rf"$\eta$ = {value:g}", fontsize=8)
    if not windows:
        style.message(axis, f"diverged at step {diffusion.diverged_at}")
        return
    for window, colour in zip(windows, style.colours(len(windows)), strict=True):
        axis.plot(window.curves["lags"], window.curves["msd"], color=colour, lw=0.9)
    style.colour_bar(axis.figure, axis, [w.start + 1 for w in windows], "$t_w$")
    label = r"MSD($\tau$) (parameter$^2$)"
    axis.set(xscale="log", yscale="log", xlabel=r"lag $\tau$ (steps)", ylabel=label, ylim=limits)


def msd_limits(shown) -> tuple[float, float]:
    """The same for all rates, so that they can be compared."""
    msd = [w.curves["msd"] for diffusion in shown for w in first_family(diffusion.windows)]
    found = np.concatenate(msd) if msd else np.ones(1)
    return found.min() / 2, found.max() * 2


with job(snakemake) as log:
    read = [
        (settings, diffusion_file.read(diffusion), trajectory)
        for diffusion, trajectory, settings in zip(
            snakemake.input.diffusion,
            snakemake.input.trajectory,
            snakemake.params.settings,
            strict=True,
        )
    ]
    points = sorted(sweep_points((s, d) for s, d, _ in read), key=rate)
    first_seed = {}
    for settings, diffusion, trajectory in read:
        first_seed.setdefault(settings["learning_rate"], (diffusion, trajectory))
    chosen = sorted(first_seed)
    if len(chosen) > MOST:
        chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, MOST).round().astype(int)]
    shown = {v: (first_seed[v][0], Trajectory(first_seed[v][1])) for v in chosen}
    figure, axes = style.panels(["exponents", "loss", *chosen])
    draw_exponents(axes["exponents"], points)
    colours = dict(zip(chosen, style.colours(len(chosen)), strict=True))
    draw_losses(axes["loss"], shown, colours)
    limits = msd_limits(diffusion for diffusion, _ in shown.values())
    for value, (diffusion, _) in shown.items():
        draw_msd(axes[value], value, diffusion, limits)
    shared = snakemake.params.settings[0]
    title = f"{shared['model']}, {shared['dataset']}, batch size {shared['batch_size']}"
    figure.suptitle(title, fontsize=9)
    style.save_figure(figure, snakemake.output)
    log(f"{len(read)} runs, {len(points)} learning rates")
