"""Roughness of the loss along the walk: how loss differences grow with separation.

The separation of two positions is their distance or the contour length between them. A landscape
of roughness exponent H has mean squared loss differences (MSL) that grow as `r**(2 H)`. A smooth
one has H = 1, so the MSL of a quadratic fitted to the same walk is the null to draw beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import jackknife_error
from sgdwalk.fits.pair_bins import BINS, BLOCKS, bin_pairs
from sgdwalk.fits.power_law import PowerLaw, fit_power_law


@dataclass(frozen=True)
class LossRoughness:
    """MSL against separation, `n` logarithmic bins.

    Where it does not stand out from the noise it is to be drawn as an upper limit, at `msl_upper`.
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

    @property
    def hurst(self) -> Estimate:
        """Roughness exponent H with its 95 % interval."""
        return self.fit.exponent.map(lambda exponent: exponent / 2)


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

    Noise of twice the rms loss difference of one step makes H come out low, by 0.04 to 0.1 at
    T = 1000. The interval is about this landscape: in two dimensions, where a walk keeps
    returning, values from other landscapes of the same H scatter up to twice as much.

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
    functions = [lambda rows, columns: (loss[None, columns] - loss[rows, None]) ** 2]
    if noise_variance is not None:
        noise = np.asarray(noise_variance, dtype=float)
        if noise.shape != loss.shape or not np.all((noise >= 0) & np.isfinite(noise)):
            raise InputError(
                f"noise_variance: shape {noise.shape}; must be {loss.shape}, with no negative entry"
            )
        functions.append(lambda rows, columns: noise[None, columns] + noise[rows, None])
    binned = bin_pairs(separation, functions, bins, blocks)

    if noise_variance is None:
        floor = np.zeros(len(binned.abscissa))
        msl, replicates = binned.means[0], binned.replicates[0]
    else:
        floor = binned.means[1]
        msl = binned.means[0] - floor
        replicates = binned.replicates[0] - binned.replicates[1]
    floor_error = noise_relative_error * floor
    error = np.hypot(jackknife_error(replicates), floor_error)
    # A bin whose error is unknown is neither above the floor nor a limit.
    above = np.isfinite(error) & (msl > (0 if noise_variance is None else 1.96 * error))
    limit = np.isfinite(error) & ~above
    in_range = in_fit_range(binned.abscissa, fit_range)
    fitted = above & in_range & _beyond_limits(limit & in_range)
    return LossRoughness(
        separation=binned.abscissa,
        msl=msl,
        msl_error=error,
        floor=floor,
        pairs=binned.pairs,
        upper_limit=limit,
        msl_upper=np.maximum(msl, 0) + 1.96 * error,
        fit=fit_power_law(
            binned.abscissa[fitted],
            msl[fitted],
            replicates[:, fitted],
            shift=floor_error[fitted] if noise_relative_error else None,
        ),
    )


def quadratic_loss(coordinates: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Fit a quadratic function of position to the losses: the smooth null of the roughness.

    Its MSL on the same walk, from `mean_squared_loss_difference`, shows what a smooth bowl would
    give: H = 1 where positions are closer to each other than to its minimum.

    Args:
        coordinates: (T, k) leading principal components of the walk; k of about 5 is enough.
        loss: (T,) losses.

    Returns:
        (T,) losses of the best quadratic (with linear and mixed terms) of the coordinates.

    Raises:
        InputError: if shapes do not match, or the quadratic has as many terms as there are losses.
    """
    coordinates, loss = np.asarray(coordinates, dtype=float), np.asarray(loss, dtype=float)
    if coordinates.ndim != 2 or loss.shape != coordinates.shape[:1]:
        raise InputError(f"quadratic: coordinates {coordinates.shape} and losses {loss.shape}")
    k = coordinates.shape[1]
    terms = 1 + k + k * (k + 1) // 2
    if terms >= len(loss):
        raise InputError(f"quadratic: {terms} terms in {k} components need more losses")
    scaled = coordinates / np.maximum(np.abs(coordinates).max(axis=0), np.finfo(float).tiny)
    i, j = np.triu_indices(k)
    design = np.column_stack([np.ones(len(loss)), scaled, scaled[:, i] * scaled[:, j]])
    return design @ np.linalg.lstsq(design, loss, rcond=None)[0]


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
