"""Structure functions of the loss along the walk: is it mono- or multifractal?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import jackknife_error
from sgdwalk.fits.pair_bins import PairBinning
from sgdwalk.fits.power_law import PowerLaw, fit_power_law
from sgdwalk.geometry.loss_roughness import DRAWS, ENOUGH, Isotropic, as_losses, in_fit_range
from sgdwalk.geometry.smooth_losses import SmoothLandscape, noise_like, thinned

ORDERS = np.arange(1, 9) / 2
MOST_COMPARED = 250  # positions at which losses are drawn, evenly over the window
_SECOND = 3  # where order 2 stands among the orders


@dataclass(frozen=True)
class StructureFunctions:
    """Generalised structure functions `<|dL|^q>` of Q orders in `n` bins of separation.

    The curvature of a monofractal is zero on average over landscapes, not of one walk: compare it
    with its null. A multifractal's lies below.
    """

    orders: Annotated[np.ndarray, "(Q,) orders q of the structure functions"]
    separation: Annotated[np.ndarray, "(n,) mean separation of the bin's pairs", "parameter"]
    moments: Annotated[np.ndarray, "(Q, n) structure functions <|dL|^q>", "loss^q"]
    moments_error: Annotated[np.ndarray, "(Q, n) their standard errors", "loss^q"]
    fits: Annotated[tuple[PowerLaw, ...], "power law of each order, its exponent zeta(q)"]
    curvature: Annotated[Estimate, "curvature c of zeta(q) = h q + c q^2"]
    null: Annotated[Estimate, "median c of monofractal losses of the same H, interval of 95 %"]
    p: Annotated[
        float,
        "p-value of a monofractal, two-sided, or of smooth landscapes, whichever is larger; nan "
        "where c or its null is missing",
    ]

    @property
    def zeta(self) -> np.ndarray:
        """(Q,) scaling exponents."""
        return np.array([fit.exponent.value for fit in self.fits])

    @property
    def monofractal_zeta(self) -> np.ndarray:
        """(Q,) the null: the line through the origin and zeta(2)."""
        return self.orders * self.zeta[_SECOND] / 2


def structure_functions(
    separation: np.ndarray,
    distance: np.ndarray,
    loss: np.ndarray,
    smooth: SmoothLandscape | None,
    seed: int,
    noise_variance: np.ndarray | None = None,
    noise_relative_error: float = 0.0,
    fit_range: tuple[float, float] | None = None,
) -> StructureFunctions:
    """Structure functions `<|L_j - L_i|^q>` against separation, and the exponents zeta(q).

    `zeta(q) = q H` is a monofractal. No noise floor can be subtracted at orders other than two: use
    a probe loss, or set `fit_range` to separations where the MSL is far above its floor. The null
    and the half-widths of the curvature's interval are of Gaussian losses on isotropic landscapes
    of one H, that which gives order two or else 1, along the same walk and with the noise; they and
    `p` are of at most `MOST_COMPARED` positions, evenly spaced. Along one walk a bowl may have a
    curvature that no such loss has, so `p` is no smaller than that of no remainder beside smooth
    landscapes.

    Args:
        separation: (T, T) distances or contour lengths; entries `i < j` are used.
        distance: (T, T) distances.
        loss: (T,) losses.
        smooth: landscapes that fit these losses; None where there are none.
        seed: of the draws.
        noise_variance: (T,) variance of the loss at fixed weights; none for probe losses.
        noise_relative_error: standard error of `noise_variance` relative to it.
        fit_range: separations between which zeta is fitted; by default up to a quarter of the
            largest.

    Returns:
        Structure functions, zeta(q) and its curvature, with 95 % intervals.

    Raises:
        InputError: if shapes do not match, or losses are not finite.

    Source: Ly and Gong, Nat. Commun. 16 (2025), doi 10.1038/s41467-025-58532-9.
    """
    loss = as_losses(separation, loss)
    binning = PairBinning(separation)
    moments, replicates, fits = _structure(binning, loss, fit_range)
    kept = thinned(len(loss), MOST_COMPARED)
    noise = None if noise_variance is None else np.asarray(noise_variance, dtype=float)[kept]
    null, p = _monofractal(
        PairBinning(np.asarray(separation)[np.ix_(kept, kept)]),
        np.asarray(distance)[np.ix_(kept, kept)],
        loss[kept],
        fits[_SECOND],
        fit_range,
        np.random.default_rng(seed),
        (noise, noise_relative_error),
    )
    if smooth is not None:
        p = float(np.maximum(p, smooth.remainder_p))  # nan stays
    value = _curvature(fits)
    ends = (value - (null.high - null.value), value + (null.value - null.low))
    return StructureFunctions(
        orders=ORDERS,
        separation=binning.abscissa,
        moments=moments,
        moments_error=jackknife_error(replicates.transpose(1, 0, 2)),
        fits=tuple(fits),
        curvature=Estimate(value, *ends),
        null=null,
        p=p,
    )


def _monofractal(
    binning: PairBinning,
    distance: np.ndarray,
    loss: np.ndarray,
    second: PowerLaw,
    fit_range: tuple[float, float] | None,
    rng: np.random.Generator,
    noise: tuple[np.ndarray | None, float],
) -> tuple[Estimate, float]:
    """Curvature of Gaussian losses with the MSL of these, and the two-sided p-value of theirs."""
    nothing = Estimate.undefined(), np.nan
    if not second.exponent.defined:
        return nothing
    landscapes = Isotropic(binning, distance, second)
    draws = landscapes.draws(landscapes.hurst(second.exponent.value / 2), rng, DRAWS)
    if noise[0] is not None:
        draws += noise_like(noise[0], noise[1], rng, DRAWS)
    value, *found = (_curvature(_structure(binning, x, fit_range)[2]) for x in (loss, *draws))
    drawn = np.array(found)[np.isfinite(found)]
    if not np.isfinite(value) or len(drawn) < ENOUGH * DRAWS:
        return nothing
    low, median, high = (float(c) for c in np.quantile(drawn, (0.025, 0.5, 0.975)))
    fewer = min(np.sum(drawn <= value), np.sum(drawn >= value))
    return Estimate(median, low, high), float(min(2 * (1 + fewer) / (1 + len(drawn)), 1.0))


def _structure(
    binning: PairBinning, loss: np.ndarray, fit_range: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray, list[PowerLaw]]:
    """(Q, n) moments, (Q, B, n) the same without a block of time, and their power laws."""
    root = np.sqrt(np.abs(loss[None] - loss[:, None]))
    power = np.ones_like(root)
    averages = []
    for _ in ORDERS:
        power = power * root
        averages.append(binning.average(power))
    moments, replicates = (np.array(part) for part in zip(*averages, strict=True))
    fitted = in_fit_range(binning.abscissa, fit_range)
    x = binning.abscissa[fitted]
    fits = [
        fit_power_law(x, mean[fitted], without[:, fitted])
        for mean, without in zip(moments, replicates, strict=True)
    ]
    return moments, replicates, fits


def _curvature(fits: list[PowerLaw]) -> float:
    """Least-squares c of zeta(q) = h q + c q^2."""
    zeta = [fit.exponent.value for fit in fits]
    return float((np.linalg.pinv(np.column_stack([ORDERS, ORDERS**2])) @ zeta)[1])
