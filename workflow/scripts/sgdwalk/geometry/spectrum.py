"""Power spectrum of a walk's increments, and in how many directions they move, by frequency.

The increments' modes are their cosine transform (DCT-II) or their sine transform (DST-I): real,
orthonormal, twice as fine as Fourier's, and without a jump between the window's ends. With F the
Gram matrix of the modes, its diagonal is the periodogram ``I_j``, at the frequencies
``w_j = pi j / n`` of n increments. For a Gaussian walk whose increments have the spectrum ``s`` in
``d`` equal and independent directions, ``I_j`` is ``s_j`` times a gamma variable of shape
``d / 2`` and mean 1, and ``F_jk^2`` is ``s_j s_k / d`` on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.fft import dctn, dstn

# Modes are taken together in bands: each of the first by itself, then a factor 1.12 of frequency.
SINGLE_MODES = 8
BAND_FACTOR = 1.12
# What the slope of an unsmoothed log spectrum would change by over a factor e of frequency.
ROUGHNESS = 0.5
# Degrees of freedom of a mode, halved, before its dimension is known.
FIRST_SHAPE = 1.5
# Mode j is compared with those up to j + OFFSETS, and with the first few of them in any case.
OFFSETS = 12
NEAR_OFFSETS = 4
DIMENSION_WIDTH = 0.6
# Log-log slopes with which a spectrum goes on to lower frequencies: those of walks between
# ballistic ones and ones that stay in place.
LOWEST_SLOPE, LARGEST_SLOPE = -1.0, 2.0
# Log factor by which the noise's variance may change over a window.
LARGEST_TREND = 8.0
TRENDS = 161
# Squared products of modes below this part of those of one direction are rounding.
RESOLUTION = 1e-20
_FLOOR = 1e-12
_TINY = 1e-300


def cosine_modes(gram: np.ndarray) -> np.ndarray:
    """Gram matrix (n, n) of the modes j = 0 .. n-1 of n increments (DCT-II)."""
    return dctn(gram, type=2, norm="ortho")


def sine_modes(gram: np.ndarray) -> np.ndarray:
    """Gram matrix (n+1, n+1) of the sine modes (DST-I), at the frequencies pi j / (n+1).

    Row 0 is zeros, so that row j is mode j, as of the cosines.
    """
    modes = np.zeros((len(gram) + 1, len(gram) + 1))
    modes[1:, 1:] = dstn(gram, type=1, norm="ortho")
    return modes


@dataclass(frozen=True)
class Spectrum:
    """A smooth power spectrum of increments.

    Attributes:
        log_mode: (b,) log of the middle mode of each band.
        log_power: (b,) log of the spectrum there.
        log_dimension: (b,) log of the number of equal, independent directions there.
        trend: logarithm of the factor by which the variance changes over the window.
    """

    log_mode: np.ndarray
    log_power: np.ndarray
    log_dimension: np.ndarray
    trend: float

    @property
    def lowest_slope(self) -> float:
        """Log-log slope with which it goes on below its first band."""
        x, y = self.log_mode, self.log_power
        slope = (y[1] - y[0]) / (x[1] - x[0]) if len(x) > 1 else 0.0
        return float(np.clip(slope, LOWEST_SLOPE, LARGEST_SLOPE))

    def power(self, mode: np.ndarray) -> np.ndarray:
        """Spectrum at modes, whole or not; a power law below the first band, level below 1/2."""
        x = np.log(np.maximum(mode, 0.5))
        below = self.lowest_slope * np.minimum(x - self.log_mode[0], 0.0)
        return np.exp(np.interp(x, self.log_mode, self.log_power) + below)

    def products(self, count: int) -> np.ndarray:
        """Expected Gram matrix (count, count) of the lowest cosine modes."""
        j = np.arange(count)
        ties = _ties(self.trend, 2 * count)
        ties = ties[np.abs(j - j[:, None])] + ties[j + j[:, None]]
        size = np.sqrt(self.power(j))
        size[0] /= np.sqrt(2)
        return ties * np.outer(size, size)

    def dimension(self, mode: np.ndarray) -> np.ndarray:
        """Equal, independent directions at modes."""
        x = np.log(np.maximum(mode, 0.5))
        return np.exp(np.interp(x, self.log_mode, self.log_dimension))


def smooth_spectrum(modes: np.ndarray, first: int) -> Spectrum:
    """Spectrum and dimension from the modes from `first` on.

    The log spectrum maximises the likelihood of the periodogram less a penalty on the change of
    its slope (Whittle 1957; Wahba 1980, J. Am. Stat. Assoc. 75, 122).

    Args:
        modes: (n, n) Gram matrix of the modes.
        first: lowest mode used, at least 1.
    """
    edges = _band_edges(first, len(modes))
    power = floored_power(modes)
    counts = np.diff(edges)
    mean = np.add.reduceat(power[: edges[-1]], edges[:-1]) / counts
    middle = np.log(np.sqrt(edges[:-1] * (edges[1:] - 1.0)))
    penalty = _penalty(middle)
    log_power = _smooth(np.log(mean), mean, counts * FIRST_SHAPE, penalty)
    rough = Spectrum(middle, log_power, np.zeros(len(middle)), 0.0)
    dimension, trend = _dimension_and_trend(modes, power, rough, first)
    j = np.arange(len(modes))
    level = power / (1 + _ties(trend, 2 * len(modes))[2 * j])
    mean = np.add.reduceat(level, edges[:-1]) / counts
    log_power = _smooth(log_power, mean, counts * dimension / 2, penalty)
    return Spectrum(middle, log_power, np.log(dimension), trend)


def _band_edges(first: int, count: int) -> np.ndarray:
    edges, at = [first], 1.0
    while at < count:
        at = at + 1.0 if at < SINGLE_MODES else max(at * BAND_FACTOR, at + 1.0)
        if first < int(at) < count:
            edges.append(int(at))
    return np.unique([*edges, count])


def _penalty(x: np.ndarray) -> np.ndarray:
    """Quadratic form (b, b): the integral of the squared second derivative over ROUGHNESS^2."""
    form = np.zeros((len(x), len(x)))
    for i in range(1, len(x) - 1):
        left, right = x[i] - x[i - 1], x[i + 1] - x[i]
        width = (left + right) / 2
        second = np.array([1 / left, -1 / left - 1 / right, 1 / right]) / width
        form[i - 1 : i + 2, i - 1 : i + 2] += width * np.outer(second, second)
    return form / ROUGHNESS**2


def _smooth(
    start: np.ndarray, mean: np.ndarray, shape: np.ndarray, penalty: np.ndarray
) -> np.ndarray:
    """Log spectrum (b,) by Newton's method, its steps at most 1: the problem is convex."""
    theta = start.copy()
    for _ in range(100):
        relative = shape * mean * np.exp(-theta)
        gradient = shape - relative + penalty @ theta
        step = np.linalg.solve(penalty + np.diag(relative + 1e-9 * shape), gradient)
        largest = np.abs(step).max()
        theta -= step / max(1.0, largest)
        if largest < 1e-6:
            break
    return theta


def pooled_dimension(modes: np.ndarray, first: int) -> float:
    """Equal, independent directions of all modes from `first` on, each by its power."""
    spectrum = smooth_spectrum(modes, first)
    products, squares, places = _neighbours(modes, floored_power(modes), spectrum, first)
    scatter, _ = _about_trend(products)
    # Weak modes beside strong ones are what leaks from these at the window's ends.
    weights = np.concatenate(
        [spectrum.power(j) * spectrum.power(j + o) for o, j in enumerate(places, start=1)]
    )
    total = float(weights @ np.concatenate(squares))
    unequal = float(weights @ scatter)
    return float("inf") if unequal <= RESOLUTION * total else max(1.0, total / unequal)


def floored_power(modes: np.ndarray) -> np.ndarray:
    """Periodogram (n,) of modes, those that are rounding nearly zero, and positive."""
    power = modes.diagonal()
    return np.maximum(power, _FLOOR * max(power.mean(), _TINY))


def _dimension_and_trend(
    modes: np.ndarray, power: np.ndarray, spectrum: Spectrum, first: int
) -> tuple[np.ndarray, float]:
    """Directions (b,) around the bands, from products of neighbouring modes, and the trend."""
    products, squares, places = _neighbours(modes, power, spectrum, first)
    if not products:
        return np.ones(len(spectrum.log_mode)), 0.0
    scatter, trend = _about_trend(products)
    distance = np.log(np.concatenate(places)) - spectrum.log_mode[:, None]
    weight = np.exp(-0.5 * (distance / DIMENSION_WIDTH) ** 2)
    total = weight @ np.concatenate(squares)
    return np.maximum(total / np.maximum(weight @ scatter, RESOLUTION * total), 1.0), trend


_Arrays = list[np.ndarray]


def _neighbours(
    modes: np.ndarray, power: np.ndarray, spectrum: Spectrum, first: int
) -> tuple[_Arrays, _Arrays, _Arrays]:
    """By offset: products of modes so far apart, of their powers, and the lower of the modes.

    Both relative to the spectrum, one number for each pair of modes.
    """
    count = len(modes)
    smooth = np.ones(count)
    smooth[first:] = spectrum.power(np.arange(first, count))
    relative = power / smooth
    products, squares, places = [], [], []
    for offset in range(1, OFFSETS + 1):
        j = np.arange(first if offset <= NEAR_OFFSETS else max(first, offset), count - offset)
        if not j.size:
            break
        products.append(modes[j, j + offset] / np.sqrt(smooth[j] * smooth[j + offset]))
        squares.append(relative[j] * relative[j + offset])
        places.append(j)
    return products, squares, places


def _about_trend(products: _Arrays) -> tuple[np.ndarray, float]:
    """Squared products less what a trend of the noise makes of them, and the trend."""
    trend = _trend(np.array([one.mean() for one in products]))
    ties = _ties(trend, len(products) + 1)[1:]
    return np.concatenate([(p - t) ** 2 for p, t in zip(products, ties, strict=True)]), trend


def _trend(means: np.ndarray) -> float:
    """Trend that ties modes 1, 2, .. o apart most nearly as much as these (o,) mean products."""
    trends, ties = _ties_by_trend(len(means) + 1)
    return float(trends[((ties[:, 1:] - means) ** 2).sum(axis=1).argmin()])


@cache
def _ties_by_trend(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Trends that are tried, and what each makes of the products of modes (trends, count)."""
    trends = np.linspace(-LARGEST_TREND, LARGEST_TREND, TRENDS)
    return trends, np.array([_ties(trend, count) for trend in trends])


def _ties(trend: float, count: int) -> np.ndarray:
    """Mean product (count,) of modes 0, 1, .. apart, relative to the spectrum.

    A variance that goes as ``exp(b t / n)`` ties modes by its cosine transform over its mean,
    ``b^2 ((-1)^o e^b - 1) / ((b^2 + (pi o)^2) (e^b - 1))``: that is no sign of few directions.
    """
    o = np.arange(count)
    if trend == 0:
        return (o == 0).astype(float)
    square = trend**2 / (trend**2 + (np.pi * o) ** 2)
    return square * ((-1.0) ** o * np.exp(trend) - 1) / np.expm1(trend)
