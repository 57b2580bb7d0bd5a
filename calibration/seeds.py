"""How often the exponents that are pooled over seeds hold the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from calibration.walks import fractional_noise
from sgdwalk.geometry.ageing import ergodicity_breaking
from sgdwalk.geometry.anomalous_exponents import ANOMALOUS, anomalous_exponents, pool_seeds

SEEDS = (2, 3, 5, 8)
DIMENSIONS = (1, 20, 1000)


@dataclass(frozen=True)
class Process:
    """A walk whose exponents are known.

    Attributes:
        name: of the process.
        draw: (n, D) increments of a generator, steps and dimension.
        truth: H, J, L, M.
    """

    name: str
    draw: Callable[[np.random.Generator, int, int], np.ndarray]
    truth: tuple[float, float, float, float]


def levy_flight(rng: np.random.Generator, count: int, dimension: int, alpha: float) -> np.ndarray:
    """Isotropic alpha-stable steps: Gaussian of one-sided stable variance (Kanter 1975)."""
    half = alpha / 2
    angle = rng.uniform(0, np.pi, (count, 1))
    ratio = np.sin((1 - half) * angle) / rng.exponential(size=(count, 1))
    variance = np.sin(half * angle) / np.sin(angle) ** (1 / half) * ratio ** ((1 - half) / half)
    return np.sqrt(variance) * rng.standard_normal((count, dimension))


def scaled_brownian(
    rng: np.random.Generator, count: int, dimension: int, moses: float
) -> np.ndarray:
    """Brownian increments whose variance grows so that `<x^2> = t^(2 M)`."""
    scale = np.sqrt(np.diff(np.arange(count + 1.0) ** (2 * moses)))
    return scale[:, None] * rng.standard_normal((count, dimension))


PROCESSES = [
    Process("Brownian", lambda rng, n, d: rng.standard_normal((n, d)), (0.5, 0.5, 0.5, 0.5)),
    Process("fBm H = 0.3", partial(fractional_noise, hurst=0.3), (0.3, 0.3, 0.5, 0.5)),
    Process("fBm H = 0.75", partial(fractional_noise, hurst=0.75), (0.75, 0.75, 0.5, 0.5)),
    Process("Levy flight, alpha = 1.5", partial(levy_flight, alpha=1.5), (2 / 3, 0.5, 2 / 3, 0.5)),
    Process("ageing M = 0.3", partial(scaled_brownian, moses=0.3), (0.3, 0.5, 0.5, 0.3)),
    Process("ageing M = 0.8", partial(scaled_brownian, moses=0.8), (0.8, 0.5, 0.5, 0.8)),
]


def coverage_of_seeds(
    process: Process, dimension: int, seeds: int, length: int, repeats: int, first: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Share of intervals of H, J, L, M that hold the truth, and mean of value less truth.

    Args:
        process: that is drawn.
        dimension: of the walks.
        seeds: that are pooled.
        length: positions of a window.
        repeats: times that seeds are pooled.
        first: seed of the first.
    """
    truth = np.array(process.truth)
    held, off = [], []
    for repeat in range(repeats):
        found = []
        for seed in range(seeds):
            rng = np.random.default_rng([first, repeat, seed])
            steps = process.draw(rng, length - 1, dimension)
            found.append(anomalous_exponents(steps @ steps.T))
        pooled = [getattr(pool_seeds(found), name) for name in ANOMALOUS[:4]]
        held.append([e.low <= t <= e.high for e, t in zip(pooled, truth, strict=True)])
        off.append([e.value - t for e, t in zip(pooled, truth, strict=True)])
    return np.mean(held, axis=0), np.mean(off, axis=0)


HEAD = (
    "| process | D | seeds | coverage of H, J, L, M | bias of H, J, L, M | coverage of EB at lags "
    "1 and T/10 |\n|---|---|---|---|---|---|\n"
)


def coverage_of_ergodicity(
    dimension: int, seeds: int, length: int, repeats: int, first: int = 0
) -> tuple[float, float]:
    """Share of intervals of EB of Brownian walks that hold the exact value, at two lags.

    Args:
        dimension: of the walks.
        seeds: that are compared.
        length: positions of a window.
        repeats: times that seeds are compared.
        first: seed of the first.

    Returns:
        At a lag of one record, and of a tenth of the window.
    """
    held = []
    for repeat in range(repeats):
        rng = np.random.default_rng([first, repeat])
        steps = rng.standard_normal((seeds, length - 1, dimension))
        found = ergodicity_breaking(
            [walk @ walk.T for walk in steps], [1, length // 10], dimension=dimension
        )
        held.append((found.low <= found.brownian) & (found.brownian <= found.high))
    short, long = np.mean(held, axis=0)
    return float(short), float(long)


LENGTH = 300
CASES = [(process, dimension) for process in PROCESSES for dimension in DIMENSIONS]


def measured(part: int, realisations: int, seed: int) -> str:
    """Rows of one process in one dimension, of windows of T = 300.

    Of Brownian walks also the coverage of the ergodicity-breaking parameter.
    """
    process, dimension = CASES[part]
    rows = []
    for seeds in SEEDS:
        held, off = coverage_of_seeds(process, dimension, seeds, LENGTH, realisations, seed)
        ergodicity = ""
        if process is PROCESSES[0] and seeds >= 3:
            both = coverage_of_ergodicity(dimension, seeds, LENGTH, realisations, seed)
            ergodicity = " ".join(f"{share:.2f}" for share in both)
        cells = [
            process.name,
            str(dimension),
            str(seeds),
            " ".join(f"{share:.2f}" for share in held),
            " ".join(f"{bias:+.3f}" for bias in off),
            ergodicity,
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def table(rows: list[str]) -> str:
    """The table of the manual."""
    return HEAD + "\n".join(rows) + "\n"
