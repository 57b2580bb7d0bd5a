"""Mean squared displacement from the sketch of a walk, and what the sketch adds to its error.

Each of the k coordinates of a sketch is a walk of its own, whose squared displacements add up to
those of the sketch. Signs and buckets are random, so that coordinates are like independent draws:
how a sum of so many of them scatters is seen in them (bootstrap). Where few parameters do much of
the walking, coordinates differ by more than the sum is wrong; but its variance, relative to its
square, is never more than 2 / k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from sgdwalk.diffusion.scatter import DRAWS, Scatter

_DIRECT = 32  # lags of which displacements are taken one by one: there sums would cancel most
_LEAST = 1e-3  # part of an MSD that a draw of it is not below
_AT_A_TIME = 2**22  # numbers of coordinates' curves in memory


@dataclass(frozen=True)
class SketchedMSD:
    """MSD of a sketched walk.

    Attributes:
        msd: (n,) at lags of 1 to n records.
        coordinates: (k, m) that of every coordinate, at m chosen lags.
    """

    msd: np.ndarray
    coordinates: np.ndarray


def sketched_msd(increments: np.ndarray, chosen: np.ndarray) -> SketchedMSD:
    """Time-averaged MSD at every lag, by the fast Fourier transform of each coordinate.

    ``mean |x_{i+a} - x_i|^2`` is sums of squares less twice the autocorrelation of positions
    (Kneller, Keiner, Kneller and Schiller 1995, Comput. Phys. Commun. 91, 191). At the shortest
    lags, where these nearly cancel, displacements are taken themselves.

    Args:
        increments: (n, k) sketches of the increments of a walk.
        chosen: (m,) lags in records at which coordinates are wanted one by one.
    """
    count, k = increments.shape
    total = np.zeros(count)
    coordinates = np.empty((k, len(chosen)))
    width = max(1, _AT_A_TIME // (count + 1))
    for first in range(0, k, width):
        part = slice(first, min(first + width, k))
        curves = _curves(np.asarray(increments[:, part].T, dtype=np.float64))
        coordinates[part] = curves[:, chosen - 1]
        total += curves.sum(axis=0)
    return SketchedMSD(total, coordinates)


def _curves(increments: np.ndarray) -> np.ndarray:
    """(c, n) MSD of each of c walks from its (n,) increments."""
    walks, count = increments.shape
    places = np.zeros((walks, count + 1))
    np.cumsum(increments, axis=1, out=places[:, 1:])
    places -= places.mean(axis=1, keepdims=True)
    length = next_fast_len(2 * count + 1, real=True)
    spectrum = rfft(places, length, axis=1)
    products = irfft(spectrum.real**2 + spectrum.imag**2, length, axis=1)[:, 1 : count + 1]
    sums = np.cumsum(places**2, axis=1)
    ends = sums[:, -2::-1] + sums[:, -1:] - sums[:, :-1]  # of the first and of the last positions
    curves = np.maximum(ends - 2 * products, 0.0) / np.arange(count, 0, -1)
    for lag in range(1, min(_DIRECT, count) + 1):
        curves[:, lag - 1] = ((places[:, lag:] - places[:, :-lag]) ** 2).mean(axis=1)
    return curves


def sketch_scatter(coordinates: np.ndarray, seed: int = 0) -> Scatter:
    """What the sketch adds to the scatter of log MSD.

    Args:
        coordinates: (k, m) MSD of every coordinate, at m lags.
        seed: of the draws.
    """
    k, mean = len(coordinates), np.maximum(coordinates.mean(axis=0), 1e-300)
    parts = coordinates / mean - 1
    variance = (parts**2).sum(axis=0) / (k * max(k - 1, 1))
    limited = np.minimum(variance, 2 / k)
    chosen = np.random.default_rng(seed).multinomial(k, np.full(k, 1 / k), DRAWS)
    errors = (chosen @ parts) / k * np.sqrt(k / max(k - 1, 1))
    errors *= np.sqrt(limited / np.maximum(variance, 1e-300))
    return Scatter(limited, np.log1p(np.maximum(errors, _LEAST - 1)), parts)
