"""Roughness of the loss along the walk: how loss differences grow with separation.

The separation of two positions is their distance or the contour length between them. A landscape
of roughness exponent H has mean squared loss differences (MSL) that grow as `r**(2 H)`. On a
smooth one H need not be 1: that depends on the walk, which knows its landscape. The null is of the
smooth landscapes that fit the same losses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import jackknife_error
from sgdwalk.fits.pair_bins import BINS, BLOCKS, PairBinning
from sgdwalk.fits.power_law import PowerLaw, fit_power_law
from sgdwalk.geometry.monofractal import LARGEST_HURST, SMALLEST_HURST, monofractal_losses
from sgdwalk.geometry.smooth_losses import MOST_DRAWN, SmoothLandscape, noise_like, thinned

DRAWS = 60  # of losses, for each interval and each null
ENOUGH = 0.5  # of them must give an exponent
UNDEFINED = Estimate.undefined()


@dataclass(frozen=True)
class LossRoughness:
    """MSL against separation, `n` logarithmic bins, and the exponent of its growth.

    Where it does not stand out from the noise it is to be drawn as an upper limit, at `msl_upper`.
    Losses are rough where H lies below its null and `p` is small. The null is of losses drawn on
    the smooth landscapes that fit these losses, with new noise; where one fits perfectly it gives
    the same H. `p` is the larger of two: the share of the draws whose H is no larger, and the
    p-value of no remainder beside the noise.
    """

    separation: Annotated[np.ndarray, "(n,) mean separation of the bin's pairs", "parameter"]
    msl: Annotated[
        np.ndarray,
        "(n,) mean squared loss difference, noise floor subtracted; may be negative",
        "loss^2",
    ]
    msl_error: Annotated[
        np.ndarray,
        "(n,) its standard error, of jackknife and floor; nan in bins that do not outlive each "
        "block of time",
        "loss^2",
    ]
    floor: Annotated[np.ndarray, "(n,) noise floor that was subtracted", "loss^2"]
    pairs: Annotated[np.ndarray, "(n,) pairs of positions in the bin"]
    upper_limit: Annotated[
        np.ndarray, "(n,) true where msl does not stand out from the noise with 95 % confidence"
    ]
    msl_upper: Annotated[
        np.ndarray, "(n,) upper end of the 95 % interval of msl, of no less than zero", "loss^2"
    ]
    fit: Annotated[PowerLaw, "power law of msl over the bins that are fitted, its exponent 2 H"]

    hurst: Annotated[Estimate, "roughness exponent H"]
    null: Annotated[Estimate, "median H of smooth landscapes, and the interval of 95 % of them"] = (
        UNDEFINED
    )
    p: Annotated[float, "p-value of smooth landscapes; nan where H or its null is missing"] = nan
    smooth: Annotated[
        np.ndarray | None, "(3, k) MSL of smooth landscapes: median, ends of 95 %", "loss^2"
    ] = None
    smooth_separation: Annotated[
        np.ndarray | None, "(k,) mean separation of its bins", "parameter"
    ] = None


def mean_squared_loss_difference(
    separation: np.ndarray,
    loss: np.ndarray,
    noise_variance: np.ndarray | None = None,
    noise_relative_error: float = 0.0,
    bins: int = BINS,
    blocks: int = BLOCKS,
    fit_range: tuple[float, float] | None = None,
) -> LossRoughness:
    """Mean of `(L_j - L_i)^2` over pairs of positions in logarithmic bins of their separation.

    Minibatch losses differ even at one position; the pair's noise floor `s_i^2 + s_j^2` is
    subtracted. H is fitted on the bins that stand out from it, beyond the separations where they
    do not, and unless told otherwise up to a quarter of the largest separation: there a window
    holds too few independent pairs for its blocks to know the error.

    The interval of H says how the blocks of this window agree; `loss_roughness` has one that also
    knows how losses scatter.

    Args:
        separation: (T, T) distances or contour lengths; entries `i < j` are used.
        loss: (T,) losses, minibatch or probe.
        noise_variance: (T,) variance `s_t^2` of the loss at fixed weights; none for probe losses.
        noise_relative_error: standard error of `noise_variance` relative to it, common to all t;
            about `sqrt(2 / (n - 1))` if it was estimated from n batches.
        bins: number of bins over the whole range of separations.
        blocks: number of blocks of time of the jackknife.
        fit_range: separations between which H is fitted; by default up to a quarter of the
            largest.

    Returns:
        The curve, its errors and the roughness exponent.

    Raises:
        InputError: if shapes do not match, or losses or variances are not finite.

    Source: Chen, Qu and Gong, Neural Networks 149 (2022); the mean here is over all pairs of a
    bin, of the squared difference.
    """
    loss = as_losses(separation, loss)
    noise = None if noise_variance is None else _variances(noise_variance, loss)
    pairs = _Pairs(PairBinning(separation, bins, blocks), noise, noise_relative_error, fit_range)
    return pairs.roughness(loss)


def loss_roughness(
    separation: np.ndarray,
    distance: np.ndarray,
    loss: np.ndarray,
    smooth: SmoothLandscape | None,
    seed: int,
    noise_variance: np.ndarray | None = None,
    noise_relative_error: float = 0.0,
) -> LossRoughness:
    """Add the interval of H over landscapes, and the null, to `mean_squared_loss_difference`.

    Gaussian losses whose mean squared difference is a power of the distance, with the noise, go
    through the same analysis: against distance or contour length, their H is off what is expected
    along this walk and scatters as much as ours. They are drawn with the power that would give our
    H, and then with those at the ends of the interval that this gives, because the scatter depends
    on H. Above H = 1 there is no such process: an interval that reaches there is no narrower than
    that of the blocks of the window. Draws are at no more than `MOST_DRAWN` positions, evenly
    spaced; in longer windows the null is moved by what that does to our H.

    Args:
        separation: (T, T) distances or contour lengths; entries `i < j` are used.
        distance: (T, T) distances.
        loss: (T,) losses, minibatch or probe.
        smooth: landscapes that fit these losses; None where there are none.
        seed: of the draws.
        noise_variance: as there.
        noise_relative_error: as there.

    Raises:
        InputError: as there.
    """
    loss = as_losses(separation, loss)
    found = mean_squared_loss_difference(separation, loss, noise_variance, noise_relative_error)
    kept = thinned(len(loss), MOST_DRAWN)
    separation, distance = (np.asarray(a)[np.ix_(kept, kept)] for a in (separation, distance))
    noise = None if noise_variance is None else np.asarray(noise_variance, dtype=float)[kept]
    pairs = _Pairs(PairBinning(separation), noise, noise_relative_error)
    rng = np.random.default_rng(seed)
    hurst = _over_landscapes(found.fit, pairs, distance, rng)
    if smooth is None:
        return replace(found, hurst=hurst)
    curves = [pairs.roughness(draw) for draw in smooth.draws(rng, DRAWS)]
    msl = np.quantile([curve.msl for curve in curves], (0.5, 0.025, 0.975), axis=0)
    found = replace(found, hurst=hurst, smooth=msl, smooth_separation=pairs.binning.abscissa)
    drawn = _defined([curve.fit for curve in curves])
    value = pairs.roughness(loss[kept]).fit.exponent.value / 2
    if not np.isfinite(value) or len(drawn) < ENOUGH * DRAWS:
        return found
    # Told as differences from ours, which fewer positions may change.
    offset = found.fit.exponent.value / 2 - value
    low, middle, high = np.quantile(drawn, (0.025, 0.5, 0.975)) + offset
    share = (1 + np.sum(drawn <= value)) / (1 + len(drawn))
    return replace(
        found,
        null=Estimate(float(middle), float(low), float(high)),
        p=max(float(share), smooth.remainder_p),
    )


class _Pairs:
    """The analysis of any losses along one walk, with their noise."""

    def __init__(
        self,
        binning: PairBinning,
        noise: np.ndarray | None,
        relative_error: float,
        fit_range: tuple[float, float] | None = None,
    ):
        self.binning, self.noise, self.relative_error = binning, noise, relative_error
        self._in_range = in_fit_range(binning.abscissa, fit_range)
        self._floor = np.zeros(len(binning.abscissa)), np.zeros(1)
        if noise is not None:
            self._floor = binning.average(
                lambda rows, columns: noise[None, columns] + noise[rows, None]
            )

    def roughness(self, loss: np.ndarray) -> LossRoughness:
        """Curve and exponent, with the interval of the jackknife, of (T,) losses."""
        raw, raw_replicates = self.binning.average(
            lambda rows, columns: (loss[None, columns] - loss[rows, None]) ** 2
        )
        floor = self._floor[0]
        msl, replicates = raw - floor, raw_replicates - self._floor[1]
        floor_error = self.relative_error * floor
        error = np.hypot(jackknife_error(replicates), floor_error)
        # A bin whose error is unknown is neither above the floor nor a limit.
        above = np.isfinite(error) & (msl > (0 if self.noise is None else 1.96 * error))
        limit = np.isfinite(error) & ~above
        fitted = above & self._in_range & _beyond_limits(limit & self._in_range)
        fit = fit_power_law(
            self.binning.abscissa[fitted],
            msl[fitted],
            replicates[:, fitted],
            shift=floor_error[fitted] if self.relative_error else None,
        )
        return LossRoughness(
            separation=self.binning.abscissa,
            msl=msl,
            msl_error=error,
            floor=floor,
            pairs=self.binning.pairs,
            upper_limit=limit,
            msl_upper=np.maximum(msl, 0) + 1.96 * error,
            fit=fit,
            hurst=fit.exponent.map(lambda exponent: exponent / 2),
        )


class Isotropic:
    """Losses on isotropic landscapes that are the power of a distance, as a fit sees them.

    Args:
        binning: of the pairs of the walk, by distance or contour length.
        distance: (T, T) distances.
        fit: power law of an MSL, of at least three bins.
    """

    def __init__(self, binning: PairBinning, distance: np.ndarray, fit: PowerLaw):
        self._binning, self._distance, self._fit = binning, distance, fit
        x = binning.abscissa
        moved = binning.means(distance) > 0  # not so where a walk comes back to the same place
        self._used = moved & (x >= fit.fit_low * (1 - 1e-9)) & (x <= fit.fit_high * (1 + 1e-9))
        if self._used.sum() < 2:  # fewer positions have fewer bins
            self._used = moved
        # Slopes are nearly in proportion to H.
        self._ratio = self.expected(0.5) / 0.5

    def hurst(self, slope: float) -> float:
        """H of the landscape whose expected MSL grows as fast as a fit's of exponent 2 `slope`."""
        found = slope / self._ratio if self._ratio > 0 else LARGEST_HURST
        return float(np.clip(found, SMALLEST_HURST, LARGEST_HURST))

    def expected(self, hurst: float) -> float:
        """Half the slope of the expected MSL over the bins of the fit."""
        log_x = np.log(self._binning.abscissa[self._used])
        log_x -= log_x.mean()
        spread = log_x @ log_x
        return float(log_x @ np.log(self._expected(hurst)) / spread / 2) if spread > 0 else 0.0

    def draws(self, hurst: float, rng: np.random.Generator, count: int) -> np.ndarray:
        """(count, T) losses, on average as large as the fit."""
        x = self._binning.abscissa[self._used]
        size = np.exp(np.mean(np.log(self._fit(x) / self._expected(hurst))) / 2)
        return size * monofractal_losses(self._distance, hurst, rng, count)

    def _expected(self, hurst: float) -> np.ndarray:
        return self._binning.means(self._distance ** (2 * hurst))[self._used]


def _over_landscapes(
    fit: PowerLaw, pairs: _Pairs, distance: np.ndarray, rng: np.random.Generator
) -> Estimate:
    """H of a fit, with the interval from fits to losses of that roughness."""
    value = fit.exponent.value / 2
    if not np.isfinite(value):
        return Estimate.undefined()
    landscapes = Isotropic(pairs.binning, distance, fit)

    def about(slope: float) -> tuple[float, float]:
        """How far off fits to losses of this slope are, and 1.96 of their standard deviations."""
        hurst = landscapes.hurst(slope)
        losses = landscapes.draws(hurst, rng, DRAWS // 2)
        if pairs.noise is not None:
            losses += noise_like(pairs.noise, pairs.relative_error, rng, DRAWS // 2)
        drawn = _defined([pairs.roughness(loss).fit for loss in losses])
        if len(drawn) < ENOUGH * len(losses):
            return nan, nan
        return float(drawn.mean()) - landscapes.expected(hurst), 1.96 * float(drawn.std(ddof=1))

    off, half = about(value)
    if not np.isfinite(off):
        return Estimate.undefined()
    # Scatter depends on H: an end is where its own scatter just reaches our value.
    (off_low, below), (off_high, above) = about(value - off - half), about(value - off + half)
    if not np.isfinite([off_low, off_high]).all():
        return Estimate.undefined()
    low, high = value - off_low - below, value - off_high + above
    if high > landscapes.expected(LARGEST_HURST):
        blocks = fit.exponent.map(lambda exponent: exponent / 2)
        low, high = min(low, blocks.low), max(high, blocks.high)
    return Estimate(value, low, high)


def _defined(fits: list[PowerLaw]) -> np.ndarray:
    """H of the fits that have one."""
    values = np.array([fit.exponent.value / 2 for fit in fits])
    return values[np.isfinite(values)]


def _variances(noise_variance: np.ndarray, loss: np.ndarray) -> np.ndarray:
    noise = np.asarray(noise_variance, dtype=float)
    if noise.shape != loss.shape or not np.all((noise >= 0) & np.isfinite(noise)):
        raise InputError(
            f"noise_variance: shape {noise.shape}; must be {loss.shape}, with no negative entry"
        )
    return noise


def as_losses(separation: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Check that losses are finite and belong to the separations; return them as (T,) float64.

    Raises:
        InputError: if they do not.
    """
    loss = np.asarray(loss, dtype=float)
    if loss.ndim != 1 or np.shape(separation) != (loss.size, loss.size):
        raise InputError(
            f"roughness: losses {loss.shape} with separations {np.shape(separation)}; "
            "must be (T,) and (T, T)"
        )
    if not np.all(np.isfinite(loss)):
        raise InputError("roughness: losses must be finite; an analysed window has not diverged")
    return loss


def _beyond_limits(limit: np.ndarray) -> np.ndarray:
    """Bins beyond the last two neighbours that are limits.

    Among limits only those bins stand out that noise has pushed up: fitting them bends H down.
    """
    neighbours = np.flatnonzero(limit[1:] & limit[:-1])
    return np.arange(limit.size) > (neighbours[-1] if neighbours.size else -1)


def in_fit_range(separation: np.ndarray, fit_range: tuple[float, float] | None) -> np.ndarray:
    """Return (n,) booleans: which ascending separations to fit; by default up to a quarter."""
    low, high = (0.0, separation[-1] / 4) if fit_range is None else fit_range
    return (separation >= low) & (separation <= high)
