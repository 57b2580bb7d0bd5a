"""Series of coordinates made comparable: each by its own median and interquartile range.

Entries of a gradient pooled over parameters look heavy-tailed even when each one is Gaussian,
because their scales differ. Standardising each coordinate takes the scales out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.gradients.rotations import BLOCK, equal_blocks
from sgdwalk.gradients.stable_fit import MINIMUM_SIZE


@dataclass(frozen=True)
class Standardised:
    """Time series of many coordinates, each brought to median 0 and interquartile range 1.

    Attributes:
        values: `(n,)` all of them pooled, coordinate by coordinate, in order of time.
        coordinate: `(n,)` the coordinate each belongs to.
        time: `(n,)` the row each belongs to.
        zeros: number of exact zeros dropped, over all coordinates.
        dropped: `(k,)` coordinates left out: fewer than 20 values but zeros, or no
            interquartile range.
    """

    values: np.ndarray
    coordinate: np.ndarray
    time: np.ndarray
    zeros: int
    dropped: np.ndarray


def standardise(series: np.ndarray) -> Standardised:
    """Each coordinate over time by its median and interquartile range, exact zeros dropped.

    Arguments:
        series: `(T, c)` values of c coordinates at T times, in any units.

    Returns:
        A `Standardised`; `values` has no units.

    Raises:
        InputError: not two-dimensional, or values that are not finite.
    """
    series = np.asarray(series, dtype=float)
    if series.ndim != 2:
        raise InputError(
            f"standardise: an array (times, coordinates) is needed, not {series.shape}"
        )
    if not np.isfinite(series).all():
        raise InputError("standardise: values that are not finite")
    used = series != 0
    low, middle, high = np.full((3, series.shape[1]), np.nan)
    whole = used.all(axis=0) & (len(series) >= MINIMUM_SIZE)
    if whole.any():
        low[whole], middle[whole], high[whole] = np.quantile(
            series[:, whole], [0.25, 0.5, 0.75], axis=0
        )
    for c in np.flatnonzero(~whole & (used.sum(axis=0) >= MINIMUM_SIZE)):
        low[c], middle[c], high[c] = np.quantile(series[used[:, c], c], [0.25, 0.5, 0.75])
    kept = high > low
    coordinate, time = np.nonzero((used & kept).T)
    return Standardised(
        values=(series[time, coordinate] - middle[coordinate]) / (high - low)[coordinate],
        coordinate=coordinate,
        time=time,
        zeros=int(np.count_nonzero(~used)),
        dropped=np.flatnonzero(~kept),
    )


def standardise_runs(series: np.ndarray) -> Standardised:
    """Each coordinate within runs of 25 steps or a little more, as equal as can be.

    So its scale may change over time. Coordinates left out are those with nothing in any run.

    Arguments and result as of `standardise`.
    """
    columns, parts = series.shape[1], []
    for first, count, size in equal_blocks(len(series), BLOCK):
        runs = series[first : first + count * size].reshape(count, size, columns)
        part = standardise(runs.transpose(1, 2, 0).reshape(size, columns * count))
        coordinate, run = np.divmod(part.coordinate, count)
        parts.append((part, coordinate, first + run * size + part.time))
    coordinate = np.concatenate([one[1] for one in parts] or [np.zeros(0, int)])
    order = np.argsort(coordinate, kind="stable")
    return Standardised(
        values=np.concatenate([one[0].values for one in parts] or [np.zeros(0)])[order],
        coordinate=coordinate[order],
        time=np.concatenate([one[2] for one in parts] or [np.zeros(0, int)])[order],
        zeros=sum(one[0].zeros for one in parts),
        dropped=np.setdiff1d(np.arange(columns), coordinate),
    )
