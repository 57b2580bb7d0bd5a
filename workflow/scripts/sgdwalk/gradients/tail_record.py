"""One row per tail index: what it is of, the fit, the Gaussian beside it, and its null."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, nan
from typing import Annotated, Any, ClassVar

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import jackknife_interval, student_mean
from sgdwalk.gradients.log_moments import gram_log_moment_index
from sgdwalk.gradients.power_tail import fit_power_tail
from sgdwalk.gradients.rotations import BLOCK, DRAWS, FEWEST_ROTATED, beside_null, rotated_grams
from sgdwalk.gradients.stable_fit import StableFit, TailIndex, fit_gaussian, fit_stable

_UNDEFINED = Estimate.undefined()
_ENTRY = "1/parameter, or 1 if standardised"
_GROUPS = 5  # of steps, that the interval of alpha leaves out in turn


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
    null_alpha: Annotated[
        Estimate,
        "tail index of the null: median, smallest and largest of what it gives in this analysis",
    ] = _UNDEFINED
    null_p: Annotated[float, "share of the null that is as heavy: no larger alpha"] = nan
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
    note: Annotated[str, "what this alpha cannot say"] = ""
    undefined: Annotated[str, "why alpha, its null or the power law is not there"] = ""


def drawn_alphas(draw: Callable[[np.random.Generator], np.ndarray]) -> list[float]:
    """Tail indices of the draws of a null; nan where one has none.

    Args:
        draw: values of one draw.
    """
    generator, index = np.random.default_rng(0), TailIndex()
    return [alpha_or_nan(index, draw(generator)) for _ in range(DRAWS)]


def alpha_or_nan(index: TailIndex, values: np.ndarray) -> float:
    """Tail index of values without exact zeros; nan if they have none."""
    try:
        return index(values[values != 0])
    except InputError:
        return nan


def likelihood_record(
    quantity: str,
    known: Mapping[str, Any],
    values: np.ndarray,
    row: np.ndarray,
    null: Callable[[], Sequence[float]] | str,
    *,
    power: bool = False,
    zeros: int | None = None,
    empty: str = "",
) -> TailRecord:
    """Fit an alpha-stable law and a Gaussian; too few or equal values give an undefined record.

    Args:
        quantity: what the values are.
        known: fields of the record: where the values are of, and further numbers.
        values: any shape; exact zeros and values that are not finite are dropped and counted.
        row: the step or epoch of each value, from 0; broadcast to the shape of the values.
        null: gives the tail indices of draws of the null; or why there is none.
        power: also compare a power law of the magnitudes with lighter tails.
        zeros: number of zeros dropped before; those among the values are then no dead entries and
            stay.
        empty: why there are no values, if there are none.
    """
    values = np.asarray(values, float)
    row = np.broadcast_to(row, values.shape).ravel()
    values = values.ravel()
    finite = np.isfinite(values)
    dead = (values == 0) & (zeros is None)
    kept, row = values[finite & ~dead], row[finite & ~dead]
    record = TailRecord(
        quantity,
        size=len(kept),
        zeros=int(np.count_nonzero(dead)) if zeros is None else zeros,
        nonfinite=int(np.count_nonzero(~finite)),
        **known,
    )
    try:
        stable, gaussian = fit_stable(kept), fit_gaussian(kept)
    except InputError as error:
        return replace(
            record, undefined=_why("alpha", empty if empty and not values.size else error)
        )
    missing = []
    null_alpha, null_p = _UNDEFINED, nan
    if isinstance(null, str):
        missing.append(_why("null_alpha", null))
    else:
        null_alpha, null_p = beside_null(TailIndex()(kept), null())
        if not null_alpha.defined:
            missing.append(_why("null_alpha", "a draw of the null has no tail index"))
    found = {}
    if power:
        try:
            found = _power(kept)
        except InputError as error:
            missing.append(_why("power_exponent", error))
    return replace(
        record,
        alpha=_widened(stable, kept, row),
        null_alpha=null_alpha,
        null_p=null_p,
        beta=stable.beta,
        scale=stable.scale,
        location=stable.location,
        gaussian_mean=gaussian.mean,
        gaussian_sd=gaussian.sd,
        log_likelihood_ratio=(stable.log_likelihood - gaussian.log_likelihood) / len(kept),
        undefined="; ".join(missing),
        **found,
    )


def _why(name: str, reason: object) -> str:
    """A field and why it is not there, without the name of what was attempted."""
    return f"{name}: {str(reason).split(': ', 1)[-1]}"


def _widened(fit: StableFit, values: np.ndarray, row: np.ndarray) -> Estimate:
    """Alpha, its likelihood's interval widened to that from leaving out groups of rows.

    Values of one step share its minibatch. Groups are every fifth run of up to 25 rows, so that
    what changes over the window is in all of them.
    """
    rows = int(row.max()) + 1
    group = row // int(np.clip(rows // (2 * _GROUPS), 1, BLOCK)) % _GROUPS
    index = TailIndex()
    try:
        replicates = [index(values[group != k]) for k in np.unique(group)]
    except InputError:
        return fit.alpha
    alpha, spread = fit.alpha, jackknife_interval(fit.alpha.value, np.array(replicates))
    low, high = np.fmin(alpha.low, spread.low), np.fmax(alpha.high, spread.high)
    return Estimate(alpha.value, max(float(low), 0.0), min(float(high), 2.0))


def _power(values: np.ndarray) -> dict[str, Any]:
    """Fields of the power law of the magnitudes.

    Raises:
        InputError: too few values, or equal ones.
    """
    fit = fit_power_tail(np.abs(values))
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
    shortest: int = BLOCK,
    empty: str = "",
) -> list[TailRecord]:
    """Log-moment tail indices of vectors known by Gram matrices, beside rotated ones.

    What is averaged over the matrices is 1/alpha, in which the estimators are linear; the interval
    is from their scatter, and there is none for one matrix. In the null the vectors of each matrix
    are rotated, see `rotations`.

    Args:
        quantity: what the vectors are.
        known: fields of the records: where the vectors are of, and further numbers.
        grams: (m, n, n) inner products of n vectors minus their mean, m times.
        shortest: fewest vectors in a block of rotations.
        empty: why there are no matrices, if there are none.

    Returns:
        Two records, by means and by medians of log-norms; undefined if the estimators are.
    """
    names = {"mean_alpha": "log-moment mean", "median_alpha": "log-moment median"}
    count = grams.shape[1]
    records = [
        TailRecord(quantity, method=m, size=len(grams) * count, **known) for m in names.values()
    ]
    try:
        if not len(grams):
            raise InputError(empty or "no matrix of inner products is finite and not zero")
        if count < FEWEST_ROTATED:
            raise InputError(f"{count} vectors in a set; at least {FEWEST_ROTATED} are needed")
        found = _inverse_indices(grams)
        generator = np.random.default_rng(0)
        null = [
            _inverse_indices(rotated_grams(grams, generator, shortest)).mean(axis=0)
            for _ in range(DRAWS)
        ]
    except InputError as error:
        return [replace(record, undefined=_why("alpha", error)) for record in records]
    dimension = float(np.median([noise_dimension(gram) for gram in grams]))
    for i, record in enumerate(records):
        inverse = student_mean(found[:, i])
        alpha = Estimate(*(_inverted(x) for x in (inverse.value, inverse.high, inverse.low)))
        null_alpha, null_p = beside_null(alpha.value, [_inverted(draw[i]) for draw in null])
        missing = [
            _why(name, "sums of vectors do not outgrow single ones")
            for name, one in (("alpha", alpha), ("null_alpha", null_alpha))
            if not one.defined
        ]
        records[i] = replace(
            record,
            alpha=alpha,
            null_alpha=null_alpha,
            null_p=null_p,
            effective_dimension=dimension,
            undefined="; ".join(missing),
        )
    return records


def _inverse_indices(grams: np.ndarray) -> np.ndarray:
    """1/alpha by means and by medians: (m, 2)."""
    found = [gram_log_moment_index(gram) for gram in grams]
    return np.array([[1 / index.mean_alpha, 1 / index.median_alpha] for index in found])


def _inverted(inverse: float) -> float:
    """Alpha from 1/alpha, infinite where that is not above zero."""
    return float(inverse if np.isnan(inverse) else 1 / inverse if inverse > 0 else inf)


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
