"""Everything that is said about the diffusion of one window, from its Gram matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.diffusion.lags import as_curve
from sgdwalk.diffusion.msd import (
    DRIFT_REMOVED_PART,
    drift_removed_msd,
    local_exponent,
    mean_squared_displacement,
    squared_displacement,
)
from sgdwalk.diffusion.ragged import ragged_share
from sgdwalk.diffusion.regimes import Regimes, Segment, fit_regimes, lags_to_fit, reported
from sgdwalk.diffusion.scatter import Scatter, window_scatter
from sgdwalk.diffusion.signs import SignNull, sign_null, sign_null_of_forms
from sgdwalk.diffusion.sketched_msd import sketch_scatter, sketched_msd
from sgdwalk.diffusion.unequal_lags import LagBins, as_steps
from sgdwalk.diffusion.unequal_scatter import increment_sizes, unequal_scatter
from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.distances import CheckedGram, squared_distances
from sgdwalk.geometry.effective_dimension import effective_dimension
from sgdwalk.geometry.surrogates import shuffled_msd
from sgdwalk.recording.trajectory import Trajectory, Window

_AREA = "parameter^2"


@dataclass(frozen=True)
class MSDNull:
    """MSD of the window's steps without correlations, at the f lags that were fitted."""

    mean: Annotated[np.ndarray, "(f,) exact mean msd", _AREA]
    low: Annotated[np.ndarray, "(f,) lower edge of the band of 95 % of whole curves", _AREA]
    high: Annotated[np.ndarray, "(f,) upper edge of that band", _AREA]
    exponents: Annotated[
        tuple[Estimate, ...], "exponents over the lags of each regime, of 95 % of null curves"
    ]
    p_value: Annotated[float, "probability that a null curve strays as far as the walk's"]
    inside: Annotated[bool, "whether the walk's msd is within the band at every fitted lag"]


@dataclass(frozen=True)
class ShorterFit:
    """Exponents of the same fit to lags up to a quarter of the window."""

    largest_lag: Annotated[float, "largest lag of the fit", "step"]
    regimes: Annotated[tuple[Segment, ...], "regimes in order of lag", "1; step"]
    exponent_short: Annotated[Estimate, "exponent of the first regime"]
    exponent_max: Annotated[Estimate, "largest exponent of all regimes"]
    exponent_long: Annotated[Estimate, "exponent of the last regime"]
    crossover_lag: Annotated[Estimate, "lag at which the last of several regimes begins", "step"]
    missing: Annotated[dict[str, str], "why this number is left empty"]


@dataclass(frozen=True)
class WindowDiffusion:
    """Diffusion of one window of T positions: MSD, nulls, regimes."""

    length: Annotated[int, "T, recorded positions"]
    stride: Annotated[
        int | None, "optimizer steps between recorded positions; none if these differ", "step"
    ]
    start: Annotated[int, "optimizer steps taken before the first position", "step"]
    last: Annotated[int, "optimizer steps taken before the last position", "step"]
    lags: Annotated[
        np.ndarray, "(b,) lags of msd and shuffled_mean: all T-1, or mean lags of bins", "step"
    ]
    pairs: Annotated[np.ndarray, "(b,) pairs of positions that msd is the mean of"]
    msd: Annotated[np.ndarray, "(b,) time-averaged mean squared displacement", _AREA]
    elapsed: Annotated[np.ndarray, "(T-1,) steps since the first position", "step"]
    squared_displacement: Annotated[
        np.ndarray, "(T-1,) squared distance from the first position, after as many", _AREA
    ]
    local_lags: Annotated[np.ndarray, "(m,) lags of local_exponent", "step"]
    local_exponent: Annotated[np.ndarray, "(m,) smoothed slope of log msd by log lag"]
    shuffled_mean: Annotated[
        np.ndarray | None, "(b,) mean msd of the same increments in random order", _AREA
    ]
    drift_lags: Annotated[np.ndarray, "(d,) lags of drift_removed", "step"]
    drift_removed: Annotated[
        np.ndarray, "(d,) msd without the mean drift, corrected for the bridge", _AREA
    ]
    effective_dimension: Annotated[float, "number of equal, independent directions of the walk"]
    ragged_share: Annotated[
        float | None, "share of the squared gradient from batches smaller than the others"
    ]
    sketch_error: Annotated[
        float | None,
        "relative standard error that a sketch adds to msd, the largest that is fitted",
    ]
    drifts: Annotated[bool, "whether a drift or relaxation common to all realisations was found"]
    fit_lags: Annotated[np.ndarray, "(f,) lags that were fitted", "step"]
    fitted: Annotated[np.ndarray, "(f,) fitted msd at them", _AREA]
    regimes: Annotated[tuple[Segment, ...], "regimes in order of lag", "1; step"]
    quarter: Annotated[ShorterFit | None, "the same fit to lags up to a quarter of the window"]
    signs: Annotated[MSDNull, "null: random signs of the increments"]
    signs_about_drift: Annotated[
        MSDNull | None, "null: random signs of the increments about their mean"
    ]
    exponent_short: Annotated[Estimate, "exponent of the first regime"]
    exponent_max: Annotated[Estimate, "largest exponent of all regimes"]
    exponent_long: Annotated[Estimate, "exponent of the last regime"]
    crossover_lag: Annotated[Estimate, "lag at which the last of several regimes begins", "step"]
    missing: Annotated[dict[str, str], "why this part could not be had"]

    @property
    def bends(self) -> bool:
        """Whether a regime is further from a power law than scatter would put it."""
        return any(segment.bends for segment in self.regimes)

    @property
    def exponents(self) -> tuple[Estimate, ...]:
        """Exponent of each regime; undefined where its interval is wider than 1."""
        return tuple(segment.stated for segment in self.regimes)

    def regime_of(self, name: str) -> int | None:
        """Index of the regime whose exponent `exponent_short`, `_max` or `_long` is, if any."""
        value = getattr(self, name).value
        return next((i for i, s in enumerate(self.regimes) if s.exponent.value == value), None)


def analyse_diffusion(
    gram: ArrayLike,
    stride: int = 1,
    signs: int = 200,
    seed: int = 0,
    start: int = 0,
    ragged_share: float | None = None,
    sketched: np.ndarray | None = None,
    steps: ArrayLike | None = None,
) -> WindowDiffusion:
    """Mean squared displacement, nulls and regimes of one window.

    Args:
        gram: (T-1, T-1) inner products of increments.
        stride: optimizer steps between recorded positions.
        signs: draws of random signs behind the bands of the nulls.
        seed: of all draws.
        start: optimizer steps taken before the first position; kept with the result.
        ragged_share: see `ragged.ragged_share`; kept with the result.
        sketched: (T-1, k) sketches of the increments, if the Gram matrix is that of a sketch, whose
            error intervals then hold; (T-1, 0) if it is exact all the same.
        steps: (T,) optimizer steps of the positions, in place of `stride` and `start`. Where they
            are unequally spaced, lags are put together in logarithmic bins.

    Raises:
        InputError: if the Gram matrix is none, steps are not as above, or the window is too short
            for a fit.
    """
    gram = CheckedGram(gram)
    if steps is not None:
        at = as_steps(steps)
        if len(at) != len(gram) + 1:
            raise InputError(f"steps: {len(at)} of them; allowed: {len(gram) + 1}, one a position")
        apart = np.unique(np.diff(at))
        start = int(at[0])
        if len(apart) > 1:
            return unequal_diffusion(gram, at, signs, seed)
        stride = int(apart[0])
    lags, msd = mean_squared_displacement(gram, stride)
    fit, scatter, sketch_error = _fit(gram, stride, seed, sketched)
    common, missing = _common(fit, scatter)
    local_lags, local = local_exponent(lags, msd)
    drift_lags, drift_removed = drift_removed_msd(gram, stride)
    index = np.rint(fit.lags / stride).astype(int)
    curve = msd[index - 1]
    about_drift = None
    if scatter.drifts:
        drifting = sign_null(gram, index, signs, seed, keep_drift=True)
        about_drift = _against(drifting, fit, curve, stride)
    else:
        missing["signs_about_drift"] = "no drift was found"
    if ragged_share is None:
        missing["ragged_share"] = "it is not known how large the batches were"
    if sketch_error is None:
        missing["sketch_error"] = "the window is not from a sketch"
    elapsed, squares = squared_displacement(gram, stride)
    return WindowDiffusion(
        length=len(lags) + 1,
        stride=stride,
        start=start,
        last=start + len(lags) * stride,
        lags=lags,
        pairs=np.arange(len(lags), 0, -1),
        msd=msd,
        elapsed=elapsed,
        squared_displacement=squares,
        local_lags=local_lags,
        local_exponent=local,
        shuffled_mean=shuffled_msd(gram),
        drift_lags=drift_lags,
        drift_removed=drift_removed,
        effective_dimension=effective_dimension(gram),
        ragged_share=ragged_share,
        sketch_error=sketch_error,
        signs=_against(sign_null(gram, index, signs, seed), fit, curve, stride),
        signs_about_drift=about_drift,
        missing=missing,
        **common,
    )


def unequal_diffusion(
    gram: CheckedGram, steps: np.ndarray, signs: int, seed: int
) -> WindowDiffusion:
    """The same of positions at unequal steps, by bins of lags.

    Args:
        gram: (T-1, T-1) inner products of increments.
        steps: (T,) optimizer steps of the positions.
        signs: draws of random signs behind the band of the null.
        seed: of all draws.

    Raises:
        InputError: if the walk does not move, or its lags are too few for a fit.
    """
    bins, squares = LagBins(steps), gram.squared_distances
    msd = bins.mean(squares)
    chosen = bins.fitted
    chosen = chosen[lags_to_fit(as_curve(bins.lags, msd)[0][chosen])]
    forms = bins.forms(chosen)
    scatter = unequal_scatter(gram.values, steps, forms, seed)
    lags, curve = bins.lags[chosen], msd[chosen]
    fit = fit_regimes(lags, curve, scatter)
    common, missing = _common(fit, scatter)
    local_lags, local = local_exponent(lags, curve)
    unequal = "the positions are unequally spaced in steps"
    missing |= dict.fromkeys(("shuffled_mean", "signs_about_drift"), unequal)
    missing["ragged_share"] = "it is not known how large the batches were"
    missing["sketch_error"] = "the window is not from a sketch"
    elapsed = steps[1:] - steps[0]
    drift = np.flatnonzero(bins.lags <= elapsed[-1] / DRIFT_REMOVED_PART)
    size = increment_sizes(gram.values, np.diff(steps))
    return WindowDiffusion(
        length=len(steps),
        stride=None,
        start=int(steps[0]),
        last=int(steps[-1]),
        lags=bins.lags,
        pairs=bins.pairs,
        msd=msd,
        elapsed=elapsed,
        squared_displacement=squares[0, 1:],
        local_lags=local_lags,
        local_exponent=local,
        shuffled_mean=None,
        drift_lags=bins.lags[drift],
        drift_removed=_without_drift(gram.values, steps, bins)[drift],
        effective_dimension=effective_dimension(gram.values / np.outer(size, size)),
        ragged_share=None,
        sketch_error=None,
        signs=_against(sign_null_of_forms(gram.values, lags, forms, signs, seed), fit, curve, 1),
        signs_about_drift=None,
        missing=missing,
        **common,
    )


def _without_drift(gram: np.ndarray, steps: np.ndarray, bins: LagBins) -> np.ndarray:
    """(b,) MSD without the mean velocity, over ``1 - tau / span`` of the bridge that is left."""
    apart = np.diff(steps).astype(float)
    along = gram.sum(axis=0) / apart.sum()  # products with the mean velocity
    rest = gram - np.outer(apart, along) - np.outer(along, apart)
    rest = rest + np.outer(apart, apart) * (along.sum() / apart.sum())
    lag = (steps - steps[:, None]).astype(float)
    kept = bins.mean(lag * (1 - lag / apart.sum())) / bins.mean(lag)
    return bins.mean(squared_distances(rest)) / np.maximum(kept, np.finfo(float).tiny)


def window_diffusion(
    trajectory: Trajectory, window: Window, signs: int, seed: int
) -> WindowDiffusion:
    """The same of a window of a walk, which says where it is and what of it is a sketch.

    Args:
        trajectory: the walk.
        window: one of its windows, or of a group of its tensors.
        signs: as of `analyse_diffusion`.
        seed: of all draws.

    Raises:
        InputError: as `analyse_diffusion`.
    """
    start, length, stride = window.start, window.length, window.stride
    if stride is None:
        return analyse_diffusion(window.gram, signs=signs, seed=seed, steps=window.step)
    ragged = ragged_share(trajectory, start, length, stride)
    return analyse_diffusion(window.gram, stride, signs, seed, start, ragged, window.sketched)


def fit_window(gram: ArrayLike, stride: int = 1, seed: int = 0) -> tuple[Regimes, Scatter]:
    """Regimes of a window's MSD, and the scatter that they were judged by.

    Args:
        gram: (T-1, T-1) inner products of increments.
        stride: optimizer steps between recorded positions.
        seed: of the draws of the scatter.

    Raises:
        InputError: if the Gram matrix is none, or the window is too short for a fit.
    """
    fit, scatter, _ = _fit(CheckedGram.of(gram), stride, seed, None)
    return fit, scatter


def _fit(
    gram: CheckedGram, stride: int, seed: int, sketched: np.ndarray | None
) -> tuple[Regimes, Scatter, float | None]:
    """Regimes, the scatter that they were judged by, and the sketch's error of the MSD."""
    lags, msd = mean_squared_displacement(gram, stride)
    index = lags_to_fit(as_curve(lags, msd)[0]) + 1
    scatter = window_scatter(gram, index, seed)
    error = None if sketched is None else 0.0
    if sketched is not None and sketched.shape[1]:
        added = sketch_scatter(sketched_msd(sketched, index).coordinates, seed + 1)
        error = float(np.sqrt(added.relative_variance.max()))
        scatter = replace(scatter, sketch=added.draws)
    return fit_regimes(lags, msd, scatter), scatter, error


def _common(fit: Regimes, scatter: Scatter) -> tuple[dict[str, Any], dict[str, str]]:
    """What a window says of a fit, whatever its lags are, by field; and why parts are missing."""
    numbers, missing = reported(fit)
    if fit.quarter is None:
        missing["quarter"] = "too few lags up to a quarter of the window"
    found = {
        "drifts": scatter.drifts,
        "fit_lags": fit.lags,
        "fitted": fit.fitted,
        "regimes": fit.segments,
        "quarter": _shorter(fit.quarter),
    }
    return {**found, **numbers}, missing


def _against(null: SignNull, fit: Regimes, curve: np.ndarray, stride: int) -> MSDNull:
    """A null beside the walk: exponents over its regimes, and whether it holds its curve."""
    ends = [(s.first_lag / stride, s.last_lag / stride) for s in fit.segments]
    return MSDNull(
        mean=null.mean,
        low=null.low,
        high=null.high,
        exponents=tuple(null.slope(first, last) for first, last in ends),
        p_value=null.p_value(curve),
        inside=null.inside(curve),
    )


def _shorter(fit: Regimes | None) -> ShorterFit | None:
    if fit is None:
        return None
    numbers, missing = reported(fit)
    return ShorterFit(largest_lag=fit.largest_lag, regimes=fit.segments, missing=missing, **numbers)
