"""How often a walk is outside of the surrogates that it is one of, and of those that it is not.

A walk whose steps are independent and symmetric is one of its own walks of random signs, a
stationary Gaussian one of those of the same autocorrelation, one whose steps are exchangeable of
those in random order: each number should be outside of its interval in 5 % of realisations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from calibration.walks import (
    Draw,
    brownian,
    bursts,
    drift,
    fractional,
    persistence,
    quadratic,
    relaxation,
    shrinking,
    students,
)
from sgdwalk.errors import InputError
from sgdwalk.geometry.components import variance_shares
from sgdwalk.geometry.distances import CheckedGram, contour_lengths, squared_distances
from sgdwalk.geometry.excursions import random_fragments
from sgdwalk.geometry.homology_dimension import homology_dimension
from sgdwalk.geometry.nulls import window_nulls
from sgdwalk.geometry.path_dimension import msd_against_contour
from sgdwalk.geometry.velocity import VELOCITY

LENGTH = 200
FRAGMENT = 50
COMPONENTS = 4
# What is measured of each kind of surrogate, in the order of the columns.
GROUPS = {
    "path dimension": ("path_dimension",),
    "velocity": tuple(f"velocity_{name}" for name in VELOCITY),
    "first shares": tuple(f"{f}_share_1" for f in ("centred", "uncentred", "row_normalised")),
    "shares 2-4": tuple(
        f"{f}_share_{k}" for f in ("centred", "uncentred", "row_normalised") for k in (2, 3, 4)
    ),
    "excursion": (f"excursion_ratio_{FRAGMENT}",),
    "homology": ("homology_dimension",),
}


@dataclass(frozen=True)
class Case:
    """A walk by name, its Gram matrix by seed and steps, and the surrogates that it is one of."""

    name: str
    gram: Callable[[int, int], np.ndarray]
    one_of: tuple[str, ...]


def wishart_gram(seed: int, steps: int, dimension: float) -> np.ndarray:
    """Gram matrix of standard normal steps in `dimension` >= steps directions (Bartlett 1933)."""
    rng = np.random.default_rng(seed)
    factor = np.tril(rng.standard_normal((steps, steps)), -1)
    factor[np.diag_indices(steps)] = np.sqrt(rng.chisquare(dimension - np.arange(steps)))
    return factor @ factor.T


def _unequal(dimension: int, spread: float) -> Draw:
    scales = np.random.default_rng(0).lognormal(sigma=spread, size=dimension)
    return lambda rng, n: rng.standard_normal((n, dimension)) * scales


def _gram_of(draw: Draw) -> Callable[[int, int], np.ndarray]:
    def gram(seed: int, steps: int) -> np.ndarray:
        increments = draw(np.random.default_rng(seed), steps)
        return increments @ increments.T

    return gram


SIGNS, ORDERS, MODES = "uncorrelated", "reordered", "same_autocorrelation"
CASES = [
    *(
        Case(w.name, w.gram, (SIGNS, ORDERS, MODES))
        for w in (brownian(1), brownian(2), brownian(10), brownian(1000))
    ),
    Case("Brownian, D = 100000", lambda k, n: wishart_gram(k, n, 1e5), (SIGNS, ORDERS, MODES)),
    *(
        Case(
            f"Brownian, log-normal scales {s:g}, D = 300",
            _gram_of(_unequal(300, s)),
            (SIGNS, ORDERS, MODES),
        )
        for s in (1.0, 2.0)
    ),
    *(Case(w.name, w.gram, (SIGNS,)) for w in (shrinking(3, d) for d in (2, 30, 1000))),
    Case("bursts memory 0.95, D = 30", bursts(30, 0.95, 0.7).gram, (SIGNS,)),
    Case(students(30).name, students(30).gram, (SIGNS, ORDERS)),
    *(Case(w.name, w.gram, (ORDERS,)) for w in (drift(0.1, 30), drift(0.5, 1000))),
    *(
        Case(w.name, w.gram, (MODES,))
        for w in (
            fractional(0.3, 30),
            fractional(0.7, 2),
            fractional(0.7, 1000),
            *(relaxation(50, dimension) for dimension in (2, 30, 1000)),
            persistence(5, 2),
            persistence(20, 30),
            quadratic(1.0, "hessian", 0.0),
            quadratic(2.0, "isotropic", 0.0),
        )
    ),
]


def numbers_of(gram: CheckedGram, seed: int) -> dict[str, float]:
    """The numbers of one walk under the names of `nulls.window_nulls`, with its seed.

    Fragments and subsamples are those of the surrogates: their own scatter is not the walk's.
    """
    found = {
        f"{frame}_share_{k}": float(share)
        for frame, shares in variance_shares(gram, COMPONENTS).items()
        for k, share in enumerate(shares, start=1)
    }
    curve = msd_against_contour(contour_lengths(gram), squared_distances(gram))
    found["path_dimension"] = 2 / curve.fit.exponent.value
    for name, velocity in VELOCITY.items():
        found[f"velocity_{name}"] = float(velocity(gram, largest_lag=1).value[0])
    try:
        found[f"excursion_ratio_{FRAGMENT}"] = random_fragments(gram, FRAGMENT, seed).ratio.value
        found["homology_dimension"] = homology_dimension(squared_distances(gram), seed).dimension
    except InputError:
        pass
    return found


def outside(grams: Iterable[np.ndarray]) -> dict[str, dict[str, float]]:
    """Share of realisations outside of the interval, by kind of surrogate and number.

    Args:
        grams: (n, n) inner products of increments of each realisation.
    """
    counts: dict[str, dict[str, list[bool]]] = {}
    for seed, values in enumerate(grams):
        gram = CheckedGram(values)
        own = numbers_of(gram, seed)
        for kind, nulls in window_nulls(gram, [FRAGMENT], COMPONENTS, seed).items():
            for name, null in nulls.items():
                if null.defined and np.isfinite(own[name]):
                    out = not null.low <= own[name] <= null.high
                    counts.setdefault(kind, {}).setdefault(name, []).append(out)
    return {
        kind: {name: float(np.mean(found)) for name, found in of_kind.items()}
        for kind, of_kind in counts.items()
    }


def line(case: Case, kind: str, found: dict[str, float]) -> str:
    """One row of the table: the mean over each group of numbers."""
    cells = []
    for names in GROUPS.values():
        known = [found[name] for name in names if name in found]
        cells.append(f"{np.mean(known):.2f}" if known else "")
    meant = "5 %" if kind in case.one_of else ""
    return "| " + " | ".join([case.name, kind.replace("_", " "), meant, *cells]) + " |"


HEAD = (
    "| walk | surrogates | should be | "
    + " | ".join(GROUPS)
    + " |\n|"
    + "---|" * (3 + len(GROUPS))
    + "\n"
)


def measured(part: int, realisations: int, seed: int) -> str:
    """Rows of one case, of windows of T = 200."""
    case = CASES[part]
    found = outside(case.gram(seed + k, LENGTH - 1) for k in range(realisations))
    return "\n".join(line(case, kind, found[kind]) for kind in found)


def table(rows: list[str]) -> str:
    """The table of the manual."""
    return HEAD + "\n".join(rows) + "\n"
