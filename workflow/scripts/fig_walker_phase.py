"""Phases of the toy walker: exponents and frozen walkers over roughness, noise, learning rate."""

import numpy as np
from matplotlib.axes import Axes

from launch import job
from sgdwalk.figures import style
from sgdwalk.walker import sweep as walker_sweep
from sgdwalk.walker.table import averaged

MAPS = {
    "exponent_initial_free": ("initial exponent", "viridis"),
    "exponent_final_free": ("final exponent", "viridis"),
    "frozen_share": ("share frozen", "cividis"),
}


def rows_of(points: list[dict]) -> list[tuple]:
    """One row of panels per kind of terrain and learning rate."""
    return sorted({(p["kind"], p["learning_rate"]) for p in points})


def limits_of(points: list[dict], result: str) -> tuple[float, float]:
    """One scale for both exponents, and one for shares."""
    if result == "frozen_share":
        return 0.0, 1.0
    found = [p[name] for p in points for name in MAPS if name != "frozen_share"]
    found = [value for value in found if np.isfinite(value)] or [0.0]
    return min(*found, 0.5), max(*found, 1.5)


def said(H: float | None) -> str:
    return "own" if H is None else f"{H:g}"


def draw_map(figure, axis: Axes, table: dict, result: str, limits, noises, exponents) -> None:
    label, colours = MAPS[result]
    nowhere = dict.fromkeys(MAPS, walker_sweep.Mean(np.nan, np.nan, np.nan, 0))
    values = np.array(
        [[table.get((H, s), nowhere)[result].value for s in noises] for H in exponents]
    )
    image = axis.imshow(values, origin="lower", aspect="auto", cmap=colours, clim=limits)
    for (i, j), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.2f}"
        dark = np.isnan(value) or value > np.mean(limits)
        axis.text(j, i, text, ha="center", va="center", fontsize=6, color="k" if dark else "w")
    axis.set_xticks(range(len(noises)), [f"{s:g}" for s in noises])
    axis.set_yticks(range(len(exponents)), [said(H) for H in exponents])
    axis.set(xlabel=r"noise $\sigma$", ylabel="roughness exponent $H$")
    figure.colorbar(image, ax=axis, pad=0.02, aspect=25, label=label)


def draw_lines(axis: Axes, table: dict, noises: list, exponents: list) -> None:
    noises = [s for s in noises if s > 0]
    if not noises:
        style.message(axis, "no noise")
        return
    shifts = np.linspace(0.94, 1.06, len(exponents))
    colours = style.colours(len(exponents))
    for H, shift, colour in zip(exponents, shifts, colours, strict=True):
        means = [table[H, s]["exponent_final_free"] for s in noises if (H, s) in table]
        x = shift * np.array([s for s in noises if (H, s) in table])
        value, low, high = np.array([(m.value, m.low, m.high) for m in means]).T
        errors = style.error_bars(value, low, high)
        axis.errorbar(
            x, value, errors, fmt="o-", ms=3, lw=0.8, color=colour, label=f"$H$ = {said(H)}"
        )
    axis.axhline(1, color=style.NULL_COLOUR, lw=0.7, ls=":")
    axis.set(xscale="log", xlabel=r"noise $\sigma$", ylabel="final exponent", ylim=(-0.3, 2.3))
    axis.set_xticks(noises, [f"{s:g}" for s in noises])
    axis.minorticks_off()
    axis.set_xlim(noises[0] / 1.3, noises[-1] * 1.3)
    axis.legend(ncols=2, loc="upper left")


with job(snakemake) as log:
    points = [point for path in snakemake.input for point in walker_sweep.read(path)]
    rows = rows_of(points)
    names = [(row, column) for row in rows for column in (*MAPS, "lines")]
    figure, axes = style.panels(names, columns=len(MAPS) + 1)
    for kind, rate in rows:
        chosen = [p for p in points if (p["kind"], p["learning_rate"]) == (kind, rate)]
        table = {(s.get("H"), s["noise"]): means for s, means in averaged(chosen)}
        noises = sorted({s for _, s in table})
        exponents = sorted({H for H, _ in table}, key=lambda H: -1 if H is None else H)
        for result in MAPS:
            limits = limits_of(points, result)
            draw_map(figure, axes[(kind, rate), result], table, result, limits, noises, exponents)
        draw_lines(axes[(kind, rate), "lines"], table, noises, exponents)
        axes[(kind, rate), "exponent_initial_free"].set_title(rf"{kind}, $\eta$ = {rate:g}")
    style.save_figure(figure, snakemake.output)
    log(f"{len(points)} ensembles")
