"""Roughness of a terrain measured back from its grid."""

from __future__ import annotations

import numpy as np

from sgdwalk.errors import InputError


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
    longest = min(values.shape) // 4
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
    used = (lags >= shortest) & (lags <= longest)
    if used.sum() < 2:
        raise InputError(f"roughness: no two lags of {lags[0]}-{lags[-1]} in {shortest}-{longest}")
    if not (means[used] > 0).all():
        return float("nan")
    return float(np.polyfit(np.log(lags[used]), np.log(means[used]), 1)[0] / 2)
