"""What heavy tails stand beside: scales that differ between coordinates, and Gaussian noise.

Entries of a gradient pooled over parameters look heavy-tailed even when each one is Gaussian,
because their scales differ. Standardising each coordinate takes the scales out; the Gaussian scale
mixture says what they alone would give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.gradients.stable_fit import MINIMUM_SIZE, StableFit, fit_stable


@dataclass(frozen=True)
class Standardised:
    """Time series of many coordinates, each brought to median 0 and interquartile range 1.

    Attributes:
        values: `(n,)` all of them pooled, coordinate by coordinate, in order of time.
        coordinate: `(n,)` the coordinate each belongs to.
        zeros: number of exact zeros dropped, over all coordinates.
        dropped: `(k,)` coordinates left out: fewer than 20 values but zeros, or no
            interquartile range.
    """

    values: np.ndarray
    coordinate: np.ndarray
    zeros: int
    dropped: np.ndarray


def standardise(series: np.ndarray) -> Standardised:
    """Each coordinate over time by its median and interquartile range, exact zeros dropped.

    Arguments:
        series: `(T, c)` values of c coordinates at T times, in any units.

    Returns:
        A `Standardised`; `values` has no units.

    Raises:
        InputError: not two-dimensional, or values that are not finite.
    """
    series = np.asarray(series, dtype=float)
    if series.ndim != 2:
        raise InputError(
            f"standardise: an array (times, coordinates) is needed, not {series.shape}"
        )
    if not np.isfinite(series).all():
        raise InputError("standardise: values that are not finite")
    values, coordinates, dropped = [], [], []
    for coordinate, column in enumerate(series.T):
        kept = column[column != 0]
        spread = 0.0
        if len(kept) >= MINIMUM_SIZE:
            low, middle, high = np.quantile(kept, [0.25, 0.5, 0.75])
            spread = high - low
        if spread > 0:
            values.append((kept - middle) / spread)
            coordinates.append(np.full(len(kept), coordinate))
        else:
            dropped.append(coordinate)
    return Standardised(
        values=np.concatenate(values) if values else np.empty(0),
        coordinate=np.concatenate(coordinates) if values else np.empty(0, dtype=int),
        zeros=int(np.count_nonzero(series == 0)),
        dropped=np.array(dropped, dtype=int),
    )


def scale_mixture_null(
    scales: np.ndarray, size: int, seed: int, weights: np.ndarray | None = None
) -> StableFit:
    """The alpha-stable fit of Gaussian numbers that differ only in scale.

    Log-normal scales with log-sd 1 give alpha near 1.1.

    Arguments:
        scales: `(c,)` standard deviations of the coordinates, e.g. each one's over time, units of
            the values; positive.
        size: numbers to draw, each of a coordinate picked at random; as many as in the fit that
            this stands beside.
        seed: of the random numbers.
        weights: `(c,)` how many entries each coordinate stands for, up to a factor; equal if not
            given.

    Returns:
        The `StableFit`.

    Raises:
        InputError: no scales, scales that are not finite and positive, or `size` below 20.
    """
    scales = _checked_scales(scales)
    shares = None if weights is None else np.asarray(weights, float) / np.sum(weights)
    generator = np.random.default_rng(seed)
    drawn = generator.choice(scales, size, p=shares)
    return fit_stable(drawn * generator.standard_normal(size))


def scale_mixture_interval(
    scales: np.ndarray,
    weights: np.ndarray,
    strata: np.ndarray,
    size: int,
    seed: int,
    repeats: int = 10,
) -> Estimate:
    """Tail index of the Gaussian scale mixture, and how well the coordinates at hand tell it.

    Arguments:
        scales: `(w, c)` standard deviation of each coordinate in each of w windows; positive.
        weights: `(w, c)` how many entries each stands for, up to a factor; may be 0.
        strata: `(c,)` the layer of each coordinate.
        size: as in `scale_mixture_null`.
        seed: of the random numbers.
        repeats: times that the coordinates are drawn anew, with replacement, within each layer.

    Returns:
        Alpha of the null; its interval is 1.96 standard deviations of the repeats around it, within
        [0, 2].

    Raises:
        InputError: as `scale_mixture_null`.
    """
    alpha = scale_mixture_null(scales, size, seed, weights.ravel()).alpha.value
    generator = np.random.default_rng([seed, 1])
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    found = []
    for repeat in range(1, repeats + 1):
        chosen = np.concatenate([generator.choice(m, len(m)) for m in members])
        shares = weights[:, chosen].ravel()
        if shares.any():
            drawn = scale_mixture_null(scales[:, chosen], size, seed + repeat, shares)
            found.append(drawn.alpha.value)
    spread = 1.96 * float(np.std(found, ddof=1)) if len(found) > 1 else float("nan")
    return Estimate(alpha, max(alpha - spread, 0.0), min(alpha + spread, 2.0))


def scale_mixture_density(x: np.ndarray, scales: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Density of the Gaussian scale mixture.

    Arguments:
        x: `(n,)` where.
        scales: standard deviations, any shape, units of x; positive.
        weights: of the same shape, how many entries each stands for, up to a factor.

    Returns:
        `(n,)` density, units 1/x.

    Raises:
        InputError: no scales, or scales that are not finite and positive.
    """
    scales = _checked_scales(scales)
    shares = np.ravel(weights) / np.sum(weights)
    z = np.asarray(x, float)[:, None] / scales
    return np.exp(-(z**2) / 2) @ (shares / scales) / np.sqrt(2 * np.pi)


def _checked_scales(scales: np.ndarray) -> np.ndarray:
    scales = np.asarray(scales, dtype=float).ravel()
    if len(scales) == 0 or not (np.isfinite(scales).all() and scales.min() > 0):
        raise InputError(
            "scale mixture: finite, positive scales are needed (drop dead coordinates)"
        )
    return scales
