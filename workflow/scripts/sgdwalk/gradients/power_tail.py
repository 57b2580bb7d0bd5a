"""Is a tail a power law? Fit of one, and its likelihood against two lighter-tailed laws."""

from dataclasses import dataclass
from math import exp, log, pi, sqrt

import numpy as np

from sgdwalk.errors import InputError

MINIMUM_TAIL = 50
"""Fewest values that a power law is fitted to."""

_CANDIDATES = 100


@dataclass(frozen=True)
class Comparison:
    """Power law against another law, over the same tail (Vuong 1989).

    Attributes:
        log_likelihood_ratio: positive where the power law fits better.
        p_value: of a ratio as far from zero if both fitted equally well; above 0.1 or so, the tail
            does not tell the two apart.
    """

    log_likelihood_ratio: float
    p_value: float


@dataclass(frozen=True)
class PowerTail:
    """A power law p(x) ~ x^-exponent fitted to the values from xmin on.

    Attributes:
        exponent: of the density; the tail P(X > x) falls with exponent - 1.
        exponent_error: standard error (exponent - 1)/sqrt(tail_size).
        xmin: where the power law begins, units of the sample.
        tail_size: number of values from xmin on.
        size: number of values.
        distance: Kolmogorov-Smirnov distance between tail and power law.
        exponential, lognormal: the power law against these laws, cut off at the same xmin.
    """

    exponent: float
    exponent_error: float
    xmin: float
    tail_size: int
    size: int
    distance: float
    exponential: Comparison
    lognormal: Comparison


def _tail_fit(log_tail: np.ndarray) -> tuple[float, float]:
    """Exponent of the survival function and Kolmogorov-Smirnov distance.

    `log_tail` are the sorted logarithms of x/xmin.
    """
    size = len(log_tail)
    rate = 1 / log_tail.mean()
    model = -np.expm1(-rate * log_tail)
    ranks = np.arange(size + 1) / size
    distance = max(np.max(model - ranks[:-1]), np.max(ranks[1:] - model))
    return float(rate), float(distance)


def _log_normal(log_tail: np.ndarray) -> np.ndarray | None:
    """Log-densities of log(x/xmin) under the best log-normal cut off at xmin.

    None where that is the power law itself, the limit of ever wider log-normals. With the density
    exp(a y - (s y)^2/2)/Z of y = log(x/xmin), an exponential family, it is s = 0, and is best if
    and only if the mean square of y is at least twice its squared mean.
    """
    from scipy.optimize import minimize
    from scipy.special import log_ndtr

    unit = log_tail.mean()
    y = log_tail / unit
    square = float(np.mean(y**2))
    if square >= 2:
        return None

    def log_partition(a: float, s: float) -> float:
        return (a / s) ** 2 / 2 + log_ndtr(a / s) + log(2 * pi) / 2 - log(s)

    def objective(theta: np.ndarray) -> float:
        a, log_s = theta
        return log_partition(a, exp(log_s)) - a + exp(2 * log_s) * square / 2

    spread = 1 / sqrt(square - 1)
    found = minimize(
        objective,
        [spread**2 - 1, log(spread)],
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-14, "maxiter": 4000, "maxfev": 4000},
    )
    a, s = found.x[0], exp(found.x[1])
    return a * y - (s * y) ** 2 / 2 - log_partition(a, s) - log(unit)


def fit_power_tail(x: np.ndarray) -> PowerTail:
    """Power law by maximum likelihood, against an exponential and a log-normal.

    As Clauset, Shalizi and Newman 2009 (SIAM Review 51, 661): xmin is where the Kolmogorov-Smirnov
    distance between the values above and the power law fitted to them is least. It is sought among
    at most 100 tails whose sizes are spaced logarithmically from all values down to 50, so that
    10^6 values take seconds. The test of the ratio is `powerlaw.loglikelihood_ratio` (Alstott,
    Bullmore and Plenz 2014, PLoS ONE 9, e85777). The laws themselves are fitted here, from their
    sufficient statistics: that package's search for the log-normal is slow on large samples and
    stops short of the best where this is close to a power law.

    Arguments:
        x: sample, any shape, at least 50 positive values, taken as continuous.

    Returns:
        A `PowerTail`.

    Raises:
        InputError: fewer than 50 values, values that are not finite and positive, or all the
            largest 50 equal.
    """
    values = np.sort(np.asarray(x, dtype=float).ravel())
    size = len(values)
    if size < MINIMUM_TAIL:
        raise InputError(f"power law: {size} values; at least {MINIMUM_TAIL} are needed")
    if not (np.isfinite(values).all() and values[0] > 0):
        raise InputError(
            "power law: finite, positive values are needed (take magnitudes, drop zeros)"
        )
    if values[-MINIMUM_TAIL] == values[-1]:
        raise InputError(f"power law: the largest {MINIMUM_TAIL} values are equal")

    logs = np.log(values)
    sizes = np.geomspace(MINIMUM_TAIL, size, _CANDIDATES).astype(int)
    # A tail holds all the values equal to its first.
    starts = np.unique(np.searchsorted(values, values[size - sizes], side="left"))
    fits = [(_tail_fit(logs[start:] - logs[start]), start) for start in starts]
    (rate, distance), start = min(fits, key=lambda fit: fit[0][1])

    from powerlaw import loglikelihood_ratio

    y = logs[start:] - logs[start]
    power = log(rate) - rate * y
    ratio = np.exp(y)
    inverse_mean = 1 / (ratio.mean() - 1)
    exponential = log(inverse_mean) + y - inverse_mean * (ratio - 1)
    lognormal = _log_normal(y)
    tail_size = size - int(start)
    same = Comparison(0.0, 1.0)
    return PowerTail(
        exponent=1 + rate,
        exponent_error=rate / sqrt(tail_size),
        xmin=float(values[start]),
        tail_size=tail_size,
        size=size,
        distance=distance,
        exponential=Comparison(*map(float, loglikelihood_ratio(power, exponential))),
        lognormal=same
        if lognormal is None
        else Comparison(*map(float, loglikelihood_ratio(power, lognormal))),
    )
