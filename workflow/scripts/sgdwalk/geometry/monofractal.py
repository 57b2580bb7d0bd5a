"""Gaussian losses of one roughness exponent on a given walk."""

from __future__ import annotations

import numpy as np

SMALLEST_HURST = 0.05
LARGEST_HURST = 1.0  # of which there is such a process


def monofractal_losses(
    distance: np.ndarray, hurst: float, rng: np.random.Generator, count: int
) -> np.ndarray:
    """Draw losses with `<(L_j - L_i)^2> = r_ij^(2 H)`, r the distance: fractional Brownian fields.

    Args:
        distance: (T, T) distances.
        hurst: H, above 0 and up to 1.
        rng: source of the draws.
        count: number of them.

    Returns:
        (count, T) losses, zero at the first position.

    Source: Mandelbrot and Van Ness, SIAM Rev. 10, 422 (1968); Levy for more than one dimension.
    """
    scale = distance.max() or 1.0
    squares = (distance / scale) ** (2 * hurst)
    covariance = (squares[0] + squares[:, None, 0] - squares) / 2
    normal = rng.standard_normal((len(covariance), count))
    return scale**hurst * (_root(covariance) @ normal).T


def _root(covariance: np.ndarray) -> np.ndarray:
    """Lower-triangular root; positions that coincide, and a straight walk, make it singular."""
    jitter = 1e-12 * max(covariance.diagonal().max(), np.finfo(float).tiny)
    while True:
        try:
            return np.linalg.cholesky(covariance + jitter * np.eye(len(covariance)))
        except np.linalg.LinAlgError:
            jitter *= 10
