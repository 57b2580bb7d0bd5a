"""How Gaussian the noise of each coordinate is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.gradients.stable_fit import MINIMUM_SIZE


@dataclass(frozen=True)
class Gaussianity:
    """How Gaussian each coordinate of a noise is.

    Attributes:
        excess_kurtosis: `(c,)` fourth moment over squared variance, minus 3: 0 for a Gaussian,
            with standard error sqrt(24/samples).
        statistic: `(c,)` Anderson-Darling's A^2, corrected for the sample size, with mean and
            variance estimated.
        rejected: `(c,)` whether normality is rejected at 5 % (statistic above 0.752).
        rejected_share: their share; about 0.05 for Gaussian noise.
        samples: number of samples per coordinate.
        dropped: number of coordinates that do not vary, left out of the share; nan above.
    """

    excess_kurtosis: np.ndarray
    statistic: np.ndarray
    rejected: np.ndarray
    rejected_share: float
    samples: int
    dropped: int


def gaussianity(noise: np.ndarray) -> Gaussianity:
    """Kurtosis and Anderson-Darling test of each coordinate.

    Arguments:
        noise: `(s, c)` independent samples of c coordinates, e.g. minibatch gradients at fixed
            weights, in any units; s at least 20.

    Returns:
        A `Gaussianity`.

    Raises:
        InputError: not two-dimensional, fewer than 20 samples, or values that are not finite.

    Source: Stephens 1986, in Goodness-of-Fit Techniques (D'Agostino and Stephens), table 4.7.
    """
    from scipy.special import log_ndtr

    noise = np.asarray(noise, dtype=float)
    if noise.ndim != 2 or len(noise) < MINIMUM_SIZE:
        raise InputError(
            f"gaussianity: an array (samples, coordinates) with at least {MINIMUM_SIZE} samples is"
            f" needed, not {noise.shape}"
        )
    if not np.isfinite(noise).all():
        raise InputError("gaussianity: values that are not finite")
    size = len(noise)
    spread = noise.std(axis=0, ddof=1)
    varies = noise.min(axis=0) < noise.max(axis=0)
    z = np.sort((noise - noise.mean(axis=0)) / np.where(varies, spread, np.nan), axis=0)
    odd = 2 * np.arange(1, size + 1)[:, None] - 1
    statistic = -size - np.mean(odd * (log_ndtr(z) + log_ndtr(-z[::-1])), axis=0)
    statistic *= 1 + 0.75 / size + 2.25 / size**2
    rejected = statistic > 0.752
    return Gaussianity(
        excess_kurtosis=np.mean(z**4, axis=0) / np.mean(z**2, axis=0) ** 2 - 3,
        statistic=statistic,
        rejected=rejected,
        rejected_share=float(rejected[varies].mean()) if varies.any() else float("nan"),
        samples=size,
        dropped=int(np.count_nonzero(~varies)),
    )
