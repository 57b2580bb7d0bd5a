"""One row per tail index: what it is of, the fit, the Gaussian beside it, and its null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf, nan
from typing import Annotated, Any, ClassVar

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.gradients.log_moments import LogMomentIndex, gram_log_moment_index
from sgdwalk.gradients.power_tail import fit_power_tail
from sgdwalk.gradients.stable_fit import fit_gaussian, fit_stable

_UNDEFINED = Estimate.undefined()
_ENTRY = "1/parameter, or 1 if standardised"
_MOST_DIMENSIONS = 1000  # norms of Gaussian vectors in more hardly differ: 2 % in 1000


@dataclass(frozen=True)
class TailRecord:
    """A tail index and what it stands beside; nan, None or an empty text where undefined."""

    COLUMNS: ClassVar[type] = float

    quantity: Annotated[str, "what the tail index is of"]
    layer: Annotated[str, "of which layer; empty for all"] = ""
    method: Annotated[
        str, "likelihood of an alpha-stable law, or log-moments of vectors by means or medians"
    ] = "likelihood"
    window_start: Annotated[
        int | None, "steps taken before the window; nan: whole run or no window", "step"
    ] = None
    window_length: Annotated[int | None, "recorded positions of the window"] = None
    stride: Annotated[int | None, "steps between them", "step"] = None
    step: Annotated[int | None, "steps taken before the checkpoint", "step"] = None
    size: Annotated[int, "values or vectors used"] = 0
    zeros: Annotated[int, "exact zeros dropped"] = 0
    nonfinite: Annotated[int, "values dropped because they are not finite"] = 0
    alpha: Annotated[Estimate, "tail index"] = _UNDEFINED
    null_alpha: Annotated[Estimate, "tail index of the null"] = _UNDEFINED
    beta: Annotated[float, "skewness of the alpha-stable law, Nolan's S0"] = nan
    scale: Annotated[float, "scale of the alpha-stable law", _ENTRY] = nan
    location: Annotated[float, "location of the alpha-stable law, S0", _ENTRY] = nan
    gaussian_mean: Annotated[float, "mean of the Gaussian", _ENTRY] = nan
    gaussian_sd: Annotated[float, "standard deviation of the Gaussian", _ENTRY] = nan
    log_likelihood_ratio: Annotated[float, "stable over Gaussian, per value, natural log"] = nan
    power_exponent: Annotated[
        float, "exponent a of P(|x| > r) ~ r^-a in the largest magnitudes' tail"
    ] = nan
    power_error: Annotated[float, "its standard error"] = nan
    power_size: Annotated[int | None, "values in that tail"] = None
    exponential_ratio: Annotated[
        float, "log-likelihood ratio of the power law over an exponential; above 0 it is better"
    ] = nan
    exponential_p: Annotated[float, "its p-value"] = nan
    lognormal_ratio: Annotated[
        float, "log-likelihood ratio of the power law over a log-normal; above 0 it is better"
    ] = nan
    lognormal_p: Annotated[float, "its p-value"] = nan
    rejected_share: Annotated[float, "share of coordinates found not Gaussian at 5 %"] = nan
    excess_kurtosis: Annotated[float, "mean excess kurtosis of the coordinates"] = nan
    kurtosis_null: Annotated[float, "its mean for as many Gaussian numbers"] = nan
    effective_dimension: Annotated[float, "directions among which vectors scatter"] = nan
    covariance_trace: Annotated[
        float, "trace of the covariance of a minibatch gradient", "1/parameter^2"
    ] = nan
    mean_gradient_norm: Annotated[
        float, "norm of the mean of the minibatch gradients", "1/parameter"
    ] = nan


def _no_null(size: int) -> Estimate:
    return _UNDEFINED


def likelihood_record(
    quantity: str,
    known: Mapping[str, Any],
    values: np.ndarray,
    null: Callable[[int], Estimate] = _no_null,
    *,
    power: bool = False,
    zeros: int | None = None,
) -> TailRecord:
    """Fit an alpha-stable law and a Gaussian; too few or equal values give an undefined record.

    Args:
        quantity: what the values are.
        known: fields of the record: where the values are of, and further numbers.
        values: any shape; exact zeros and values that are not finite are dropped and counted.
        null: called with the number of values kept, returns the null's tail index.
        power: also compare a power law of the magnitudes with lighter tails.
        zeros: number of zeros dropped before; those among the values are then no dead entries and
            stay.
    """
    values = np.asarray(values, float).ravel()
    finite = np.isfinite(values)
    dead = (values == 0) & (zeros is None)
    kept = values[finite & ~dead]
    undefined = TailRecord(
        quantity,
        size=len(kept),
        zeros=int(np.count_nonzero(dead)) if zeros is None else zeros,
        nonfinite=int(np.count_nonzero(~finite)),
        **known,
    )
    try:
        stable, gaussian = fit_stable(kept), fit_gaussian(kept)
    except InputError:
        return undefined
    return replace(
        undefined,
        alpha=stable.alpha,
        null_alpha=null(len(kept)),
        beta=stable.beta,
        scale=stable.scale,
        location=stable.location,
        gaussian_mean=gaussian.mean,
        gaussian_sd=gaussian.sd,
        log_likelihood_ratio=(stable.log_likelihood - gaussian.log_likelihood) / len(kept),
        **(_power(kept) if power else {}),
    )


def _power(values: np.ndarray) -> dict[str, Any]:
    """Fields of the power law of the magnitudes; none for too few."""
    try:
        fit = fit_power_tail(np.abs(values))
    except InputError:
        return {}
    return {
        "power_exponent": fit.exponent - 1,
        "power_error": fit.exponent_error,
        "power_size": fit.tail_size,
        "exponential_ratio": fit.exponential.log_likelihood_ratio,
        "exponential_p": fit.exponential.p_value,
        "lognormal_ratio": fit.lognormal.log_likelihood_ratio,
        "lognormal_p": fit.lognormal.p_value,
    }


def vector_records(
    quantity: str,
    known: Mapping[str, Any],
    grams: np.ndarray,
    seed: int,
    repeats: int = 50,
) -> list[TailRecord]:
    """Log-moment tail indices of vectors known by Gram matrices, beside Gaussian vectors.

    What is averaged over the matrices is 1/alpha, in which the estimators are linear. The null is
    centred Gaussian vectors, as many, of equal variance in as many dimensions as the effective
    dimension of the Gram matrices (at most 1000); its interval is that of an average over as many
    matrices.

    Args:
        quantity: what the vectors are.
        known: fields of the records: where the vectors are of, and further numbers.
        grams: (m, n, n) inner products of n vectors minus their mean, m times.
        seed: of the null.
        repeats: matrices simulated for the null.

    Returns:
        Two records, by means and by medians of log-norms; undefined if the estimators are.
    """
    names = {"mean_alpha": "log-moment mean", "median_alpha": "log-moment median"}
    usable = [g for g in grams if np.isfinite(g).all() and np.trace(g) > 0]
    size = len(usable) * grams.shape[1]
    undefined = [TailRecord(quantity, method=m, size=size, **known) for m in names.values()]
    if not usable:
        return undefined
    try:
        found = [gram_log_moment_index(gram) for gram in usable]
        dimension = float(np.median([noise_dimension(gram) for gram in usable]))
    except InputError:
        return undefined
    null = gaussian_vector_indices(grams.shape[1], dimension, seed, repeats)
    records = []
    for name, record in zip(names, undefined, strict=True):
        inverse = np.array([1 / getattr(index, name) for index in found])
        inverse_null = np.array([1 / getattr(index, name) for index in null])
        own_spread = inverse.std(ddof=1) if len(inverse) > 1 else nan
        records.append(
            replace(
                record,
                alpha=_inverted(inverse.mean(), own_spread / len(inverse) ** 0.5),
                null_alpha=_inverted(inverse_null.mean(), inverse_null.std() / len(inverse) ** 0.5),
                effective_dimension=dimension,
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


def _inverted(inverse: float, error: float) -> Estimate:
    """Alpha from 1/alpha and its standard error, infinite where that is below zero."""
    ends = (inverse, inverse + 1.96 * error, inverse - 1.96 * error)
    return Estimate(*(nan if np.isnan(x) else float(1 / x) if x > 0 else inf for x in ends))
