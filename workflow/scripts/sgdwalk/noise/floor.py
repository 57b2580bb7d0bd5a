"""Variance of the minibatch loss at fixed weights, along the walk."""

from __future__ import annotations

import numpy as np

from sgdwalk.errors import InputError


def variance_along(steps: np.ndarray, checkpoints: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Interpolate the variance `s_t^2` of the minibatch loss between checkpoints.

    Linear in log variance against log(1 + step), as training slows down: so do checkpoints. Where a
    run did not reach the next checkpoint the variance of the last one holds.

    Args:
        steps: (T,) steps taken before each position.
        checkpoints: (C,) steps at which the variance was measured, increasing.
        variance: (C,) variances; `nan` at checkpoints that were not reached.

    Returns:
        (T,) variances.

    Raises:
        InputError: if shapes do not match, no checkpoint was reached, or a variance is negative.
    """
    steps, checkpoints = np.asarray(steps, float), np.asarray(checkpoints, float)
    variance = np.asarray(variance, float)
    if checkpoints.ndim != 1 or checkpoints.shape != variance.shape:
        raise InputError(f"noise: {checkpoints.shape} checkpoints, {variance.shape} variances")
    reached = np.isfinite(variance)
    if not reached.any() or variance[reached].min() < 0:
        raise InputError("noise: needed is a variance of no less than zero at a checkpoint or more")
    x, known = np.log1p(checkpoints[reached]), variance[reached]
    if known.min() == 0:  # full batches: no noise, and no logarithm
        return np.interp(np.log1p(steps), x, known)
    return np.exp(np.interp(np.log1p(steps), x, np.log(known)))


def relative_error(batches: int) -> float:
    """Standard error of a variance relative to it, from independent Gaussian losses.

    Args:
        batches: number of losses, two or more.

    Raises:
        InputError: with fewer.
    """
    if batches < 2:
        raise InputError(f"noise: {batches} batches; needed are two or more")
    return float(np.sqrt(2 / (batches - 1)))
