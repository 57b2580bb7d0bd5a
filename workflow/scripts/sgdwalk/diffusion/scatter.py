"""How an estimated MSD scatters about its expectation over realisations of the walk.

From the spectrum of the window's noise, and its path in common, follow the expected MSD and the
covariance of its time average across lags; from these, draws of the error of log MSD.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.fft import dct
from scipy.ndimage import uniform_filter1d
from scipy.special import gammaincinv, ndtr, polygamma, stdtrit

from sgdwalk.diffusion.common_path import NoiseAndPath, noise_and_path
from sgdwalk.diffusion.local_scatter import local_inflation
from sgdwalk.diffusion.pair_covariance import pair_covariance
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.distances import CheckedGram
from sgdwalk.geometry.spectrum import Spectrum

DRAWS = 600
# Above this shape the gamma distribution is that of Wilson and Hilferty (1931).
LARGE_SHAPE = 4.0
# Part of the window over which the noise's size in time is smoothed.
SIZE_WIDTH = 0.05
# Modes so far beyond the path's last that its own tail is not taken for noise along it.
BEYOND_PATH = 8
NORMAL = 1.959963984540054
ENDS = (0.975, 0.025)
SMALLEST_VARIANCE = 1e-12
# Standard deviation of a point of log MSD that no fit is asked to be nearer than.
MODEL_ERROR = 0.01


@dataclass(frozen=True)
class Scatter:
    """Scatter of log MSD at m lags.

    Attributes:
        relative_variance: (m,) variance of the estimates over their squared means.
        draws: (K, m) errors of log MSD: estimate less expectation.
        parts: (n, m) what each of n independent parts, modes or walkers, adds to the relative error
            at each lag, in any unit.
        drifts: whether a drift or a relaxation was found that all realisations share.
        sketch: (K, m) errors that a sketch adds. They widen intervals and do not decide where a
            curve is cut: nearly the same at all lags, they would hide where it bends.
    """

    relative_variance: np.ndarray
    draws: np.ndarray
    parts: np.ndarray
    drifts: bool = False
    sketch: np.ndarray | None = None

    def at(self, chosen: np.ndarray) -> Scatter:
        """The same at some of the lags."""
        return Scatter(
            self.relative_variance[chosen],
            self.draws[:, chosen],
            self.parts[:, chosen],
            self.drifts,
            None if self.sketch is None else self.sketch[:, chosen],
        )

    @property
    def errors(self) -> np.ndarray:
        """(K, m) errors of log MSD, with those of a sketch."""
        return self.draws if self.sketch is None else self.draws + self.sketch

    @property
    def weights(self) -> np.ndarray:
        """Weights (m,) of the points of a fit: one over the variance of log MSD."""
        shape = 1 / np.maximum(self.relative_variance, SMALLEST_VARIANCE)
        return 1 / (polygamma(1, shape) + MODEL_ERROR**2)

    def interval(self, value: float, weights: np.ndarray) -> Estimate:
        """95 % interval of `weights @ log MSD`, which is `value`.

        Where it rests on K parts, quantiles of the draws are stretched about their middle as
        Student's t of 4 K degrees of freedom is wider than the normal distribution.
        """
        low, high = value - np.quantile(self.errors @ weights, ENDS)
        on = (self.parts @ weights) ** 2
        stretch = 1.0
        if (on @ on) > 0:
            stretch = float(stdtrit(4 * on.sum() ** 2 / (on @ on), ENDS[0])) / NORMAL
        middle = (low + high) / 2
        return Estimate(
            value,
            float(middle + stretch * (low - middle)),
            float(middle + stretch * (high - middle)),
        )


def ensemble_scatter(each: np.ndarray, seed: int = 0) -> Scatter:
    """Scatter of the log of the mean MSD of walkers, over ensembles of as many (bootstrap).

    Args:
        each: (W, m) time-averaged MSD of each walker.
        seed: of the draws.
    """
    walkers = len(each)
    mean = each.mean(axis=0)
    chosen = np.random.default_rng(seed).multinomial(walkers, np.full(walkers, 1 / walkers), DRAWS)
    # A resample scatters less than an ensemble by (W - 1) / W in variance.
    draws = np.log(chosen @ each / walkers / mean) * np.sqrt(walkers / max(walkers - 1, 1))
    parts = each / mean - 1
    return Scatter((parts**2).sum(axis=0) / (walkers * max(walkers - 1, 1)), draws, parts)


def window_scatter(gram: ArrayLike, index: np.ndarray, seed: int = 0) -> Scatter:
    """Scatter of the log MSD of one window.

    Args:
        gram: (n, n) inner products of increments.
        index: (m,) lags in records.
        seed: of the draws.
    """
    checked = CheckedGram.of(gram)
    count = len(checked)
    found = noise_and_path(checked.values)
    noise = found.noise
    half_modes = np.arange(2 * count + 1) / 2
    power, dimension = noise.power(half_modes), noise.dimension(half_modes)
    mean = _msd_of_spectrum(power, count)[index]
    covariance = pair_covariance(
        index, _msd_of_spectrum(power / np.sqrt(dimension), count), count + 1
    )
    path = np.zeros((count + 1, 1))
    if found.last >= 0:
        path = found.path()
        path_mean, cross = _of_path(found, path, checked.values, index)
        mean = mean + path_mean
        covariance = covariance + cross
    relative = covariance / np.outer(mean, mean)
    draws = draw_errors(relative, seed)
    inflation = local_inflation(checked.squared_distances, path, index, draws)
    return Scatter(
        relative.diagonal(),
        _with_slopes(draws, inflation),
        _kernel(noise, index, mean, count),
        found.last >= 0,
    )


def _with_slopes(draws: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Draws whose local slopes are so many times as large; the longest lag stays as it was."""
    between = (factors[1:] + factors[:-1]) / 2
    steps = np.diff(draws, axis=1) * between
    last = draws[:, -1:]
    return np.hstack([last - np.cumsum(steps[:, ::-1], axis=1)[:, ::-1], last])


def _kernel(noise: Spectrum, index: np.ndarray, mean: np.ndarray, count: int) -> np.ndarray:
    """What each mode adds to the MSD of sums of so many increments (Fejer's kernel)."""
    modes = np.arange(1, count)
    w = np.pi * modes / count
    fejer = (np.sin(np.outer(w, index) / 2) / np.sin(w / 2)[:, None]) ** 2 / mean
    return fejer * (noise.power(modes) / np.sqrt(noise.dimension(modes)))[:, None]


def _msd_of_spectrum(power: np.ndarray, count: int) -> np.ndarray:
    """MSD (2 n + 1,) at lags 0, 1, .. of increments with a spectrum (2 n + 1,) from 0 to pi."""
    correlation = np.fft.irfft(power)[: 2 * count + 1]
    lag = np.arange(2 * count + 1)
    # M(a) = a R(0) + 2 sum_{m<a} (a - m) R(m)
    first, second = np.cumsum(correlation), np.cumsum(lag * correlation)
    values = lag * correlation[0]
    values[1:] += 2 * (lag[1:] * (first[:-1] - correlation[0]) - second[:-1])
    return np.maximum(values, 1e-300)


def _of_path(
    found: NoiseAndPath, place: np.ndarray, gram: np.ndarray, index: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the path adds to the mean (m,) and, with the noise it meets, to the covariance."""
    count = len(gram)
    path = np.diff(place, axis=0)
    # The path is met by the noise of its own time.
    size = np.maximum(gram.diagonal() - (path**2).sum(axis=1), 0.0)
    size = uniform_filter1d(size, max(3, int(SIZE_WIDTH * count)), mode="nearest")
    size = np.maximum(size, 0.0)  # A running sum of zeros is not.
    size /= max(size.mean(), 1e-300)
    weight = np.sqrt(found.noise.power(np.arange(count)))
    mean = np.empty(index.size)
    met = np.empty((index.size, count, path.shape[1]))
    for row, a in enumerate(index):
        moved = place[a:] - place[:-a]
        mean[row] = (moved**2).sum(axis=1).mean()
        total = np.concatenate([np.zeros((1, moved.shape[1])), moved.cumsum(axis=0)])
        t = np.arange(count)
        first, stop = np.maximum(t - a + 1, 0), np.minimum(t + 1, len(moved))
        met[row] = (total[stop] - total[first]) / len(moved)
    met *= np.sqrt(size)[:, None]
    met = dct(met, type=2, norm="ortho", axis=1) * weight[:, None]
    flat = met.reshape(index.size, -1)
    return mean, 4 * _noise_along(found) * flat @ flat.T


def _noise_along(found: NoiseAndPath) -> float:
    """Share of the noise that falls in a direction of the path."""
    count, last = len(found.modes), found.last
    start = min(2 * last + BEYOND_PATH, count // 2)
    above = np.arange(start, min(start + max(60, last), count))
    products = found.modes[: last + 1, above] ** 2 / found.noise.power(above)
    return float(products.mean(axis=1).sum() / found.modes.diagonal()[: last + 1].sum())


def draw_errors(relative: np.ndarray, seed: int) -> np.ndarray:
    """Draws (K, m) of the error of log MSD: marginals are gamma, tied as normal variables are.

    Args:
        relative: (m, m) covariance of the MSD over the product of its means.
        seed: of the draws.
    """
    variance = np.maximum(relative.diagonal(), SMALLEST_VARIANCE)
    scale = np.sqrt(variance)
    values, vectors = np.linalg.eigh(relative / np.outer(scale, scale))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    root /= np.sqrt((root**2).sum(axis=1))[:, None]
    normal = np.random.default_rng(seed).standard_normal((DRAWS, len(scale))) @ root.T
    shape = 1 / variance
    cubed = np.maximum(1 - 1 / (9 * shape) + normal / (3 * np.sqrt(shape)), 1e-6)
    errors = 3 * np.log(cubed)
    few = np.flatnonzero(shape <= LARGE_SHAPE)
    if few.size:
        quantile = np.clip(ndtr(normal[:, few]), 1e-12, 1 - 1e-12)
        errors[:, few] = np.log(gammaincinv(shape[few], quantile) / shape[few])
    return errors
