"""Panels of the Hessian along a run, and of where the walk goes among its eigenvectors."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from sgdwalk.figures import style
from sgdwalk.figures.window_panels import first_middle_last
from sgdwalk.hessian.results import RunHessian
from sgdwalk.hessian.spectrum import SpectralDensity

EIGENVALUE = r"eigenvalue $\lambda$ (parameter$^{-2}$)"
RANDOM = "random"  # what as many random directions would show


def draw_eigenvalues(axis: Axes, run: RunHessian) -> None:
    """Leading eigenvalues at each checkpoint, and the size of the most negative one."""
    eigenvalues, smallest = run.eigenvalues, run.smallest
    count = eigenvalues.shape[1]
    for rank, colour in reversed(list(enumerate(style.colours(count)))):
        label = {0: "largest", count - 1: f"rank {count}"}.get(rank)
        axis.plot(run.step + 1, _positive(eigenvalues[:, rank]), ".-", color=colour, label=label)
    if smallest.size:
        look: dict[str, Any] = {"color": style.NULL_COLOUR, "ls": "--", "marker": "x", "ms": 4}
        axis.plot(run.step + 1, _positive(-smallest[:, 0]), label="most negative", **look)
    _log_steps(axis, run)
    axis.set(yscale="log", ylabel=r"$|\lambda|$ (parameter$^{-2}$)")
    _legend_in_headroom(axis, 0.25)


def draw_spectral_density(axis: Axes, run: RunHessian) -> None:
    """Spectral density at up to three checkpoints, in units of their largest eigenvalue."""
    nodes, weights = run.density_nodes, run.density_weights
    chosen = _shown_checkpoints(np.isfinite(nodes).all(axis=(1, 2)))
    if not chosen:
        style.message(axis, "no spectral density was asked for")
        return
    for i, colour in zip(chosen, style.colours(len(chosen)), strict=True):
        scaled = nodes[i] / nodes[i].max()
        width = np.ptp(scaled) / scaled.shape[1]  # about what the Lanczos steps resolve
        grid = np.linspace(scaled.min() - 9 * width, 1 + 9 * width, 2000)
        density, _ = SpectralDensity(scaled, weights[i]).density(grid, width)
        trace, error = run.trace[i], run.trace_error[i]
        label = rf"step {run.step[i]}, trace {trace:.4g} $\pm$ {error:.2g}"
        axis.plot(grid, density, color=colour, lw=1, label=label)
    axis.set(yscale="log", xlabel=r"$\lambda / \lambda_1$", ylabel="density")
    axis.set_ylim(1e-2 / run.parameters, 1e5)
    style.legend_over_lines(axis, loc="upper right")


def draw_edge_of_stability(axis: Axes, run: RunHessian) -> None:
    """Largest eigenvalue in train and eval mode against the one above which steps grow.

    Where a logarithmic axis has no place for the edge, the panel says why.
    """
    x = run.step + 1
    axis.plot(x, run.train_mode_eigenvalue, "o-", ms=3, label="train")
    axis.plot(x, run.eigenvalues[:, 0], "s-", ms=3, label="eval")
    shown = np.isfinite(run.edge) & (run.edge > 0)
    if shown.any():
        edge = np.where(shown, run.edge, np.nan)
        look: dict[str, Any] = {"color": style.NULL_COLOUR, "lw": 0.8, "ls": ":"}
        if shown.sum() == 1:
            look["marker"] = "_"
        axis.plot(x, edge, label="edge of stability", **look)
    _log_steps(axis, run)
    axis.set(yscale="log", ylabel=r"$\lambda_1$ (parameter$^{-2}$)")
    said = _without_edge(run)
    if said:
        style.make_headroom(axis, 0.2)
        text = textwrap.fill(f"edge of stability: {said}", 52)
        place: style.Look = {"transform": axis.transAxes, "ha": "left", "va": "top"}
        axis.text(0.02, 0.98, text, fontsize=5.5, color="0.4", **place)
    style.legend_above(axis)


def draw_eigenspace_overlap(axis: Axes, run: RunHessian) -> None:
    """Overlap of the leading eigenspaces of neighbouring checkpoints, beside random ones."""
    middles = np.sqrt((run.step[1:] + 1.0) * (run.step[:-1] + 1.0))
    axis.plot(middles, run.overlap, "o-", ms=3, label="neighbouring checkpoints")
    style.null_line(axis, _random_share(run), RANDOM, width=0.8)
    _log_steps(axis, run)
    axis.set(yscale="log", ylabel="overlap of eigenspaces")
    axis.set_ylim(top=1.5)
    style.legend_over_lines(axis)


def draw_eigenspace_shares(axis: Axes, run: RunHessian) -> None:
    """Share of gradient, steps and displacement in the leading eigenspace, beside random ones."""
    x = run.step + 1
    axis.plot(x, run.gradient_share, "s-", ms=3, label="gradient")
    steps = np.ma.masked_invalid(run.replay_step_share)
    mean, low, high = (getattr(steps, f)(axis=1).filled(np.nan) for f in ("mean", "min", "max"))
    axis.errorbar(x, mean, [mean - low, high - mean], fmt="o-", ms=3, lw=0.8, label="steps")
    axis.plot(x, run.displacement_share, "^-", ms=3, label="displacement")
    style.null_line(axis, _random_share(run), RANDOM, width=0.8)
    _log_steps(axis, run)
    axis.set(yscale="log", ylabel="share in leading eigenspace")
    axis.set_ylim(top=1.5)
    style.legend_over_lines(axis, loc="lower left")


def draw_eigenvector_variance(axis: Axes, run: RunHessian) -> None:
    """Variance of the walk along each leading eigenvector against its eigenvalue.

    Of up to three checkpoints, with the exponents of power laws; dotted, other directions.
    """
    chosen = _shown_checkpoints(np.isfinite(run.variance).all(axis=1))
    if not chosen:
        style.message(axis, "no checkpoint has replayed steps")
        return
    for i, colour in zip(chosen, style.colours(len(chosen)), strict=True):
        slope, error = run.variance_slope[i], run.variance_slope_error[i]
        label = rf"step {run.step[i]}: ${slope:.1f} \pm {error:.1f}$"
        eigenvalues = _positive(run.eigenvalues[i])
        axis.plot(eigenvalues, run.variance[i], "o", ms=3, color=colour, label=label)
        axis.axhline(run.variance_elsewhere[i], color=colour, lw=0.8, ls=":")
    axis.plot([], [], color=style.NULL_COLOUR, ls=":", label="other directions")
    axis.set(xscale="log", yscale="log", xlabel=EIGENVALUE, ylabel=r"variance (parameter$^2$)")
    _legend_in_headroom(axis, 0.42, title="exponent", title_fontsize=6.5)


def hessian_title(run: RunHessian) -> str:
    """Title of a figure of a run's Hessians: what they are of, and how many are missing."""
    title = f"{run.origin['run']}, mean loss of {run.samples} training samples"
    if run.missing:
        without = f"{len(run.missing)} of {len(run.step)} checkpoints"
        title += f" ({without} not reached or not finite: diverged)"
    return title


def _without_edge(run: RunHessian) -> str:
    """Why the edge of stability is not drawn at some checkpoints, empty where it is at all."""
    said = [run.undefined["edge"]] if "edge" in run.undefined else []
    below = np.flatnonzero(run.edge <= 0)
    if below.size:
        steps = "step " + ", ".join(str(step) for step in run.step[below])
        if below.size == len(run.step) - len(run.missing):
            steps = "every step"
        values = ", ".join(dict.fromkeys(f"{edge:.3g}" for edge in run.edge[below]))
        said.append(f"not above zero at {steps}: {values}")
    return "; ".join(said)


def _positive(values: np.ndarray) -> np.ndarray:
    """What a logarithmic axis can show; nan for the rest."""
    return np.where(values > 0, values, np.nan)


def _shown_checkpoints(present: np.ndarray) -> list[int]:
    """First, middle and last of the checkpoints that have something to show.

    Counted from the end: of two in the middle the later one, as where densities are computed.
    """
    found = np.flatnonzero(present)[::-1].tolist()
    return sorted(found[i] for i in first_middle_last(len(found)))


def _random_share(run: RunHessian) -> float:
    """Share of a random vector in an eigenspace of so many dimensions."""
    return run.eigenvalues.shape[1] / run.parameters


def _legend_in_headroom(axis: Axes, share: float, **options: Any) -> None:
    style.make_headroom(axis, share)
    options |= {"ncols": 2, "columnspacing": 0.8, "handletextpad": 0.2}
    style.legend_over_lines(axis, loc="upper right", **options)


def _log_steps(axis: Axes, run: RunHessian) -> None:
    """The same steps on every axis of them, from 1 as in the paper."""
    axis.set(xscale="log", xlabel="step + 1", xlim=(0.8, 1.25 * (run.step[-1] + 1)))
    axis.xaxis.set_minor_formatter(NullFormatter())
