"""One row per tail index: what it is of, the fit, the Gaussian beside it, and its null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf, nan

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.gradients.log_moments import LogMomentIndex, gram_log_moment_index
from sgdwalk.gradients.power_tail import fit_power_tail
from sgdwalk.gradients.stable_fit import fit_gaussian, fit_stable

Interval = tuple[float, float, float]
UNDEFINED: Interval = (nan, nan, nan)
_MOST_DIMENSIONS = 1000  # norms of Gaussian vectors in more hardly differ: 2 % in 1000


@dataclass(frozen=True)
class Power:
    """Power law of the largest magnitudes against lighter tails; see ``power_law``.

    Attributes:
        exponent: a of the tail P(|x| > r) ~ r^-a, comparable to a tail index.
        error: its standard error.
        size: values in the tail.
        exponential_ratio, exponential_p: log-likelihood ratio over an exponential; above zero the
            power law is better. Its p-value.
        lognormal_ratio, lognormal_p: the same over a log-normal.
    """

    exponent: float = nan
    error: float = nan
    size: int = 0
    exponential_ratio: float = nan
    exponential_p: float = nan
    lognormal_ratio: float = nan
    lognormal_p: float = nan


@dataclass(frozen=True)
class TailRecord:
    """A tail index and what it stands beside; nan where undefined.

    Attributes:
        quantity: what it is of.
        method: ``likelihood``, ``log-moment mean`` or ``log-moment median``.
        place: where it is of: ``layer``, ``window_start``, ``window_length``, ``stride``,
            ``step``, as far as they apply.
        size: values, or vectors, used.
        zeros: exact zeros dropped.
        nonfinite: values dropped because they are not finite.
        alpha: tail index and the ends of its 95 % interval.
        null: tail index of the null and the ends of its interval.
        beta, scale, location: of the alpha-stable law, Nolan's S0.
        mean, sd: of the Gaussian.
        log_likelihood_ratio: stable over Gaussian, per value.
        power: of the magnitudes.
        extra: further numbers by name.
    """

    quantity: str
    method: str
    place: Mapping[str, int | str]
    size: int
    zeros: int = 0
    nonfinite: int = 0
    alpha: Interval = UNDEFINED
    null: Interval = UNDEFINED
    beta: float = nan
    scale: float = nan
    location: float = nan
    mean: float = nan
    sd: float = nan
    log_likelihood_ratio: float = nan
    power: Power = Power()
    extra: Mapping[str, float] = field(default_factory=dict)


def likelihood_record(
    quantity: str,
    place: Mapping,
    values: np.ndarray,
    null: Callable[[int], Interval] = lambda size: UNDEFINED,
    *,
    power: bool = False,
    zeros: int | None = None,
    extra: Mapping[str, float] | None = None,
) -> TailRecord:
    """Fit an alpha-stable law and a Gaussian; too few or equal values give an undefined record.

    Args:
        quantity: what the values are.
        place: where they are of.
        values: any shape; exact zeros and values that are not finite are dropped and counted.
        null: called with the number of values kept, returns the null's tail index and interval.
        power: also compare a power law of the magnitudes with lighter tails.
        zeros: number of zeros dropped before; those among the values are then no dead entries and
            stay.
        extra: further numbers to keep.
    """
    values = np.asarray(values, float).ravel()
    finite = np.isfinite(values)
    dead = (values == 0) & (zeros is None)
    kept = values[finite & ~dead]
    dropped = {
        "zeros": int(np.count_nonzero(dead)) if zeros is None else zeros,
        "nonfinite": int(np.count_nonzero(~finite)),
        "extra": extra or {},
    }
    try:
        stable, gaussian = fit_stable(kept), fit_gaussian(kept)
    except InputError:
        return TailRecord(quantity, "likelihood", place, len(kept), **dropped)
    return TailRecord(
        quantity,
        "likelihood",
        place,
        len(kept),
        alpha=(stable.alpha, *stable.alpha_interval),
        null=null(len(kept)),
        beta=stable.beta,
        scale=stable.scale,
        location=stable.location,
        mean=gaussian.mean,
        sd=gaussian.sd,
        log_likelihood_ratio=(stable.log_likelihood - gaussian.log_likelihood) / len(kept),
        power=_power(kept) if power else Power(),
        **dropped,
    )


def _power(values: np.ndarray) -> Power:
    try:
        fit = fit_power_tail(np.abs(values))
    except InputError:
        return Power()
    return Power(
        fit.exponent - 1,
        fit.exponent_error,
        fit.tail_size,
        fit.exponential.log_likelihood_ratio,
        fit.exponential.p_value,
        fit.lognormal.log_likelihood_ratio,
        fit.lognormal.p_value,
    )


def vector_records(
    quantity: str,
    place: Mapping,
    grams: np.ndarray,
    seed: int,
    repeats: int = 50,
    extra: Mapping[str, float] | None = None,
) -> list[TailRecord]:
    """Log-moment tail indices of vectors known by Gram matrices, beside Gaussian vectors.

    What is averaged over the matrices is 1/alpha, in which the estimators are linear. The null is
    centred Gaussian vectors, as many, of equal variance in as many dimensions as the effective
    dimension of the Gram matrices (at most 1000); its interval is that of an average over as many
    matrices.

    Args:
        quantity: what the vectors are.
        place: where they are of.
        grams: (m, n, n) inner products of n vectors minus their mean, m times.
        seed: of the null.
        repeats: matrices simulated for the null.
        extra: further numbers to keep.

    Returns:
        Two records, by means and by medians of log-norms; undefined if the estimators are.
    """
    names = {"mean_alpha": "log-moment mean", "median_alpha": "log-moment median"}
    usable = [g for g in grams if np.isfinite(g).all() and np.trace(g) > 0]
    size = len(usable) * grams.shape[1]
    undefined = [TailRecord(quantity, m, place, size, extra=extra or {}) for m in names.values()]
    if not usable:
        return undefined
    try:
        found = [gram_log_moment_index(gram) for gram in usable]
        dimension = float(np.median([noise_dimension(gram) for gram in usable]))
    except InputError:
        return undefined
    null = gaussian_vector_indices(grams.shape[1], dimension, seed, repeats)
    records = []
    for name, method in names.items():
        inverse = np.array([1 / getattr(index, name) for index in found])
        inverse_null = np.array([1 / getattr(index, name) for index in null])
        own_spread = inverse.std(ddof=1) if len(inverse) > 1 else nan
        records.append(
            TailRecord(
                quantity,
                method,
                place,
                size,
                alpha=_inverted(inverse.mean(), own_spread / len(inverse) ** 0.5),
                null=_inverted(inverse_null.mean(), inverse_null.std() / len(inverse) ** 0.5),
                extra={"effective_dimension": dimension, **(extra or {})},
            )
        )
    return records


def noise_dimension(gram: np.ndarray) -> float:
    """Dimension ``(tr C)^2 / tr C^2`` of independent vectors of covariance C minus their mean.

    Inner products of two such vectors scatter by tr C^2 about ``-tr C / n``.

    Args:
        gram: (n, n) inner products, n at least 3.

    Returns:
        The dimension, at least 1.

    Raises:
        InputError: for fewer vectors.
    """
    count = len(gram)
    if count < 3:
        raise InputError(f"effective dimension: {count} vectors; at least 3 are needed")
    trace = np.trace(gram) / (count - 1)
    scatter = gram[~np.eye(count, dtype=bool)].var()
    return max(trace**2 / scatter, 1.0) if scatter > 0 else 1.0


def gaussian_vector_indices(
    count: int, dimension: float, seed: int, repeats: int
) -> list[LogMomentIndex]:
    """Log-moment indices of simulated centred Gaussian vectors of equal variance.

    Args:
        count: vectors in a set.
        dimension: of the vectors, rounded; at most 1000 are simulated.
        seed: of the random numbers.
        repeats: sets.
    """
    generator = np.random.default_rng(seed)
    dimension = int(np.clip(round(dimension), 1, _MOST_DIMENSIONS))
    indices = []
    for _ in range(repeats):
        vectors = generator.standard_normal((count, dimension))
        vectors -= vectors.mean(axis=0)
        indices.append(gram_log_moment_index(vectors @ vectors.T))
    return indices


def _inverted(inverse: float, error: float) -> Interval:
    """1/alpha and its standard error as alpha and its 95 % interval, infinite below zero."""
    ends = (inverse, inverse + 1.96 * error, inverse - 1.96 * error)
    return tuple(nan if np.isnan(x) else 1 / x if x > 0 else inf for x in ends)
