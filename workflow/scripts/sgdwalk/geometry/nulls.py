"""What the numbers of a window are for surrogates of it: the nulls of its geometry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.pair_bins import PairBinning
from sgdwalk.geometry.components import variance_shares
from sgdwalk.geometry.distances import CheckedGram, contour_lengths, squared_distances
from sgdwalk.geometry.excursions import random_fragments
from sgdwalk.geometry.homology_dimension import homology_dimension
from sgdwalk.geometry.path_dimension import path_exponent
from sgdwalk.geometry.surrogates import (
    random_mode_signs,
    random_orders,
    random_signs,
    surrogate_interval,
)
from sgdwalk.geometry.velocity import VELOCITY

COMPONENTS = 5  # leading ones that have nulls: the next ones are small in any walk
# Numbers of one walk by name.
Numbers = Callable[[CheckedGram], dict[str, float]]


def window_nulls(
    gram: CheckedGram,
    fragments: Sequence[int],
    components: int,
    seed: int,
    equally_spaced: bool = True,
) -> dict[str, dict[str, Estimate]]:
    """Numbers of a window's surrogates, by kind of surrogate.

    Args:
        gram: of the window.
        fragments: increments of the fragments of the excursions.
        components: shares of the variance that are taken, at most `COMPONENTS`.
        seed: of signs, orders, fragments and subsamples.
        equally_spaced: in steps; if not, increments belong to the time between their positions, so
            that there are no other orders of them, and no numbers by lag.

    Returns:
        Median and interval of 95 % of each number, as `surrogates.surrogate_interval`: with
        increments of random sign (`uncorrelated`), in random order (`reordered`), and of the same
        autocorrelation (`same_autocorrelation`, of shares alone). What surrogates do not have is
        left out.

    Raises:
        InputError: if the walk does not move.
    """
    shares = partial(_shares, components=components)

    def excursions(walk: CheckedGram) -> dict[str, float]:
        short = [n for n in fragments if n <= len(walk)]
        return {f"excursion_ratio_{n}": random_fragments(walk, n, seed).ratio.value for n in short}

    def homology(walk: CheckedGram) -> dict[str, float]:
        return {"homology_dimension": homology_dimension(squared_distances(walk), seed).dimension}

    by_contour = partial(_path, binning=PairBinning(contour_lengths(gram)))  # as of any signs
    if not equally_spaced:
        numbers: list[Numbers] = [by_contour, shares, excursions, homology]
        return {"uncorrelated": _over(random_signs(gram, seed), numbers)}
    return {
        "uncorrelated": _over(
            random_signs(gram, seed), [by_contour, _velocity, shares, excursions, homology]
        ),
        "reordered": _over(random_orders(gram, seed), [_path, _velocity]),
        "same_autocorrelation": _over(random_mode_signs(gram, seed), [shares]),
    }


def component_nulls(
    gram: CheckedGram, components: int, seed: int
) -> dict[str, dict[str, Estimate]]:
    """Shares of the variance of a walk's surrogates alone, by kind, as `window_nulls`.

    Args:
        gram: of the walk.
        components: shares that are taken, at most `COMPONENTS`.
        seed: of signs.

    Raises:
        InputError: if the walk does not move.
    """
    shares = partial(_shares, components=components)
    return {
        "uncorrelated": _over(random_signs(gram, seed), [shares]),
        "same_autocorrelation": _over(random_mode_signs(gram, seed), [shares]),
    }


def _shares(walk: CheckedGram, components: int) -> dict[str, float]:
    found = variance_shares(walk, min(components, COMPONENTS))
    return {
        f"{frame}_share_{k}": float(share)
        for frame, values in found.items()
        for k, share in enumerate(values, start=1)
    }


def _path(walk: CheckedGram, binning: PairBinning | None = None) -> dict[str, float]:
    """D, by the pairs of a walk of the same contour lengths, or of this one."""
    pairs = binning or PairBinning(contour_lengths(walk))
    slope = path_exponent(pairs, squared_distances(walk))
    return {"path_dimension": np.inf if slope <= 0 else 2 / slope}


def _velocity(walk: CheckedGram) -> dict[str, float]:
    return {
        f"velocity_{name}": float(curve(walk, largest_lag=1).value[0])
        for name, curve in VELOCITY.items()
    }


def _over(walks: Iterable[CheckedGram], numbers: Sequence[Numbers]) -> dict[str, Estimate]:
    found: dict[str, list[float]] = {}
    for walk in walks:
        for number in numbers:
            try:
                values = number(walk)
            except InputError:  # too short for it: so is the window itself, which says so
                continue
            for name, value in values.items():
                found.setdefault(name, []).append(value)
    return {name: surrogate_interval(values) for name, values in found.items()}
