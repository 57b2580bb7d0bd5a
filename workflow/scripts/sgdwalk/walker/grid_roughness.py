"""Roughness of a terrain measured back from its grid."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sgdwalk.errors import InputError

LONGEST = 16  # cells, and no more than a sixteenth of the side
# Octaves of one power law differ by less, on the left for grids of up to 257 points a side and
# falling with the side as their scatter does to that on the right: of 800 exact surfaces of H 0.3
# to 0.9 and 65 to 257 points none was refused; by 0.1, one in twenty of 257 points was.
ONE_POWER_LAW = (0.15, 0.05)


class GridRoughness(NamedTuple):
    """Roughness exponent of a grid over the distances at which it has one.

    Attributes:
        exponent: H; nan where there is none.
        first: shortest distance fitted, cells; nan where there is none.
        last: longest.
        missing: why there is none, else empty.
    """

    exponent: float
    first: float
    last: float
    missing: str = ""


def resolved_roughness(values: np.ndarray) -> GridRoughness:
    """Roughness exponent of a grid, if it has one at small distances.

    Second differences are fitted octave by octave, up to 16 cells or a sixteenth of the side. From
    the longest octave down all are taken together whose exponents agree, to 0.15 on small grids and
    0.05 on those of 771 points and more: a grid that was smoothed, or made by a rule that fails at
    small distances, is not fitted there. A single octave that agrees with no other is no power law.

    Args:
        values: `(N, M)`, losses at the grid points.

    Returns:
        The exponent and the distances it was fitted over, or why there is none.
    """
    longest = min(LONGEST, min(values.shape) // 16)
    if longest < 4:
        return _without(f"{min(values.shape)} points a side; two octaves need 64")
    longest = 2 ** int(np.log2(longest))
    lags, means = _structure(np.asarray(values, dtype=float), 2, longest)
    ends = [2**k for k in range(int(np.log2(longest)) + 1)]
    octaves = [_exponent(lags, means, a, b) for a, b in pairwise(ends)]
    if not np.isfinite(octaves).all():
        return _without(f"flat over some of 1-{ends[-1]} cells")
    most, least = ONE_POWER_LAW
    agree = max(least, most * min(1.0, 257 / min(values.shape)))
    count = max(k for k in range(1, len(octaves) + 1) if np.ptp(octaves[-k:]) <= agree)
    if count == 1:
        said = ", ".join(f"{octave:.2f}" for octave in octaves)
        return _without(f"no power law: octaves of 1-{ends[-1]} cells have exponents {said}")
    first = ends[-1 - count]
    return GridRoughness(_exponent(lags, means, first, ends[-1]), first, ends[-1])


def _without(why: str) -> GridRoughness:
    return GridRoughness(float("nan"), float("nan"), float("nan"), why)


def structure_function(values: np.ndarray, order: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Structure function of a grid: mean square difference of its values over a distance.

    Differences run along both axes over all pairs (order 1) or equidistant triples (order 2:
    `h(x + l) - 2 h(x) + h(x - l)`). Both grow as `l^(2 H)`; second differences do not feel a tilt,
    and on one surface settle much closer to H where it is above 3/4. On smooth ground the
    first give at most 1, the second up to 2.

    Args:
        values: `(N, M)`.
        order: 1 or 2.

    Returns:
        Lags in cells `(K,)`, logarithmically spaced up to a quarter of the smaller side, and the
        mean square differences `(K,)`.

    Raises:
        InputError: another order, or fewer than 9 points along a side.

    Source: Istas and Lang, Ann. Inst. Henri Poincare (B) 33, 407 (1997).
    """
    values = np.asarray(values, dtype=float)
    if order not in (1, 2):
        raise InputError(f"order: {order}; allowed are 1 and 2")
    if values.ndim != 2 or min(values.shape) < 9:
        raise InputError(f"structure function: shape {values.shape}; at least 9 x 9 is needed")
    return _structure(values, order, min(values.shape) // 4)


def _structure(values: np.ndarray, order: int, longest: int) -> tuple[np.ndarray, np.ndarray]:
    lags = np.unique(np.round(np.geomspace(1, longest, 4 * int(np.log2(longest)) + 1)).astype(int))
    means = []
    for lag in lags:
        total, count = 0.0, 0
        for surface in (values, values.T):
            difference = surface[lag:] - surface[:-lag]
            if order == 2:
                difference = difference[lag:] - difference[:-lag]
            total += float(np.sum(difference * difference))
            count += difference.size
        means.append(total / count)
    return lags, np.array(means)


def roughness_exponent(
    values: np.ndarray, order: int = 2, shortest: int = 1, longest: int = 16
) -> float:
    """Measure the roughness exponent H of a grid from its structure function.

    Half the least-squares slope of the logarithm of `structure_function` against that of the lag.

    Args:
        values: `(N, M)`, a surface or a terrain's losses.
        order: of the differences.
        shortest: first lag of the fit, cells.
        longest: last lag of the fit, cells.

    Returns:
        H; nan where the grid is flat over one of the lags.

    Raises:
        InputError: as `structure_function`, or fewer than two lags in the range.
    """
    lags, means = structure_function(values, order)
    if np.sum((lags >= shortest) & (lags <= longest)) < 2:
        raise InputError(f"roughness: no two lags of {lags[0]}-{lags[-1]} in {shortest}-{longest}")
    return _exponent(lags, means, shortest, longest)


def _exponent(lags: np.ndarray, means: np.ndarray, shortest: int, longest: int) -> float:
    used = (lags >= shortest) & (lags <= longest)
    if not (means[used] > 0).all():
        return float("nan")
    return float(np.polyfit(np.log(lags[used]), np.log(means[used]), 1)[0] / 2)
