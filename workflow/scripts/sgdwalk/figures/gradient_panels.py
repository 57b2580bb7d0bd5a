"""Panels of gradients: densities of entries, tail indices with their nulls, loss increments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from sgdwalk.figures import style
from sgdwalk.figures.window_panels import first_middle_last
from sgdwalk.gradients.run import RunGradients
from sgdwalk.gradients.stable_law import stable_density
from sgdwalk.gradients.tail_record import TailRecord

FIT, GAUSSIAN = "tab:blue", "tab:orange"
ALPHA = r"tail index $\alpha$, 95 %"
POOLED = "pooled: unequal scales\nof parameters lower $\\alpha$,\ntoo; no test of tails"
# By quantity: marker, colour, and what legends call it and its null.
ALONG_WALK = {
    "entries": ("o", FIT, "pooled entries (d), no test", "scale mixture"),
    "full-batch entries": ("s", "tab:green", "full-batch entries, no test", "scale mixture"),
    "standardised entries": ("^", "tab:purple", "standardised entries", "Gaussian"),
}
# By quantity: method, marker, colour, and what the legend calls it.
AT_FIXED_WEIGHTS = {
    "standardised noise at fixed weights": ("likelihood", "^", "tab:purple", "coordinates"),
    "noise vectors at fixed weights": ("log-moment mean", "D", "tab:brown", "vectors"),
}


def draw_entry_density(
    axis: Axes, run: RunGradients, name: str, fit: TailRecord, where: str
) -> None:
    """Histogram, fits and null about the middle, and all of it in an inset with log axis.

    Args:
        axis: where to.
        run: whose entries.
        name: of the histogram.
        fit: its tail index.
        where: what part of the run it is of, for the title.
    """
    if name not in run.histograms or not fit.alpha.defined:
        style.message(axis, "too few entries")
        return
    histogram = run.histograms[name]
    x = (histogram.edges[1:] + histogram.edges[:-1]) / 2
    inset = axis.inset_axes((0.64, 0.5, 0.36, 0.48))
    beta = 0.0 if np.isnan(fit.beta) else fit.beta
    stable = stable_density(x, fit.alpha.value, beta, fit.scale, fit.location)
    z = (x - fit.gaussian_mean) / fit.gaussian_sd
    gaussian = np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * fit.gaussian_sd)
    seen = histogram.density > 0
    null: style.Look = {"color": style.NULL_COLOUR, "lw": 1, "ls": ":"}
    for a in (axis, inset):
        a.plot(x[seen], histogram.density[seen], ".", ms=2.5, color="0.3", label="entries (a-c)")
        a.plot(x, stable, color=FIT, lw=1, label="alpha-stable fit")
        a.plot(x, gaussian, color=GAUSSIAN, lw=1, ls="--", label="Gaussian fit")
        a.plot(x, histogram.null, label="null: scale mixture", **null)
    lowest = histogram.density[seen].min()
    inset.set(yscale="log", ylim=(lowest / 3, histogram.density.max() * 3))
    inset.set_xscale("symlog", linthresh=fit.scale)
    inset.set_xticks([-x[-1], 0, x[-1]], ["", "", ""])
    inset.tick_params(labelsize=5, length=2)
    inset.minorticks_off()
    reach = 8 * fit.scale
    axis.set(xlim=(-reach, 2 * reach), xlabel="gradient entry (1/parameter)")
    axis.set_ylabel("density (parameter)")
    axis.ticklabel_format(axis="both", style="sci", scilimits=(-2, 3), useMathText=True)
    axis.yaxis.get_offset_text().set_x(0.02)  # clear of the panel's letter
    said = f"; null: {fit.null_alpha.value:.2f}" if fit.null_alpha.defined else ""
    axis.set_title(rf"{where}: $\alpha = {fit.alpha.value:.2f}${said}")
    axis.annotate(
        POOLED,
        (0.99, 0.42),
        xycoords="axes fraction",
        ha="right",
        va="top",
        fontsize=5.5,
        color=style.NULL_COLOUR,
    )


def draw_tail_index(axis: Axes, run: RunGradients) -> None:
    """Tail index of each window, its null hollow beside it."""
    for quantity, (marker, colour, label, null) in ALONG_WALK.items():
        rows = run.select(quantity, window_start=True)
        x = _places(rows, "window_start")
        shift = 0.06 * (np.diff(x).min() if len(x) > 1 else 1)
        look: style.Look = {"fmt": marker, "color": colour, "ms": 3.5}
        style.interval_bars(axis, x - shift, [row.alpha for row in rows], label=label, **look)
        if any(row.null_alpha.defined for row in rows):
            look |= {"mfc": "white", "alpha": 0.7, "label": f"null: {null}"}
            style.interval_bars(axis, x + shift, [row.null_alpha for row in rows], **look)
    style.null_line(axis, 2)
    axis.set_ylabel(ALPHA)
    if x.size:
        style.window_axis(axis, x, 4 * shift)


def draw_loss_increments(axis: Axes, run: RunGradients, windows: Sequence[TailRecord]) -> None:
    """Loss increments of the first, middle and last window."""
    chosen = [windows[i] for i in first_middle_last(len(windows))]
    for row, colour in zip(chosen, style.colours(len(chosen)), strict=True):
        if row.window_start is None or row.window_length is None or row.stride is None:
            continue
        start = row.window_start
        part = run.absolute_increment[start : start + row.window_length * row.stride - 1]
        axis.plot(part, color=colour, lw=0.5, label=rf"$t_w = {start + 1}$")
    axis.set(yscale="log", xlabel="step of the window", ylabel=r"$|\Delta L|$ per step")
    style.legend_above(axis)


def draw_layer_tails(axis: Axes, run: RunGradients) -> None:
    """Tail index of standardised entries by parameter tensor, and the band of the null."""
    rows = run.select("standardised entries", layer=True)
    if not any(row.alpha.defined for row in rows):
        style.message(axis, "too few steps")
        return
    x, look = np.arange(1, len(rows) + 1), {"fmt": "^", "color": "tab:purple", "ms": 3.5}
    style.interval_bars(axis, x, [row.alpha for row in rows], label="standardised", **look)
    band = {"color": style.NULL_COLOUR, "alpha": 0.3, "label": "null: Gaussian"}
    _draw_null_band(axis, x, rows, step="mid", **band)
    axis.set(xlabel="parameter tensor, input to output", ylabel=ALPHA)
    style.legend_above(axis)


def draw_noise_tails(axis: Axes, run: RunGradients) -> None:
    """Noise at fixed weights: each coordinate standardised, and whole vectors; bands are nulls."""
    for quantity, (method, marker, colour, label) in AT_FIXED_WEIGHTS.items():
        rows = run.select(quantity, method)
        x, look = _places(rows, "step"), {"fmt": marker, "color": colour, "ms": 3.5}
        style.interval_bars(axis, x, [row.alpha for row in rows], label=label, **look)
        _draw_null_band(axis, x, rows, color=colour, alpha=0.2)
    style.null_line(axis, 2)
    axis.set(xscale="log", xlabel="step + 1", ylabel=r"$\alpha$ of noise at fixed weights")
    style.legend_above(axis)


def draw_rejected_share(axis: Axes, run: RunGradients) -> None:
    """Share of the coordinates of noise at fixed weights that are not Gaussian, beside chance."""
    rows = run.select("standardised noise at fixed weights")
    share = [row.rejected_share for row in rows]
    axis.plot(_places(rows, "step"), share, "o-", color=FIT, ms=3.5)
    style.null_line(axis, 0.05, "null: 5 %", width=0.9)
    axis.set(xscale="log", ylim=(0, 1), xlabel="step + 1", ylabel="share not Gaussian")
    axis.legend()


def _places(rows: Sequence[TailRecord], name: str) -> np.ndarray:
    """(n,) step at which windows begin or checkpoints were, counted from 1."""
    return np.array([getattr(row, name) + 1 for row in rows])


def _draw_null_band(axis: Axes, x: np.ndarray, rows: Sequence[TailRecord], **look: Any) -> None:
    nulls = [row.null_alpha for row in rows]
    axis.fill_between(x, [n.low for n in nulls], [n.high for n in nulls], lw=0, **look)
