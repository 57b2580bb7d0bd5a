"""The part of a window's walk that every realisation of it would share: a drift, or a relaxation.

A walk that runs down from a far start, or drifts, has at its lowest modes a path that is the same
whatever the noise. Its modes stand out from the spectrum of the noise above them, and their inner
products are those of few directions, where the noise has many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import idct
from scipy.special import gammaincc, polygamma

from sgdwalk.geometry.distances import centred
from sgdwalk.geometry.spectrum import (
    Spectrum,
    cosine_modes,
    floored_power,
    sine_modes,
    smooth_spectrum,
)

# A mode of excess: so much above the noise, and so improbable under it.
EXCESS, IMPROBABLE = 1.3, 1e-3
DRIFT_EXCESS = 3.0
LADDER_FACTOR = 1.42
LOWEST_TOP = 12
# What share of modes up to the last of excess must be of excess; less on the first rung.
SHARE, FIRST_SHARE = 0.8, 0.5
MOST_DIRECTIONS = 4.0
DIRECTIONS_RATIO = 3.0
ONE_SIGN = 0.5
# Directions of less than this part of the path's squared size are noise.
SMALLEST_DIRECTION = 1e-4
# What is left of a walk without its drift, below this part of the walk, is rounding.
RESOLUTION = 1e-12
NONE, DRIFT = -1, 0


@dataclass(frozen=True)
class NoiseAndPath:
    """What a window's modes are made of.

    Attributes:
        modes: (n, n) Gram matrix of the cosine modes.
        last: last mode of the common path; 0 for a steady drift alone, -1 for none.
        noise: spectrum of all else.
    """

    modes: np.ndarray
    last: int
    noise: Spectrum

    def path(self) -> np.ndarray:
        """Positions (n + 1, r) along the common path, from 0, in its r directions."""
        count, low = len(self.modes), self.last + 1
        part = self.modes[:low, :low] - self.noise.products(low)
        values, vectors = np.linalg.eigh(part)
        kept = values > SMALLEST_DIRECTION * max(values[-1], 0.0)
        modes = np.zeros((count, np.count_nonzero(kept)))
        modes[:low] = vectors[:, kept] * np.sqrt(np.abs(values[kept]))
        steps = idct(modes, type=2, norm="ortho", axis=0)
        return np.concatenate([np.zeros((1, steps.shape[1])), steps.cumsum(axis=0)])


def noise_and_path(gram: np.ndarray) -> NoiseAndPath:
    """Take a window of n increments apart into a path in common and noise."""
    modes = cosine_modes(gram)
    last = _last_mode_of_path(modes)
    if last > DRIFT:
        return NoiseAndPath(modes, last, smooth_spectrum(modes, last + 1))
    noise = smooth_spectrum(modes, 1)
    if _is_drift(modes, noise):
        return NoiseAndPath(modes, DRIFT, _about_a_drift(gram, modes, noise))
    sines = sine_modes(gram)
    if _weaker(modes, sines, noise, noise, slice(1, 5), 2.0):
        noise = smooth_spectrum(sines, 1)
    return NoiseAndPath(modes, NONE, noise)


def _about_a_drift(gram: np.ndarray, modes: np.ndarray, noise: Spectrum) -> Spectrum:
    rest = centred(gram)
    if len(gram) <= 40 or rest.trace() <= RESOLUTION * gram.trace():
        return noise
    sines = sine_modes(rest)
    other = smooth_spectrum(sines, 2)
    return other if _weaker(modes, sines, noise, other, slice(2, 10), 1.5) else noise


def _weaker(
    cosines: np.ndarray,
    sines: np.ndarray,
    of_cosines: Spectrum,
    of_sines: Spectrum,
    chosen: slice,
    deviations: float,
) -> bool:
    """Whether low sine modes are weaker than cosine ones: the walk comes back, or stays in place.

    Cosines take the distance between first and last position for a slow motion; sines do not.
    """
    j = np.arange(len(sines))[chosen]
    ratio = np.log(floored_power(sines)[chosen] / floored_power(cosines)[chosen])
    variance = [polygamma(1, s.dimension(j) / 2).mean() for s in (of_cosines, of_sines)]
    return bool(ratio.mean() < -deviations * np.sqrt(sum(variance) / len(j)) - 0.1)


def _is_drift(modes: np.ndarray, noise: Spectrum) -> bool:
    dimension = noise.dimension(np.zeros(1))
    relative = modes[0, 0] / noise.products(1)[0, 0]
    tail = gammaincc(dimension[0] / 2, relative * dimension[0] / 2)
    return bool(relative > DRIFT_EXCESS and tail < IMPROBABLE)


def _last_mode_of_path(modes: np.ndarray) -> int:
    count = len(modes)
    found: list[int] = []
    top, first = float(min(LOWEST_TOP, count // 12)), True
    while top <= count / 4:
        last = _excess_above(modes, int(top), first)
        if last is not None:
            found.append(last)
        first, top = False, max(top * LADDER_FACTOR, top + 1)
    if not found:
        return NONE
    return min(2 * int(np.quantile(found, 0.75)), count // 3)


def _excess_above(modes: np.ndarray, top: int, first_rung: bool) -> int | None:
    """Last mode of a path in common, if noise is what lies above mode `top`; None without one."""
    noise = smooth_spectrum(modes, top + 1)
    j = np.arange(top + 1)
    expected, dimension = noise.products(top + 1), noise.dimension(j)
    power = expected.diagonal()
    relative = modes.diagonal()[: top + 1] / power
    tail = gammaincc(dimension / 2, relative * dimension / 2)
    excess = (relative > EXCESS) & (tail < IMPROBABLE)
    share = np.cumsum(excess) / (j + 1)
    candidates = np.flatnonzero(excess & (share >= (FIRST_SHARE if first_rung else SHARE)))
    if not candidates.size or candidates[-1] == 0:
        return None
    last = int(candidates[-1])
    part = modes[: last + 1, : last + 1] - expected[: last + 1, : last + 1]
    above = noise.dimension(np.array([top + 1.0]))[0]
    s, x = power[: last + 1], np.maximum(part.diagonal(), 0.0)
    pairs = np.triu_indices(last + 1, 1)
    noisy = np.outer(s, s) + np.outer(x, s) + np.outer(s, x)
    products = (part**2 - noisy / above)[pairs].sum()
    low = np.outer(x, x)[pairs].sum() / products if products > 0 else np.inf
    if not (low < MOST_DIRECTIONS and above > DIRECTIONS_RATIO * low):
        return None
    if not first_rung and not (_one_sign(part, x, 0) and _one_sign(part, x, last // 2)):
        return None
    return last


def _one_sign(modes: np.ndarray, x: np.ndarray, start: int) -> bool:
    """Whether neighbouring modes point one way, as those of a path that runs at one end do."""
    products, sizes = modes.diagonal(1)[start:], np.sqrt(x[:-1] * x[1:])[start:]
    return bool(abs(products.sum()) > ONE_SIGN * sizes.sum())
