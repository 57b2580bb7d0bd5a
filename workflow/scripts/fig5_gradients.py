"""Figure 5, gradients: densities of entries, tail indices with their nulls, bursts of the loss."""

import numpy as np
from matplotlib.axes import Axes

from launch import job
from sgdwalk.figures import style
from sgdwalk.gradients import file as gradients_file
from sgdwalk.gradients.file import RunGradients
from sgdwalk.gradients.stable_law import stable_density

FIT, GAUSSIAN = "tab:blue", "tab:orange"
STYLES = {
    "entries": ("o", FIT, "pooled entries (d)", "scale mixture"),
    "full-batch entries": ("s", "tab:green", "full-batch gradient", "its scale mixture"),
    "standardised entries": ("^", "tab:purple", "standardised", "standardised Gaussian"),
}


def draw_density(axis: Axes, run: RunGradients, name: str, fit: dict, where: str) -> None:
    """Histogram, fits and null about the middle, and all of it in an inset with log axis."""
    if name not in run.histograms or np.isnan(fit["alpha"]):
        style.message(axis, "too few entries")
        return
    histogram = run.histograms[name]
    x = (histogram.edges[1:] + histogram.edges[:-1]) / 2
    inset = axis.inset_axes((0.64, 0.5, 0.36, 0.48))
    beta = 0.0 if np.isnan(fit["beta"]) else fit["beta"]
    stable = stable_density(x, fit["alpha"], beta, fit["scale"], fit["location"])
    z = (x - fit["gaussian_mean"]) / fit["gaussian_sd"]
    gaussian = np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * fit["gaussian_sd"])
    seen = histogram.density > 0
    for a in (axis, inset):
        a.plot(x[seen], histogram.density[seen], ".", ms=2.5, color="0.3", label="entries (a-c)")
        a.plot(x, stable, color=FIT, lw=1, label="alpha-stable fit")
        a.plot(x, gaussian, color=GAUSSIAN, lw=1, ls="--", label="Gaussian fit")
        a.plot(
            x, histogram.null, color=style.NULL_COLOUR, lw=1, ls=":", label="null: scale mixture"
        )
    lowest = histogram.density[seen].min()
    inset.set(yscale="log", ylim=(lowest / 3, histogram.density.max() * 3))
    inset.set_xscale("symlog", linthresh=fit["scale"])
    inset.set_xticks([-x[-1], 0, x[-1]], ["", "", ""])
    inset.tick_params(labelsize=5, length=2)
    inset.minorticks_off()
    reach = 8 * fit["scale"]
    axis.set(
        xlim=(-reach, 2 * reach),
        xlabel="gradient entry (1/parameter)",
        ylabel="density (parameter)",
    )
    axis.ticklabel_format(axis="both", style="sci", scilimits=(-2, 3), useMathText=True)
    null = f"; null: {fit['null_alpha']:.2f}" if np.isfinite(fit["null_alpha"]) else ""
    axis.set_title(rf"{where}: $\alpha = {fit['alpha']:.2f}${null}")


def errorbar(axis: Axes, x, rows: list[dict], key: str, **look) -> None:
    value, low, high = (np.array([r[key + end] for r in rows]) for end in ("", "_low", "_high"))
    errors = style.error_bars(value, low, high)
    axis.errorbar(x, value, errors, lw=0.8, ms=3.5, **look)


def draw_alpha(axis: Axes, run: RunGradients) -> None:
    """Tail index of each window, its null hollow beside it."""
    for quantity, (marker, colour, label, null) in STYLES.items():
        rows = run.select(quantity, window_start=True)
        x = np.array([r["window_start"] + 1 for r in rows])
        shift = 0.06 * (np.diff(x).min() if len(x) > 1 else 1)
        errorbar(axis, x - shift, rows, "alpha", fmt=marker, color=colour, label=label)
        hollow = {"mfc": "white", "alpha": 0.7, "label": f"null: {null}"}
        if any(np.isfinite(r["null_alpha"]) for r in rows):
            errorbar(axis, x + shift, rows, "null_alpha", fmt=marker, color=colour, **hollow)
    axis.axhline(2, color=style.NULL_COLOUR, lw=0.7, ls=":")
    axis.set_ylabel(r"tail index $\alpha$, 95 %")
    if x.size:
        style.window_axis(axis, x, 4 * shift)


def draw_increments(axis: Axes, run: RunGradients, windows: list[dict]) -> None:
    """Loss increments of the first, middle and last window."""
    chosen = [windows[i] for i in sorted({0, (len(windows) - 1) // 2, len(windows) - 1})]
    for row, colour in zip(chosen, style.colours(len(chosen)), strict=True):
        start, steps = int(row["window_start"]), int(row["window_length"] * row["stride"])
        part = run.absolute_increment[start : start + steps - 1]
        axis.plot(part, color=colour, lw=0.5, label=rf"$t_w = {start + 1}$")
    axis.set(yscale="log", xlabel="step of the window", ylabel=r"$|\Delta L|$ per step")
    style.legend_above(axis)


def draw_variance(axis: Axes, run: RunGradients) -> None:
    variance = run.moving_variance
    middle = np.arange(len(variance)) + 1 + run.moving_window / 2
    axis.plot(middle, variance, color=FIT, lw=0.8)
    label = f"loss variance, {run.moving_window} steps"
    axis.set(yscale="log", xlabel="step", ylabel=label)


def draw_layers(axis: Axes, run: RunGradients) -> None:
    rows = run.select("standardised entries", layer=True)
    if not any(np.isfinite(r["alpha"]) for r in rows):
        style.message(axis, "too few steps")
        return
    x = np.arange(1, len(rows) + 1)
    errorbar(axis, x, rows, "alpha", fmt="^", color="tab:purple", label="standardised")
    low, high = (np.array([r[f"null_alpha_{end}"] for r in rows]) for end in ("low", "high"))
    look = {"color": style.NULL_COLOUR, "alpha": 0.3, "lw": 0}
    axis.fill_between(x, low, high, step="mid", label="null: Gaussian", **look)
    axis.set(xlabel="parameter tensor, input to output", ylabel=r"tail index $\alpha$, 95 %")
    style.legend_above(axis)


def draw_checkpoints(axis: Axes, run: RunGradients) -> None:
    """Noise at fixed weights: each coordinate standardised, and whole vectors; bands are nulls."""
    for quantity, method, marker, colour, label in (
        ("standardised noise at fixed weights", "likelihood", "^", "tab:purple", "coordinates"),
        ("noise vectors at fixed weights", "log-moment mean", "D", "tab:brown", "vectors"),
    ):
        rows = run.select(quantity, method)
        x = np.array([r["step"] + 1 for r in rows])
        errorbar(axis, x, rows, "alpha", fmt=marker, color=colour, label=label)
        low, high = (np.array([r[f"null_alpha_{end}"] for r in rows]) for end in ("low", "high"))
        axis.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
    axis.axhline(2, color=style.NULL_COLOUR, lw=0.7, ls=":")
    axis.set(xscale="log", xlabel="step + 1", ylabel=r"$\alpha$ of noise at fixed weights")
    style.legend_above(axis)


def draw_gaussianity(axis: Axes, run: RunGradients) -> None:
    rows = run.select("standardised noise at fixed weights")
    x = np.array([r["step"] + 1 for r in rows])
    axis.plot(x, [r["rejected_share"] for r in rows], "o-", color=FIT, ms=3.5)
    axis.axhline(0.05, color=style.NULL_COLOUR, lw=0.9, ls=":", label="null: 5 %")
    axis.set(xscale="log", ylim=(0, 1), xlabel="step + 1", ylabel="share not Gaussian")
    axis.legend()


with job(snakemake) as log:
    run = gradients_file.read(snakemake.input[0])
    names = ["run", "first", "last", "alpha", "increments", "variance"]
    figure, axes = style.panels([*names, "layers", "checkpoints", "gaussianity"])
    pooled = run.select("entries")
    windows = run.select("entries", window_start=True)
    draw_density(axes["run"], run, "run", pooled[0], "all steps")
    if windows:
        for name, row in (("first", windows[0]), ("last", windows[-1])):
            where = rf"$t_w = {int(row['window_start']) + 1}$"
            draw_density(axes[name], run, name, row, where)
        draw_alpha(axes["alpha"], run)
        draw_increments(axes["increments"], run, windows)
        drawn = [axes[name].get_legend_handles_labels() for name in ("first", "alpha")]
        handles, labels = ([*one, *other] for one, other in zip(*drawn, strict=True))
        figure.legend(handles, labels, loc="outside lower center", ncols=5)
    else:
        for name in ("first", "last", "alpha", "increments"):
            style.message(axes[name], "no whole window was recorded")
    if run.moving_variance.size:
        draw_variance(axes["variance"], run)
    else:
        style.message(axes["variance"], f"fewer than {run.moving_window} steps")
    draw_layers(axes["layers"], run)
    draw_checkpoints(axes["checkpoints"], run)
    draw_gaussianity(axes["gaussianity"], run)
    title = snakemake.params.run
    if run.diverged_at is not None:
        title += f" (diverged at step {run.diverged_at})"
    figure.suptitle(title, fontsize=9)
    style.save_figure(figure, snakemake.output)
