"""Roughness exponents of the toy walker's terrains whose H is known, from walks and from grids.

Terrains are exact fractional Brownian surfaces and the bilinear surface joins their grid points: at
distances below some cells a walk feels the joining.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgdwalk.walker.gradients import walk_roughness
from sgdwalk.walker.grid_roughness import resolved_roughness
from sgdwalk.walker.terrain import make_terrain
from sgdwalk.walker.walk import simulate_walkers

EXPONENTS = (0.3, 0.5, 0.7, 0.9)
CELLS = (0, 1, 2, 4, 8, 16)
GRIDS = ("spectral", "fractal, not cut", "fractal", "multifractal", "convex", "shuffled")


@dataclass(frozen=True)
class WalkBias:
    """The exponent along free walks less H, by the shortest distance that is fitted.

    Attributes:
        hurst: H of the terrains.
        size: grid points a side.
        noise: sigma of the walk, units of half a side.
        cells: (n,) shortest distances, cells.
        bias: (n,) mean over terrains of exponent less H; nan where no terrain has one.
        spread: (n,) standard deviation over terrains.
        half_width: (n,) median half-width of the intervals.
        share: (n,) share of terrains that have an exponent.
    """

    hurst: float
    size: int
    noise: float
    cells: np.ndarray
    bias: np.ndarray
    spread: np.ndarray
    half_width: np.ndarray
    share: np.ndarray


def walk_bias(
    hurst: float,
    size: int,
    noise: float,
    terrains: int,
    steps: int = 1000,
    walkers: int = 12,
    learning_rate: float = 0.0,
    cells: Sequence[float] = CELLS,
    seed: int = 0,
) -> WalkBias:
    """Measure H along walks on spectral terrains, fitted from several shortest distances on.

    Args:
        hurst: H of the terrains.
        size: grid points a side.
        noise: sigma of the walk.
        terrains: how many are drawn, each with walks of its own.
        steps: of a walk.
        walkers: on each terrain.
        learning_rate: of the walk; 0 is a free one.
        cells: shortest distances fitted, cells.
        seed: of the first terrain.
    """
    found = np.full((terrains, len(cells), 2), np.nan)
    for row, number in zip(found, range(seed, seed + terrains), strict=True):
        terrain = make_terrain("spectral", number, size=size, H=hurst)
        walks = simulate_walkers(
            terrain, walkers, steps, seed=number, noise=noise, learning_rate=learning_rate
        )
        walks = walks.select(walks.stuck == 0)
        if not len(walks.stuck):
            continue
        for k, shortest in enumerate(cells):
            one = walk_roughness(walks, shortest * max(terrain.spacing)).hurst
            row[k] = one.value - hurst, (one.high - one.low) / 2
    numbers = np.ma.masked_invalid(found)
    return WalkBias(
        hurst,
        size,
        noise,
        np.array(cells, dtype=float),
        numbers[..., 0].mean(axis=0).filled(np.nan),
        numbers[..., 0].std(axis=0).filled(np.nan),
        np.ma.median(numbers[..., 1], axis=0).filled(np.nan),
        np.isfinite(found[..., 0]).mean(axis=0),
    )


@dataclass(frozen=True)
class GridBias:
    """What is measured back from the grids of one kind of terrain.

    Attributes:
        kind: of the terrain.
        hurst: H it was made with; nan: with none.
        size: grid points a side.
        exponents: (n,) of n draws; nan where there is none.
        first: (n,) shortest distance fitted, cells.
    """

    kind: str
    hurst: float
    size: int
    exponents: np.ndarray
    first: np.ndarray


def grid_bias(kind: str, hurst: float | None, size: int, draws: int, seed: int = 0) -> GridBias:
    """Measure the roughness of grids back.

    Args:
        kind: one of `GRIDS`.
        hurst: H of a `spectral` one.
        size: grid points a side.
        draws: how many.
        seed: of the first.
    """
    options = {} if hurst is None else {"H": hurst}
    if kind == "fractal, not cut":
        options |= {"floor": None, "border": None}
    name = kind.partition(",")[0]
    terrains = (make_terrain(name, seed + k, size=size, **options) for k in range(draws))
    found = [resolved_roughness(terrain.values) for terrain in terrains]
    return GridBias(
        kind,
        float("nan") if hurst is None else hurst,
        size,
        np.array([one.exponent for one in found]),
        np.array([one.first for one in found]),
    )


def walk_table(found: Sequence[WalkBias]) -> str:
    """Markdown: a row per terrain and walk, a column per shortest distance fitted, in cells.

    Mean exponent less H, its standard deviation over terrains in brackets.
    """
    head = "".join(f" {cells:g} |" for cells in found[0].cells)
    lines = [
        f"| H | points a side | noise (cells) |{head}",
        "|---|---|---|" + "---|" * len(found[0].cells),
    ]
    for one in found:
        step = one.noise * (one.size - 1) / 2
        cells = "".join(
            " – |" if np.isnan(bias) else f" {bias:+.3f} ({spread:.3f}) |"
            for bias, spread in zip(one.bias, one.spread, strict=True)
        )
        lines.append(f"| {one.hurst:g} | {one.size} | {step:.2g} |{cells}")
    return "\n".join(lines)


def grid_table(found: Sequence[GridBias]) -> str:
    """Markdown: a row per kind of grid, what is measured back and from how many cells on."""
    lines = [
        "| grid | H | points a side | measured back | fitted from cells | no power law |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        there = np.isfinite(one.exponents)
        some = one.exponents[there]
        measured = f"{some.min():.3f} to {some.max():.3f}" if some.size else "–"
        first = ", ".join(f"{cells:g}" for cells in np.unique(one.first[there])) or "–"
        H = "" if np.isnan(one.hurst) else f"{one.hurst:g}"
        share = f"{(~there).sum()} of {there.size}"
        lines.append(f"| {one.kind} | {H} | {one.size} | {measured} | {first} | {share} |")
    return "\n".join(lines)


# Along walks: H, points a side, noise; then grids: kind, H, points a side.
WALKS = [(H, 1025, 0.01) for H in EXPONENTS] + [(H, 257, 0.01) for H in EXPONENTS]
MEASURED_GRIDS = [("spectral", H, 257) for H in EXPONENTS] + [
    (kind, None, 257) for kind in GRIDS[1:]
]
CASES = [*WALKS, *MEASURED_GRIDS]


def measured(part: int, realisations: int, seed: int) -> WalkBias | GridBias:
    """One line: walks on a tenth as many terrains, or a fifth as many grids."""
    if part < len(WALKS):
        hurst, size, noise = WALKS[part]
        return walk_bias(hurst, size, noise, max(realisations // 10, 2), seed=seed)
    kind, H, size = MEASURED_GRIDS[part - len(WALKS)]
    return grid_bias(kind, H, size, max(realisations // 5, 2), seed)


def table(found: Sequence[WalkBias | GridBias]) -> str:
    """The tables of the manual: along walks, and of grids."""
    walks = [one for one in found if isinstance(one, WalkBias)]
    grids = [one for one in found if isinstance(one, GridBias)]
    return f"{walk_table(walks)}\n\n{grid_table(grids)}\n"
