"""How the time-averaged MSD of a Gaussian walk scatters, and hangs together, across lags.

Neighbouring lags average over nearly the same pairs of positions, and a window holds few
independent pairs at long lags, so the errors of an MSD curve are large where the curve is long and
hang together. For a Gaussian walk with stationary increments they follow from the MSD itself.
"""

from __future__ import annotations

import numpy as np


def pair_covariance(index: np.ndarray, curve: np.ndarray, positions: int) -> np.ndarray:
    """Covariance of the time-averaged MSD of a Gaussian walk in one dimension.

    For displacements ``u_i = x_{i+a} - x_i`` and ``v_j = x_{j+b} - x_j``,
    ``cov(u_i^2, v_j^2) = 2 cov(u_i, v_j)^2`` (Isserlis), and with stationary increments
    ``cov(u_i, v_{i+m}) = (M(m+b) + M(m-a) - M(m) - M(m+b-a)) / 2``, where ``M`` is the true MSD.
    Summed over all pairs of starts this is exact (Qian, Sheetz and Elson 1991, Biophys. J. 60, for
    Brownian motion; Grebenkov 2011, Phys. Rev. E 84, 031124).

    Args:
        index: (m,) lags in records.
        curve: (2 T,) or more, the MSD at lags 0, 1, 2, ...
        positions: T.

    Returns:
        (m, m) symmetric.
    """
    covariance = np.empty((index.size, index.size))
    b = index[:, None]
    starts_b = positions - b
    offset = np.arange(-positions + 1, positions)
    shared = curve[np.abs(offset + b)] - curve[np.abs(offset)]
    for row, a in enumerate(index):
        starts_a = positions - a
        correlation = 0.5 * (shared + curve[np.abs(offset - a)] - curve[np.abs(offset + b - a)])
        pairs = np.minimum(starts_b, starts_a + offset) - np.maximum(0, offset)
        total = (np.maximum(pairs, 0) * correlation**2).sum(axis=1)
        covariance[row] = 2 * total / (starts_a * starts_b[:, 0])
    return 0.5 * (covariance + covariance.T)
