"""How often intervals of the path's numbers hold their mean over realisations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np

from calibration.surrogates import CASES, LENGTH, Case
from calibration.walks import Walk, fractional, persistence, relaxation, shrinking
from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import interval
from sgdwalk.fits.pair_bins import BLOCKS
from sgdwalk.geometry.ageing import ageing
from sgdwalk.geometry.distances import CheckedGram, contour_lengths, squared_distances
from sgdwalk.geometry.excursions import random_fragments
from sgdwalk.geometry.path_dimension import contour_against_lag, msd_against_contour
from sgdwalk.geometry.velocity import VELOCITY

FRAGMENT = 50
WINDOWS = 4
NUMBERS = (
    "2 / D",
    "contour against lag",
    f"excursion ratio of {FRAGMENT}",
    *(f"velocity {name}" for name in VELOCITY),
    "ageing at lag 10",
)


def intervals(gram: np.ndarray) -> dict[str, Estimate]:
    """Numbers of one walk with their intervals; what it is too short for is left out.

    Ageing is over four windows that the walk is cut into.
    """
    checked = CheckedGram(gram)
    contour, squares = contour_lengths(checked), squared_distances(checked)
    found = {
        "2 / D": msd_against_contour(contour, squares).fit.exponent,
        "contour against lag": contour_against_lag(contour).fit.exponent,
    }
    with contextlib.suppress(InputError):
        found[f"excursion ratio of {FRAGMENT}"] = random_fragments(checked, FRAGMENT, 0).ratio
    for name, velocity in VELOCITY.items():
        curve = velocity(checked, largest_lag=1)
        found[f"velocity {name}"] = interval(curve.value[0], curve.error[0], BLOCKS - 1)
    length = len(gram) // WINDOWS
    parts = [gram[k : k + length, k : k + length] for k in range(0, WINDOWS * length, length)]
    starts = [k * length for k in range(WINDOWS)]
    found["ageing at lag 10"] = ageing(parts, starts, [10]).fits[0].exponent
    return found


def coverage_of_means(
    gram: Callable[[int, int], np.ndarray], length: int, realisations: int, seed: int
) -> dict[str, float]:
    """Share of intervals that hold the mean of the number over realisations.

    Args:
        gram: inner products of increments by seed and number of steps.
        length: positions of a window.
        realisations: how many.
        seed: of the first.
    """
    found = [intervals(gram(seed + k, length - 1)) for k in range(realisations)]
    shares = {}
    for name in NUMBERS:
        known = [one[name] for one in found if name in one and one[name].defined]
        if len(known) == realisations:
            mean = np.mean([one.value for one in known])
            shares[name] = float(np.mean([one.low <= mean <= one.high for one in known]))
    return shares


_MORE: list[Walk] = [
    fractional(0.7, 30),
    relaxation(50, 30),
    persistence(5, 30),
    shrinking(3, 30),
]
KINDS = [
    *CASES,
    *(Case(w.name, w.gram, ()) for w in _MORE if w.name not in {case.name for case in CASES}),
]
HEAD = "| walk | " + " | ".join(NUMBERS) + " |\n|---" + "|---" * len(NUMBERS) + "|\n"


def measured(part: int, realisations: int, seed: int) -> str:
    """The row of one kind, of windows of T = 200."""
    case = KINDS[part]
    found = coverage_of_means(case.gram, LENGTH, realisations, seed)
    cells = [f"{found[name]:.2f}" if name in found else "" for name in NUMBERS]
    return "| " + " | ".join([case.name, *cells]) + " |"


def table(rows: list[str]) -> str:
    """The table of the manual."""
    return HEAD + "\n".join(rows) + "\n"
