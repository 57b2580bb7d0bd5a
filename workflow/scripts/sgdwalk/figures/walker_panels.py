"""Panels of the toy walker: paths on the terrain, diffusion, gradients, valleys and basins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from sgdwalk.figures import style
from sgdwalk.gradients.stable_law import stable_density
from sgdwalk.walker.analysis import WalkerAnalysis, selections
from sgdwalk.walker.diffusion import StageDiffusion

GROUND = "Greys"  # paths are coloured, the ground is not
STAGE_DASHES = {"initial": "-", "final": "--"}
WHOLE = ((-1.0, 1.0), (-1.0, 1.0))
MOST_CELLS = 512  # of the ground a side: more than a panel has pixels
VALLEY_STEPS = 200
BENDS = "*"  # behind an exponent that is the mean slope of a regime that bends

T = TypeVar("T")


def terrain_colours(results: Mapping[str, WalkerAnalysis]) -> dict[str, np.ndarray]:
    """A colour for each terrain, the same in all panels of a figure."""
    return dict(zip(results, style.colours(len(results)), strict=True))


def draw_terrain_path(axis: Axes, result: WalkerAnalysis, name: str) -> None:
    """One walk on the ground of its terrain, which gives the panel its title."""
    path = _shown_walker(result)
    _draw_ground(axis, result)
    axis.plot(*path.T, color=style.colours(3)[1], lw=0.5)
    axis.plot(*path[0], "o", color="tab:orange", ms=4, label="start")
    axis.plot(*path[-1], "s", color="tab:red", ms=4, label="end")
    axis.set_title(name)
    axis.legend(loc="lower left", frameon=True, borderpad=0.3)


def draw_valley(axis: Axes, result: WalkerAnalysis) -> None:
    """The last steps of the same walk from near, coloured by their length."""
    path = _shown_walker(result)[-VALLEY_STEPS - 1 :]
    low, high = path.min(axis=0), path.max(axis=0)
    half = max(0.6 * (high - low).max(), 0.02)
    middle = np.clip((low + high) / 2, -1 + half, 1 - half) if half < 1 else np.zeros(2)
    x, y = ((float(c - half), float(c + half)) for c in middle)
    _draw_ground(axis, result, (x, y))
    lines = LineCollection(
        list(np.stack([path[:-1], path[1:]], axis=1)), cmap=style.SEQUENCE, lw=0.8
    )
    lines.set_array(np.linalg.norm(np.diff(path, axis=0), axis=1))
    axis.add_collection(lines)
    axis.figure.colorbar(lines, ax=axis, pad=0.02, aspect=25, label="step size")
    axis.set_title(f"last {len(path) - 1} steps")


def draw_stages(axis: Axes, result: WalkerAnalysis) -> None:
    """MSD of the stages on one terrain: time average, ensemble average (+) and one walker (dots).

    Grey: of all walkers, those that a wall held among them.
    """
    stages = _free_or_all(result.stages)
    for colour, (stage, dashes) in zip(style.colours(2), STAGE_DASHES.items(), strict=True):
        s = stages[stage]
        used = _draw_stage(axis, s, colour, dashes, f"{stage}: {_exponents(s)}")
        axis.plot(s.lags[used], s.first_walker[used], color=colour, lw=0.6, ls=":")
        every = result.stages["all"][stage]
        axis.plot(s.lags[used], every.msd[used], color=style.NULL_COLOUR, lw=0.6, ls=dashes)
        some = s.fit_lags.astype(int) - 1
        axis.plot(s.lags[some], s.ensemble_averaged[some], "+", ms=3, mew=0.6, color=colour)
    axis.legend(title=f"exponents: largest, last; {BENDS} bends", title_fontsize=6.5)


def draw_stages_by_terrain(
    axis: Axes, results: Mapping[str, WalkerAnalysis], colours: Mapping[str, np.ndarray]
) -> None:
    """MSD of the stages on several terrains."""
    for name, result in results.items():
        stages = _free_or_all(result.stages)
        for stage, dashes in STAGE_DASHES.items():
            label = f"{name}: {_exponents(stages[stage])}"
            _draw_stage(axis, stages[stage], colours[name], dashes, label)
    title = f"initial (solid), final (dashed); {BENDS} bends"
    style.make_headroom(axis, 0.4)
    axis.legend(title=title, title_fontsize=6.5, fontsize=5.5, loc="upper left")


def draw_terrain_gradients(
    axis: Axes, results: Mapping[str, WalkerAnalysis], colours: Mapping[str, np.ndarray]
) -> None:
    """Densities of gradient entries in units of their s.d., with stable fits and the Gaussian."""
    for name, result in results.items():
        g, colour = result.gradients, colours[name]
        width = g.gaussian[1] if np.isfinite(g.gaussian[1]) else 1.0
        middle = (g.edges[1:] + g.edges[:-1]) / 2
        alpha = g.alpha.value
        label = name if np.isnan(alpha) else rf"{name}, $\alpha$ = {alpha:.2f}"
        axis.plot(middle / width, g.density * width, ".", ms=2, color=colour, label=label)
        if np.isnan(alpha):
            continue
        x = np.linspace(g.edges[0], g.edges[-1], 400)
        _, beta, scale, location = g.stable
        stable = stable_density(x, alpha, 0.0 if np.isnan(beta) else beta, scale, location)
        axis.plot(x / width, stable * width, color=colour, lw=0.8)
    x = np.linspace(-6, 6, 300)
    normal = stable_density(x, 2.0, 0.0, np.sqrt(0.5), 0.0)
    axis.plot(x, normal, color=style.NULL_COLOUR, lw=0.8, ls=":", label="Gaussian")
    axis.set(yscale="log", xlim=(-7, 7), ylim=(1e-5, 1e3))
    axis.set(xlabel="gradient entry / its s.d.", ylabel="density")
    axis.legend(loc="upper left", ncols=2, columnspacing=0.8, fontsize=6)


def draw_terrain_msl(
    axis: Axes, results: Mapping[str, WalkerAnalysis], colours: Mapping[str, np.ndarray]
) -> None:
    """Mean squared loss difference against distance along one walk on each terrain.

    Dotted: the cells of the grids, and the distances from which on H is fitted; curves are thin
    below these, where the surface is smooth because it is interpolated.
    """
    for name, result in results.items():
        r = result.roughness
        label = f"{name}, $H$ = {r.hurst.value:.2f}" if r.hurst.defined else f"{name}, no $H$"
        known = np.isfinite(r.msl_error)  # bins with pairs from enough blocks of time
        distance, msl, error = r.separation[known], r.msl[known], 1.96 * r.msl_error[known]
        below = distance < r.resolved
        axis.plot(distance, msl, "-", lw=0.4, color=colours[name])
        axis.plot(distance[~below], msl[~below], ".-", ms=2, lw=0.9, color=colours[name])
        axis.plot([], [], ".-", color=colours[name], label=label)
        band = np.maximum(msl - error, msl / 10), msl + error
        axis.fill_between(distance, *band, color=colours[name], alpha=0.2, lw=0)
    axis.set(xscale="log", yscale="log", xlabel="distance", ylabel="MSL")
    for said, marks in (
        ("cell", {r.ground.cell for r in results.values()}),
        ("$H$ from", {r.roughness.resolved for r in results.values()}),
    ):
        for mark in sorted(marks):
            axis.axvline(mark, color=style.NULL_COLOUR, lw=0.7, ls=":")
            place: style.Look = {"xy": (mark, 0.98), "xycoords": axis.get_xaxis_transform()}
            axis.annotate(
                said, **place, rotation=90, fontsize=5.5, color="0.4", ha="right", va="top"
            )
    axis.legend(loc="lower right")


def draw_arrivals(
    axis: Axes, results: Mapping[str, WalkerAnalysis], colours: Mapping[str, np.ndarray]
) -> None:
    """Share of walkers that have reached the deepest and the flattest basin, by step."""
    for name, result in results.items():
        basins = _free_or_all(result.basins)
        steps = np.arange(1, result.walks.losses.shape[1])
        for reach, dashes in ((basins.reach_deepest, "-"), (basins.reach_flattest, "--")):
            arrived = np.searchsorted(np.sort(reach[np.isfinite(reach)]), steps, side="right")
            axis.plot(steps, arrived / len(reach), dashes, lw=1, color=colours[name])
        axis.plot([], [], color=colours[name], label=name)
    axis.set(xscale="log", ylim=(-0.02, 1.02), xlabel="step", ylabel="share of walkers arrived")
    axis.set_title("deepest (solid), flattest basin", fontsize=7)
    axis.legend(loc="center left")


def draw_valley_steps(
    axis: Axes, results: Mapping[str, WalkerAnalysis], colours: Mapping[str, np.ndarray]
) -> None:
    """Lengths of steps along valleys and across them."""
    for name, result in results.items():
        v = result.valleys
        middle = np.sqrt(v.edges[1:] * v.edges[:-1])
        width = np.log10(v.edges[1] / v.edges[0])
        axis.plot(middle, v.along / width, color=colours[name], label=name)
        axis.plot(middle, v.across / width, color=colours[name], ls="--", lw=0.9)
    axis.set(xscale="log", xlabel="step length", ylabel="share per decade")
    axis.set_title("along valleys (solid), across", fontsize=7)
    axis.legend(loc="center left")


def _shown_walker(result: WalkerAnalysis) -> np.ndarray:
    """(T, 2) path of the first walker that no wall ever held, or of the first."""
    walks = result.walks
    return selections(walks).get("free", walks).positions[0]


def _free_or_all(by_selection: Mapping[str, T]) -> T:
    """What belongs to the walkers never held, or else to all."""
    return by_selection.get("free", by_selection["all"])


def _exponents(stage: StageDiffusion) -> str:
    """Largest and last exponent, those of regimes that bend marked, a dash where there is none."""
    if not stage.regimes:
        return "not fitted"
    bent = {segment.exponent.value for segment in stage.regimes if segment.bends}
    found = (stage.exponent_max, stage.exponent_long)
    return ", ".join(
        f"{float(e):.2f}{BENDS if e.value in bent else ''}" if e.defined else "–" for e in found
    )


def _draw_stage(
    axis: Axes, stage: StageDiffusion, colour: np.ndarray, dashes: str, label: str
) -> np.ndarray:
    """MSD of one stage with its 95 % band; returns (n,) whether a lag is drawn: half the stage."""
    used = stage.lags <= stage.lags[-1] / 2
    axis.plot(stage.lags[used], stage.msd[used], color=colour, ls=dashes, label=label)
    band = stage.msd + np.multiply.outer((-1.96, 1.96), stage.msd_error)
    axis.fill_between(stage.lags[used], *band[:, used], color=colour, alpha=0.25, lw=0)
    axis.set(xscale="log", yscale="log", xlabel=style.LAG, ylabel=r"MSD($\tau$)")
    return used


def _draw_ground(
    axis: Axes,
    result: WalkerAnalysis,
    window: tuple[tuple[float, float], tuple[float, float]] = WHOLE,
) -> None:
    """Loss of the terrain in a window ((x, x), (y, y)) of the square."""
    values = result.ground.values
    cells = np.array(values.shape) - 1
    low, high = np.clip((np.array(window).T + 1) / 2, 0, 1) * cells
    (i, j), (k, m) = np.floor(low).astype(int), np.ceil(high).astype(int)
    skip = max(1, (k - i) // MOST_CELLS)
    part = values[i : k + 1 : skip, j : m + 1 : skip]
    # Each value fills the cell around its grid point.
    left, right, bottom, top = (
        float(2 * (end + side * skip / 2) / n - 1)
        for ends, n in zip(((i, k), (j, m)), cells, strict=True)
        for end, side in zip(ends, (-1, 1), strict=True)
    )
    extent = (left, right, bottom, top)
    axis.imshow(part.T, origin="lower", extent=extent, cmap=GROUND, aspect="equal")
    axis.set(xlim=window[0], ylim=window[1], xlabel="$x$", ylabel="$y$")
