"""Figure 4, the toy walker: paths, diffusion, gradients, valleys and basins by terrain."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from launch import job
from sgdwalk.figures import style
from sgdwalk.gradients.stable_law import stable_density
from sgdwalk.walker import file as walker_file
from sgdwalk.walker.analysis import selections
from sgdwalk.walker.diffusion import StageDiffusion
from sgdwalk.walker.file import WalkerRecord

GROUND = "Greys"  # paths are coloured, the ground is not
STAGE_STYLE = {"initial": "-", "final": "--"}


def shown_walker(record: WalkerRecord) -> np.ndarray:
    """Path of the first walker that no wall ever held, or of the first."""
    walks = record.walks
    return selections(walks).get("free", walks).positions[0]


def best(record: WalkerRecord, by_selection: dict):
    """What belongs to the walkers never held, or else to all."""
    return by_selection.get("free", by_selection["all"])


def exponents(stage: StageDiffusion) -> str:
    largest, last = stage.exponent_max[0], stage.exponent_long[0]
    return "not fitted" if np.isnan(last) else f"{largest:.2f}, {last:.2f}"


def draw_ground(axis: Axes, record: WalkerRecord, window=((-1, 1), (-1, 1))) -> None:
    values = record.analysis.ground.values
    cells = np.array(values.shape) - 1
    low, high = np.clip((np.array(window).T + 1) / 2, 0, 1) * cells
    (i, j), (k, m) = np.floor(low).astype(int), np.ceil(high).astype(int)
    skip = max(1, (k - i) // 512)
    part = values[i : k + 1 : skip, j : m + 1 : skip]
    # Each value fills the cell around its grid point.
    edges = [
        2 * (np.array(e) + (-skip / 2, skip / 2)) / n - 1
        for e, n in zip(((i, k), (j, m)), cells, strict=True)
    ]
    axis.imshow(part.T, origin="lower", extent=np.ravel(edges), cmap=GROUND, aspect="equal")
    axis.set(xlim=window[0], ylim=window[1], xlabel="$x$", ylabel="$y$")


def draw_path(axis: Axes, record: WalkerRecord, name: str) -> None:
    path = shown_walker(record)
    draw_ground(axis, record)
    axis.plot(*path.T, color=style.colours(3)[1], lw=0.5)
    axis.plot(*path[0], "o", color="tab:orange", ms=4, label="start")
    axis.plot(*path[-1], "s", color="tab:red", ms=4, label="end")
    axis.set_title(name)
    axis.legend(loc="lower left", frameon=True, borderpad=0.3)


def draw_stages(axis: Axes, record: WalkerRecord) -> None:
    stages = best(record, record.analysis.stages)
    for colour, (stage, dashes) in zip(style.colours(2), STAGE_STYLE.items(), strict=True):
        s = stages[stage]
        used = s.lags <= s.lags[-1] / 2
        label = f"{stage}: {exponents(s)}"
        axis.plot(s.lags[used], s.msd[used], color=colour, ls=dashes, label=label)
        band = s.msd + np.multiply.outer((-1.96, 1.96), s.msd_error)
        axis.fill_between(s.lags[used], *band[:, used], color=colour, alpha=0.25, lw=0)
        axis.plot(s.lags[used], s.first_walker[used], color=colour, lw=0.6, ls=":")
        every = record.analysis.stages["all"][stage]
        axis.plot(s.lags[used], every.msd[used], color=style.NULL_COLOUR, lw=0.6, ls=dashes)
        some = s.fit_lags.astype(int) - 1
        axis.plot(s.lags[some], s.ensemble_averaged[some], "+", ms=3, mew=0.6, color=colour)
    axis.set(xscale="log", yscale="log", xlabel=r"lag $\tau$ (steps)", ylabel=r"MSD($\tau$)")
    axis.legend(title="exponents: largest, last", title_fontsize=6.5)


def draw_gradients(axis: Axes, records: dict[str, WalkerRecord]) -> None:
    for colour, (name, record) in zip(style.colours(len(records)), records.items(), strict=True):
        g = record.analysis.gradients
        width = g.gaussian[1] if np.isfinite(g.gaussian[1]) else 1.0
        middle = (g.edges[1:] + g.edges[:-1]) / 2
        label = name if np.isnan(g.alpha[0]) else rf"{name}, $\alpha$ = {g.alpha[0]:.2f}"
        axis.plot(middle / width, g.density * width, ".", ms=2, color=colour, label=label)
        if np.isnan(g.alpha[0]):
            continue
        x = np.linspace(g.edges[0], g.edges[-1], 400)
        alpha, beta, scale, location = g.stable
        stable = stable_density(x, alpha, 0.0 if np.isnan(beta) else beta, scale, location)
        axis.plot(x / width, stable * width, color=colour, lw=0.8)
    x = np.linspace(-6, 6, 300)
    normal = stable_density(x, 2.0, 0.0, np.sqrt(0.5), 0.0)
    axis.plot(x, normal, color=style.NULL_COLOUR, lw=0.8, ls=":", label="Gaussian")
    axis.set(yscale="log", xlim=(-7, 7), ylim=(1e-5, 1e3))
    axis.set(xlabel="gradient entry / its s.d.", ylabel="density")
    axis.legend(loc="upper left", ncols=2, columnspacing=0.8, fontsize=6)


def draw_valley(figure, axis: Axes, record: WalkerRecord) -> None:
    path = shown_walker(record)[-201:]
    low, high = path.min(axis=0), path.max(axis=0)
    half = max(0.6 * (high - low).max(), 0.02)
    middle = np.clip((low + high) / 2, -1 + half, 1 - half) if half < 1 else np.zeros(2)
    window = [(c - half, c + half) for c in middle]
    draw_ground(axis, record, window)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    lines = LineCollection(np.stack([path[:-1], path[1:]], axis=1), cmap=style.SEQUENCE, lw=0.8)
    lines.set_array(steps)
    axis.add_collection(lines)
    figure.colorbar(lines, ax=axis, pad=0.02, aspect=25, label="step size")
    axis.set_title(f"last {len(path) - 1} steps")


def draw_others(axis: Axes, records: dict[str, WalkerRecord], colours) -> None:
    for name, record in records.items():
        stages = best(record, record.analysis.stages)
        for stage, dashes in STAGE_STYLE.items():
            s = stages[stage]
            used = s.lags <= s.lags[-1] / 2
            label = f"{name}: {exponents(s)}"
            axis.plot(s.lags[used], s.msd[used], color=colours[name], ls=dashes, label=label)
            band = s.msd + np.multiply.outer((-1.96, 1.96), s.msd_error)
            axis.fill_between(s.lags[used], *band[:, used], color=colours[name], alpha=0.25, lw=0)
    axis.set(xscale="log", yscale="log", xlabel=r"lag $\tau$ (steps)", ylabel=r"MSD($\tau$)")
    axis.legend(title="initial (solid), final (dashed)", title_fontsize=6.5, fontsize=5.5)


def draw_roughness(axis: Axes, records: dict[str, WalkerRecord], colours) -> None:
    for name, record in records.items():
        r = record.analysis.roughness
        label = f"{name}, $H$ = {r.hurst[0]:.2f}"
        known = np.isfinite(r.msl_error)  # bins with pairs from enough blocks of time
        distance, msl, error = r.separation[known], r.msl[known], 1.96 * r.msl_error[known]
        axis.plot(distance, msl, ".-", ms=2, lw=0.7, color=colours[name], label=label)
        band = np.maximum(msl - error, msl / 10), msl + error
        axis.fill_between(distance, *band, color=colours[name], alpha=0.2, lw=0)
    axis.set(xscale="log", yscale="log", xlabel="distance", ylabel="MSL")
    axis.legend(loc="lower right")


def draw_arrivals(axis: Axes, records: dict[str, WalkerRecord], colours) -> None:
    for name, record in records.items():
        basins = best(record, record.analysis.basins)
        steps = np.arange(1, record.walks.losses.shape[1])
        for reach, dashes in ((basins.reach_deepest, "-"), (basins.reach_flattest, "--")):
            arrived = np.searchsorted(np.sort(reach[np.isfinite(reach)]), steps, side="right")
            axis.plot(steps, arrived / len(reach), dashes, lw=1, color=colours[name])
        axis.plot([], [], color=colours[name], label=name)
    axis.set(xscale="log", ylim=(-0.02, 1.02), xlabel="step", ylabel="share of walkers arrived")
    axis.set_title("deepest (solid), flattest basin", fontsize=7)
    axis.legend(loc="center left")


def draw_steps(axis: Axes, records: dict[str, WalkerRecord], colours) -> None:
    for name, record in records.items():
        v = record.analysis.valleys
        middle = np.sqrt(v.edges[1:] * v.edges[:-1])
        width = np.log10(v.edges[1] / v.edges[0])
        axis.plot(middle, v.along / width, color=colours[name], label=name)
        axis.plot(middle, v.across / width, color=colours[name], ls="--", lw=0.9)
    axis.set(xscale="log", xlabel="step length", ylabel="share per decade")
    axis.set_title("along valleys (solid), across", fontsize=7)
    axis.legend(loc="center left")


with job(snakemake) as log:
    records = {Path(path).stem: walker_file.read(path) for path in snakemake.input}
    first, *rest = records
    other = "shuffled" if "shuffled" in rest else rest[-1] if rest else first
    names = ("path", "stages", "gradients", "valley", "other", "others", "msl", "basins", "steps")
    figure, axes = style.panels(names)
    colours = dict(zip(records, style.colours(len(records)), strict=True))
    draw_path(axes["path"], records[first], first)
    draw_stages(axes["stages"], records[first])
    draw_gradients(axes["gradients"], records)
    draw_valley(figure, axes["valley"], records[first])
    draw_path(axes["other"], records[other], other)
    draw_others(axes["others"], {n: records[n] for n in rest or records}, colours)
    draw_roughness(axes["msl"], records, colours)
    draw_arrivals(axes["basins"], records, colours)
    draw_steps(axes["steps"], records, colours)
    style.save_figure(figure, snakemake.output)
    held = ", ".join(f"{name} {record.analysis.held_share:.0%}" for name, record in records.items())
    log(f"share of walkers that a wall held for a step or more, left out of curves: {held}")
