"""Joseph, Noah and Moses: is anomalous diffusion memory, big jumps or ageing?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import student_mean
from sgdwalk.geometry.distances import CheckedGram, squared_distances

POINTS = 20  # of each log-log fit, evenly spaced in log time


@dataclass(frozen=True)
class AnomalousExponents:
    """Exponents of one window or, pooled, of several seeds.

    H is 1/2 for normal diffusion; J above 1/2 is memory, L above 1/2 big jumps, M other than 1/2
    ageing. The excess is zero where the three effects account for all.
    """

    hurst: Annotated[Estimate, "H of the displacement, |x_t - x_0|^2 ~ t^(2H)"]
    joseph: Annotated[Estimate, "J of the time-averaged MSD, ~ lag^(2J)"]
    noah: Annotated[Estimate, "L of the sums of squares, sum |dx|^2 ~ t^(2L + 2M - 1)"]
    moses: Annotated[Estimate, "M of the sums of norms, sum |dx| ~ t^(M + 1/2)"]
    excess: Annotated[Estimate, "H - (J + L + M - 1)"]


ANOMALOUS = tuple(field.name for field in fields(AnomalousExponents))


def anomalous_exponents(
    gram: ArrayLike,
    fit_range: tuple[int, int] | None = None,
    sum_range: tuple[int, int] | None = None,
    lag_range: tuple[int, int] | None = None,
) -> AnomalousExponents:
    """Joseph, Noah and Moses exponents of one window, with norms in the place of moduli.

    Each is the slope of a straight line through 20 points evenly spaced in log time. Time starts at
    the window's first position: a window deep in training shows what ages within it. Joseph is the
    time-averaged MSD's, which knows a drift as memory, as H does; a rescaled range would not, and
    the relation `H = J + L + M - 1` would fail for any walk that drifts.

    One window cannot tell how far off they are, and one walk in one dimension says next to nothing
    about H: so there are no intervals here; `pool_seeds` has them.

    Args:
        gram: (T-1, T-1) inner products of increments.
        fit_range: times, in records, between which H is fitted; by default T/100 to T-1.
        sum_range: times between which L and M are fitted; by default T/10 to T-1, as logarithms of
            sums of few terms are too small on average.
        lag_range: lags, in records, between which J is fitted; by default T/100 to T/10.

    Returns:
        The exponents, without intervals.

    Raises:
        InputError: if `gram` is no Gram matrix, a range does not fit, or the walk rests at first.

    Source: Chen, Bassler, McCauley and Gunaratne, Phys. Rev. E 95, 042141 (2017); Aghion, Meyer,
    Adlakha, Kantz and Bassler, New J. Phys. 23, 023002 (2021).
    """
    checked = CheckedGram.of(gram)
    count = len(checked)
    shortest = max(count // 100, 1)
    times = _log_times(fit_range or (shortest, count), count)
    sums = _log_times(sum_range or (max(count // 10, 1), count), count)
    lags = _log_times(lag_range or (shortest, max(count // 10, shortest + 1)), count)
    squares = squared_distances(checked)
    power = checked.values.diagonal()
    hurst = _slope(times, squares[0, times]) / 2
    joseph = _slope(lags, np.array([squares.diagonal(lag).mean() for lag in lags])) / 2
    moses = _slope(sums, np.cumsum(np.sqrt(power))[sums - 1]) - 0.5
    noah = (_slope(sums, np.cumsum(power)[sums - 1]) + 1) / 2 - moses
    excess = hurst - (joseph + noah + moses - 1)
    return AnomalousExponents(*map(Estimate, (hurst, joseph, noah, moses, excess)))


def pool_seeds(exponents: Sequence[AnomalousExponents]) -> AnomalousExponents:
    """Average the exponents of the same window in runs that differ by their seed.

    The mean slope is the slope of the geometric mean over seeds, which exists for Levy flights
    too, where the mean square does not.

    Args:
        exponents: one result of `anomalous_exponents` per seed, two or more.

    Returns:
        Means with 95 % Student intervals from the scatter between seeds.

    Raises:
        InputError: with fewer than two seeds.
    """
    if len(exponents) < 2:
        raise InputError(f"exponents of {len(exponents)} seeds; needed are two or more")
    columns = ([getattr(e, name).value for e in exponents] for name in ANOMALOUS)
    return AnomalousExponents(*map(_mean_of_all, columns))


def _mean_of_all(values: list[float]) -> Estimate:
    return student_mean(values) if np.isfinite(values).all() else Estimate.undefined()


def _slope(times: np.ndarray, values: np.ndarray) -> float:
    if not values.min() > 0:
        raise InputError("exponents: the walk rests or returns to its start; choose another range")
    x = np.log(times) - np.log(times).mean()
    return float(x @ np.log(values) / (x @ x))


def _log_times(span: tuple[int, int], count: int) -> np.ndarray:
    low, high = span
    if not 1 <= low < high <= count:
        raise InputError(f"exponents: range {span}; allowed is 1 <= low < high <= {count} records")
    return np.unique(np.geomspace(low, high, POINTS).round().astype(int))
