"""A spectrum as a quadrature: nodes and weights, and the density they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgdwalk.errors import InputError


@dataclass(frozen=True)
class SpectralDensity:
    """Gauss quadrature of a spectrum: what share of the n eigenvalues lies where.

    Attributes:
        nodes: Ritz values, (probes, steps), ascending along each row.
        weights: shares of the eigenvalues at the nodes, (probes, steps); each row sums to 1.
    """

    nodes: np.ndarray
    weights: np.ndarray

    def density(self, grid: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
        """Density of eigenvalues, its nodes broadened to Gaussians.

        Args:
            grid: eigenvalues to evaluate at, (m,).
            width: standard deviation of the Gaussians, in the units of the eigenvalues.

        Returns:
            The mean over probes, (m,), per unit of eigenvalue, with integral 1; and its standard
            error, (m,), NaN from a single probe.

        Raises:
            InputError: `width` not positive.
        """
        if not width > 0:
            raise InputError(f"SpectralDensity: width is {width}, must be positive")
        offsets = (np.asarray(grid)[:, None, None] - self.nodes) / width
        kernel = np.exp(-0.5 * offsets**2) / (width * np.sqrt(2 * np.pi))
        per_probe = (kernel * self.weights).sum(axis=2)
        probes = per_probe.shape[1]
        if probes == 1:
            return per_probe[:, 0], np.full(len(per_probe), np.nan)
        return per_probe.mean(axis=1), per_probe.std(axis=1, ddof=1) / np.sqrt(probes)
