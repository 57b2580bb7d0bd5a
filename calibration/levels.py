"""Levels of all other numbers, nulls and intervals: the page docs/levels.md."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from calibration import (
    loss_roughness,
    noise_tails,
    path_intervals,
    seeds,
    surrogates,
    terrain_roughness,
)


@dataclass(frozen=True)
class Section:
    """A table of the page, made of lines that are measured apart.

    Attributes:
        title: of the section.
        words: below it.
        parts: how many lines are measured apart.
        measure: result of one of them, of its number, of realisations and of the first seed.
        table: markdown of all results.
    """

    title: str
    words: str
    parts: int
    measure: Callable[[int, int, int], object]
    table: Callable[[list], str]


SECTIONS = [
    Section(
        "Surrogates: a window's own steps",
        surrogates.__doc__ or "",
        len(surrogates.CASES),
        surrogates.measured,
        surrogates.table,
    ),
    Section(
        "Intervals of numbers of the path",
        path_intervals.__doc__ or "",
        len(path_intervals.KINDS),
        path_intervals.measured,
        path_intervals.table,
    ),
    Section(
        "Exponents pooled over seeds",
        seeds.__doc__ or "",
        len(seeds.CASES),
        seeds.measured,
        seeds.table,
    ),
    Section(
        "Roughness of the loss along the walk",
        loss_roughness.__doc__ or "",
        len(loss_roughness.CASES),
        loss_roughness.measured,
        loss_roughness.table,
    ),
    Section(
        "Tails of gradients and of their noise",
        noise_tails.__doc__ or "",
        len(noise_tails.CASES),
        noise_tails.measured,
        noise_tails.table,
    ),
    Section(
        "Roughness along walks on terrains of known H",
        terrain_roughness.__doc__ or "",
        len(terrain_roughness.CASES),
        terrain_roughness.measured,
        terrain_roughness.table,
    ),
]


def levels_page(realisations: int, seed: int, pool: Executor) -> str:
    """Measure every section.

    Args:
        realisations: of each line.
        seed: of the first realisation.
        pool: of processes.

    Returns:
        The page of the manual.
    """
    submitted = [
        [pool.submit(section.measure, part, realisations, seed) for part in range(section.parts)]
        for section in SECTIONS
    ]
    pages = [
        f"""# Levels: how often nulls and intervals are right

Written by `make calibrate` on {datetime.date.today()}: {realisations} realisations of each line,
a quarter as many of losses and tails, a tenth of terrains; seeds from {seed}.
A share of 0.05 comes out up to {2 * (0.05 * 0.95 / realisations) ** 0.5:.2f} off by chance.
What the numbers mean is in [numbers.md](numbers.md).
"""
    ]
    for section, futures in zip(SECTIONS, submitted, strict=True):
        found = [future.result() for future in futures]
        print(section.title, file=sys.stderr)
        words = section.words.split("\n\n", 1)[-1].strip() or section.words.strip()
        pages.append(f"## {section.title}\n\n{words}\n\n{section.table(found)}")
    return "\n".join(pages)
