"""Gradients and losses along an ensemble's walks: their density, its tails, and the roughness."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import jackknife_interval, student_mean
from sgdwalk.fits.pair_bins import BLOCKS
from sgdwalk.geometry.distances import squared_distances
from sgdwalk.geometry.loss_roughness import mean_squared_loss_difference
from sgdwalk.gradients.stable_fit import StableFit, fit_gaussian, fit_stable
from sgdwalk.walker.walk import Walks

BINS = 80
SHOWN_SPREADS = 6  # half width of the histogram in interquartile ranges: 8 s.d. of a Gaussian
MOST_ENTRIES = 50_000
GROUPS = 5
ROUGHNESS_WALKERS = 12
# Below so many cells the bilinear surface is smoother than the terrain it joins: on exact surfaces
# of H 0.3 to 0.9 the mean over free walks is off by at most 0.06 from four cells on, by 0.15 from
# one, by 0.57 without a limit.
RESOLVED_CELLS = 4


@dataclass(frozen=True, eq=False)
class GradientDensity:
    """Density of the gradient's components along all walks, with stable and Gaussian fits."""

    edges: Annotated[np.ndarray, "(bins + 1,) bin edges of density", "loss/length"]
    density: Annotated[np.ndarray, "(bins,) share of all entries per width of bin", "length/loss"]
    entries: Annotated[int, "entries kept: both components, all walkers and steps"]
    held_share: Annotated[float, "share of entries dropped because a wall held the walker there"]
    zero_share: Annotated[float, "share of entries dropped because they are exactly zero"]
    alpha: Annotated[Estimate, "stability parameter of the alpha-stable fit"]
    stable: Annotated[np.ndarray, "(4,) alpha, beta, scale, location (Nolan's S0)", "loss/length"]
    gaussian: Annotated[np.ndarray, "(2,) mean and standard deviation", "loss/length"]
    log_likelihood_ratio: Annotated[float, "stable over Gaussian, per entry of the fit"]
    missing: Annotated[dict[str, str], "why fits or a parameter of them are not defined"] = field(
        default_factory=dict
    )


@dataclass(frozen=True, eq=False)
class WalkRoughness:
    """Mean squared loss difference (MSL) against distance along single walks."""

    separation: Annotated[np.ndarray, "(n,) distance, walker 0", "length"]
    msl: Annotated[np.ndarray, "(n,) mean squared loss difference, walker 0", "loss^2"]
    msl_error: Annotated[np.ndarray, "(n,) its standard error over blocks of time", "loss^2"]
    resolved: Annotated[
        float, "distance from which on hurst is fitted; below, cells are smooth", "length"
    ]
    walkers: Annotated[int, "walkers behind hurst"]
    hurst: Annotated[Estimate, "roughness exponent, mean over walkers"]
    missing: Annotated[dict[str, str], "why there is no curve of walker 0, or no hurst"] = field(
        default_factory=dict
    )


def gradient_density(walks: Walks) -> GradientDensity:
    """Density of gradient entries, both components of all walkers pooled.

    Where a wall holds a walker its gradient repeats: those entries, and exact zeros (flat ground),
    are dropped and counted. The fits take at most 50,000 entries, evenly thinned. A walker's
    entries depend on each other, so alpha's interval joins that of the likelihood with one from
    leaving out groups of walkers.

    Args:
        walks: of the ensemble.

    Returns:
        Histogram and fits; fits are nan where the entries have no density (too few, or repeated).
    """
    held = np.zeros(walks.losses.shape, dtype=bool)
    held[:, 1:] = (np.diff(walks.positions, axis=1) == 0).all(axis=2)
    walker = np.broadcast_to(np.arange(len(held))[:, None, None], walks.gradients.shape)[~held]
    entries = walks.gradients[~held]
    zero = entries == 0
    entries, walker = entries[~zero], walker[~zero]
    thin = slice(None, None, -(-entries.size // MOST_ENTRIES) or 1)
    missing = {}
    try:
        fit, plain = fit_stable(entries[thin]), fit_gaussian(entries[thin])
        alpha = _widened_alpha(fit, entries[thin], walker[thin] % GROUPS)
    except InputError as error:
        alpha, ratio = Estimate.undefined(), np.nan
        missing["alpha"] = str(error)
        stable, gaussian = np.full(4, np.nan), np.full(2, np.nan)
    else:
        stable = np.array([fit.alpha.value, fit.beta, fit.scale, fit.location])
        gaussian = np.array([plain.mean, plain.sd])
        ratio = (fit.log_likelihood - plain.log_likelihood) / fit.size
        if np.isnan(fit.beta):
            missing["beta"] = "a Gaussian (alpha = 2) has no skewness"
    edges = _edges(entries)
    density = np.histogram(entries, edges)[0] / max(entries.size, 1) / np.diff(edges)
    return GradientDensity(
        edges,
        density,
        entries.size,
        float(held.mean()),
        float(zero.mean()) if zero.size else 0.0,
        alpha,
        stable,
        gaussian,
        float(ratio),
        missing,
    )


def _widened_alpha(fit: StableFit, entries: np.ndarray, group: np.ndarray) -> Estimate:
    """Alpha, its likelihood's interval widened to that from leaving out groups of walkers."""
    alpha, groups = fit.alpha, np.unique(group)
    if groups.size < 2:
        return alpha
    replicates = [fit_stable(entries[group != k]).alpha.value for k in groups]
    spread = jackknife_interval(alpha.value, np.array(replicates))
    high = min(max(alpha.high, spread.high), 2.0)
    return Estimate(alpha.value, min(alpha.low, spread.low), high)


def _edges(entries: np.ndarray) -> np.ndarray:
    """Bins over all entries, but for those very far out."""
    if entries.size == 0 or entries.min() == entries.max():
        middle = entries[0] if entries.size else 0.0
        return np.linspace(middle - 1, middle + 1, BINS + 1)
    low, middle, high = np.quantile(entries, (0.25, 0.5, 0.75))
    reach = SHOWN_SPREADS * (high - low) or 1.0
    return np.linspace(
        max(entries.min(), middle - reach), min(entries.max(), middle + reach), BINS + 1
    )


def walk_roughness(walks: Walks, resolved: float) -> WalkRoughness:
    """Roughness exponent of the loss along the walks of up to twelve walkers.

    Each walk goes through `loss_roughness.mean_squared_loss_difference`, as a network's window
    does, fitted from `resolved` to a quarter of its largest distance; the interval is from the
    scatter between walkers, and so about this terrain.

    Args:
        walks: at least one.
        resolved: distance below which the terrain's grid is no terrain, `RESOLVED_CELLS` cells.

    Returns:
        The curve of walker 0, none where that walk went nowhere, and the exponents' mean, undefined
        with fewer than two.
    """
    exponents: list[float] = []
    shown = (np.empty(0),) * 3
    missing, level = {}, True
    chosen = range(min(ROUGHNESS_WALKERS, len(walks.stuck)))
    if walks.losses.shape[1] < BLOCKS:
        why = f"walks of fewer than {BLOCKS} positions: no error can be told"
        missing = {"msl": why, "hurst": why}
        return WalkRoughness(*shown, resolved, 0, Estimate.undefined(), missing)
    for k in chosen:
        increments = np.diff(walks.positions[k], axis=0)
        if not increments.any():
            continue
        distance = np.sqrt(squared_distances(increments @ increments.T))
        fitted = (resolved, float(distance.max()) / 4)
        curve = mean_squared_loss_difference(distance, walks.losses[k], fit_range=fitted)
        exponents.append(curve.hurst.value)
        level &= not np.ptp(walks.losses[k])
        if k == 0:
            shown = curve.separation, curve.msl, curve.msl_error
    if not shown[0].size:
        missing["msl"] = "walker 0 did not move"
    walkers = int(np.isfinite(exponents).sum())
    if walkers > 1:
        return WalkRoughness(*shown, resolved, walkers, student_mean(exponents), missing)
    if not exponents:
        missing["hurst"] = f"none of {len(chosen)} walkers moved"
    elif level:
        missing["hurst"] = "the loss is the same everywhere on the walks"
    else:
        missing["hurst"] = (
            f"{walkers} of {len(chosen)} walks have three bins of distance between {resolved:.3g}, "
            "below which cells are smooth, and a quarter of the walk, two are needed"
        )
    return WalkRoughness(*shown, resolved, walkers, Estimate.undefined(), missing)
