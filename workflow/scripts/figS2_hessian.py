"""Figure S2: the Hessian along a run, and where the walk goes among its eigenvectors."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from launch import job
from sgdwalk.figures import style
from sgdwalk.hessian import run as run_hessian
from sgdwalk.hessian.run import RunHessian
from sgdwalk.hessian.spectrum import SpectralDensity

PANELS = ("eigenvalues", "density", "edge", "overlap", "shares", "variance")
STEP = "step + 1"
CURVATURE = r"eigenvalue $\lambda$ (parameter$^{-2}$)"
NULL = {"color": style.NULL_COLOUR, "lw": 0.8, "ls": ":"}


def positive(values: np.ndarray) -> np.ndarray:
    """What a logarithmic axis can show; nan for the rest."""
    return np.where(values > 0, values, np.nan)


def shown(present: np.ndarray) -> list[int]:
    """First, middle and last of the checkpoints that have something to show."""
    found = np.flatnonzero(present).tolist()
    return sorted({found[0], found[len(found) // 2], found[-1]}) if found else []


def inside(axis: Axes, **options) -> None:
    """A legend where it hides least, readable where it crosses a line."""
    axis.legend(frameon=True, edgecolor="none", framealpha=0.8, **options)


def in_headroom(axis: Axes, share: float, **options) -> None:
    """A legend above the data, for which a logarithmic axis is made longer by a share of it."""
    low, high = axis.get_ylim()
    axis.set_ylim(low, high * (high / low) ** share)
    inside(axis, loc="upper right", columnspacing=0.8, handletextpad=0.2, **options)


def log_steps(axis: Axes, run: RunHessian) -> None:
    """The same steps on every axis of them, from 1 as in the paper."""
    axis.set(xscale="log", xlabel=STEP, xlim=(0.8, 1.25 * (run.step[-1] + 1)))
    axis.xaxis.set_minor_formatter(NullFormatter())


def draw_eigenvalues(axis: Axes, run: RunHessian) -> None:
    eigenvalues, smallest = run.values["eigenvalues"], run.values["smallest"]
    count = eigenvalues.shape[1]
    for rank, colour in reversed(list(enumerate(style.colours(count)))):
        label = {0: "largest", count - 1: f"rank {count}"}.get(rank)
        axis.plot(run.step + 1, positive(eigenvalues[:, rank]), ".-", color=colour, label=label)
    if smallest.size:
        look = {"color": style.NULL_COLOUR, "ls": "--", "marker": "x", "ms": 4}
        axis.plot(run.step + 1, positive(-smallest[:, 0]), label="most negative", **look)
    log_steps(axis, run)
    axis.set(yscale="log", ylabel=r"$|\lambda|$ (parameter$^{-2}$)")
    in_headroom(axis, 0.25, ncols=2)


def draw_density(axis: Axes, run: RunHessian) -> None:
    nodes, weights = run.values["density_nodes"], run.values["density_weights"]
    chosen = shown(np.isfinite(nodes).all(axis=(1, 2)))
    if not chosen:
        style.message(axis, "no spectral density was asked for")
        return
    for i, colour in zip(chosen, style.colours(len(chosen)), strict=True):
        scaled = nodes[i] / nodes[i].max()
        width = np.ptp(scaled) / scaled.shape[1]  # about what the Lanczos steps resolve
        grid = np.linspace(scaled.min() - 9 * width, 1 + 9 * width, 2000)
        density, _ = SpectralDensity(scaled, weights[i]).density(grid, width)
        trace, error = run.values["trace"][i], run.values["trace_error"][i]
        label = rf"step {run.step[i]}, trace {trace:.4g} $\pm$ {error:.2g}"
        axis.plot(grid, density, color=colour, lw=1, label=label)
    axis.set(yscale="log", xlabel=r"$\lambda / \lambda_1$", ylabel="density")
    axis.set_ylim(1e-2 / run.parameters, 1e5)
    inside(axis, loc="upper right")


def draw_edge(axis: Axes, run: RunHessian) -> None:
    axis.plot(run.step + 1, run.values["train_mode_eigenvalue"], "o-", ms=3, label="train")
    axis.plot(run.step + 1, run.values["eigenvalues"][:, 0], "s-", ms=3, label="eval")
    axis.plot(run.step + 1, run.values["edge"], **NULL, label=r"$2 / \eta$")
    log_steps(axis, run)
    axis.set(yscale="log", ylabel=r"$\lambda_1$ (parameter$^{-2}$)")
    style.legend_above(axis)


def draw_overlap(axis: Axes, run: RunHessian) -> None:
    middles = np.sqrt((run.step[1:] + 1.0) * (run.step[:-1] + 1.0))
    axis.plot(middles, run.overlap, "o-", ms=3, label="neighbouring checkpoints")
    axis.axhline(run.values["eigenvalues"].shape[1] / run.parameters, **NULL, label="random")
    log_steps(axis, run)
    axis.set(yscale="log", ylabel="overlap of eigenspaces")
    axis.set_ylim(top=1.5)
    inside(axis)


def draw_shares(axis: Axes, run: RunHessian) -> None:
    x, values = run.step + 1, run.values
    axis.plot(x, values["gradient_share"], "s-", ms=3, label="gradient")
    steps = np.ma.masked_invalid(values["replay_step_share"])
    mean, low, high = (getattr(steps, f)(axis=1).filled(np.nan) for f in ("mean", "min", "max"))
    axis.errorbar(x, mean, [mean - low, high - mean], fmt="o-", ms=3, lw=0.8, label="steps")
    axis.plot(x, values["displacement_share"], "^-", ms=3, label="displacement")
    axis.axhline(values["eigenvalues"].shape[1] / run.parameters, **NULL, label="random")
    log_steps(axis, run)
    axis.set(yscale="log", ylabel="share in leading eigenspace")
    axis.set_ylim(top=1.5)
    inside(axis, loc="lower left")


def draw_variance(axis: Axes, run: RunHessian) -> None:
    values = run.values
    chosen = shown(np.isfinite(values["variance"]).all(axis=1))
    for i, colour in zip(chosen, style.colours(len(chosen)), strict=True):
        slope, error = run.variance_slope[i], run.variance_slope_error[i]
        label = rf"step {run.step[i]}: ${slope:.1f} \pm {error:.1f}$"
        curvature = positive(values["eigenvalues"][i])
        axis.plot(curvature, values["variance"][i], "o", ms=3, color=colour, label=label)
        axis.axhline(values["variance_elsewhere"][i], color=colour, lw=0.8, ls=":")
    axis.plot([], [], color=style.NULL_COLOUR, ls=":", label="other directions")
    axis.set(xscale="log", yscale="log", xlabel=CURVATURE, ylabel=r"variance (parameter$^2$)")
    in_headroom(axis, 0.42, ncols=2, title="exponent", title_fontsize=6.5)


with job(snakemake) as log:
    run = run_hessian.read(snakemake.input[0])
    figure, axes = style.panels(PANELS)
    if "reached" in run.status:
        draw_eigenvalues(axes["eigenvalues"], run)
        draw_density(axes["density"], run)
        draw_edge(axes["edge"], run)
        draw_overlap(axes["overlap"], run)
        draw_shares(axes["shares"], run)
        draw_variance(axes["variance"], run)
    else:
        for axis in axes.values():
            style.message(axis, "no checkpoint has a Hessian")
    without = len(run.step) - run.status.count("reached")
    title = f"{run.origin['run']}, mean loss of {run.samples} training samples"
    if without:
        title += f" ({without} of {len(run.step)} checkpoints not reached or not finite: diverged)"
    figure.suptitle(title, fontsize=9)
    style.save_figure(figure, snakemake.output)
