"""Panels of sweeps of the toy walker: exponents and frozen walkers over roughness and noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from sgdwalk.figures import style
from sgdwalk.walker.sweep import SweepMean, SweepResult, averaged

MAPS = {
    "exponent_initial_free": ("initial exponent", "viridis"),
    "exponent_final_free": ("final exponent", "viridis"),
    "frozen_share": ("share frozen", "cividis"),
}
SHARE = "frozen_share"
NOISE = r"noise $\sigma$"


@dataclass(frozen=True)
class Phase:
    """Means over draws of one kind of terrain at one learning rate.

    Attributes:
        kind: of the terrain.
        learning_rate: of the walk.
        means: by roughness exponent of the terrain (None: its own) and noise.
    """

    kind: str
    learning_rate: float
    means: Mapping[tuple[float | None, float], SweepMean]

    @property
    def noises(self) -> list[float]:
        """Those there are, in order."""
        return sorted({noise for _, noise in self.means})

    @property
    def roughness(self) -> list[float | None]:
        """Roughness exponents there are, in order; a terrain's own comes first."""
        return sorted({H for H, _ in self.means}, key=lambda H: -1.0 if H is None else H)


def phases_of(sweeps: Iterable[SweepResult]) -> list[Phase]:
    """Sweeps by kind of terrain and learning rate, averaged over draws."""
    found: dict[tuple[str, float], dict[tuple[float | None, float], SweepMean]] = {}
    for mean in (mean for sweep in sweeps for mean in averaged(sweep)):
        s = mean.settings
        of_phase = found.setdefault((s["kind"], s["learning_rate"]), {})
        of_phase[s.get("H"), s["noise"]] = mean
    return [Phase(kind, rate, found[kind, rate]) for kind, rate in sorted(found)]


def map_limits(sweeps: Iterable[SweepResult], result: str) -> tuple[float, float]:
    """Ends of the colour scale: one for both exponents, over all points, and one for shares."""
    if result == SHARE:
        return 0.0, 1.0
    points = [point for sweep in sweeps for point in sweep.points]
    found = [getattr(point, name) for point in points for name in MAPS if name != SHARE]
    found = [value for value in found if np.isfinite(value)] or [0.0]
    return min(*found, 0.5), max(*found, 1.5)


def draw_phase_map(axis: Axes, phase: Phase, result: str, limits: tuple[float, float]) -> None:
    """One result as a map over noise and roughness, with its numbers.

    Where draws without a number are left out of a mean, the cell says of how many it is.

    Args:
        axis: where to.
        phase: one kind of terrain and learning rate.
        result: a key of `MAPS`.
        limits: of the colour scale.
    """
    label, colours = MAPS[result]
    cells = [[phase.means.get((H, noise)) for noise in phase.noises] for H in phase.roughness]
    values = np.array(
        [[np.nan if c is None else c.means[result].value for c in row] for row in cells]
    )
    image = axis.imshow(values, origin="lower", aspect="auto", cmap=colours, clim=limits)
    for (i, j), value in np.ndenumerate(values):
        text, cell = "–" if np.isnan(value) else f"{value:.2f}", cells[i][j]
        if cell is not None and cell.counts[result] < cell.draws:
            text += f"\n{cell.counts[result]} of {cell.draws}"
        on_pale = np.isnan(value) or value > np.mean(limits)
        axis.text(j, i, text, ha="center", va="center", fontsize=6, color="k" if on_pale else "w")
    axis.set_xticks(range(len(phase.noises)), [f"{noise:g}" for noise in phase.noises])
    axis.set_yticks(range(len(phase.roughness)), [_said(H) for H in phase.roughness])
    axis.set(xlabel=NOISE, ylabel="roughness exponent $H$")
    axis.figure.colorbar(image, ax=axis, pad=0.02, aspect=25, label=label)


def draw_final_exponents(axis: Axes, phase: Phase) -> None:
    """Exponent of the final stage against noise, mean over draws with its 95 % interval."""
    noises = [noise for noise in phase.noises if noise > 0]  # the axis is logarithmic
    if not noises:
        style.message(axis, "no noise")
        return
    shifts = np.linspace(0.94, 1.06, len(phase.roughness))  # so that intervals stay apart
    colours = style.colours(len(phase.roughness))
    for H, shift, colour in zip(phase.roughness, shifts, colours, strict=True):
        there = [noise for noise in noises if (H, noise) in phase.means]
        found = [phase.means[H, noise].means["exponent_final_free"] for noise in there]
        label = f"$H$ = {_said(H)}" + ("" if any(e.defined for e in found) else ": none")
        look: style.Look = {"fmt": "o-", "ms": 3, "color": colour, "label": label}
        style.interval_bars(axis, shift * np.array(there), found, **look)
    style.null_line(axis, 1)
    axis.set(xscale="log", xlabel=NOISE, ylabel="final exponent", ylim=(-0.3, 2.3))
    axis.set_xticks(noises, [f"{noise:g}" for noise in noises])
    axis.minorticks_off()
    axis.set_xlim(noises[0] / 1.3, noises[-1] * 1.3)
    axis.legend(ncols=2, loc="upper left")


def _said(H: float | None) -> str:
    return "own" if H is None else f"{H:g}"
