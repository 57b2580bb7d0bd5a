"""Steps of a walker along and across the valleys of its landscape."""

from dataclasses import dataclass

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.terrain import Landscape
from sgdwalk.walker import Walks


@dataclass(frozen=True, eq=False)
class ValleySteps:
    """Steps resolved along the local axis of the terrain.

    Attributes:
        along: length of each step's component along the axis, `(W, T-1)`.
        across: length of the component across it, `(W, T-1)`.
        inside: whether the step began in a valley, `(W, T-1)`.
    """

    along: np.ndarray
    across: np.ndarray
    inside: np.ndarray


def steps_along_valleys(walks: Walks, landscape: Landscape, scale: float = 0.05) -> ValleySteps:
    """Resolve every step along and across the valley it began in.

    The axis at a point is the direction of the smaller principal curvature of the landscape
    smoothed by a Gaussian; the point is in a valley where the larger one is positive and exceeds
    the smaller in size. Both are taken at the nearest grid point.

    Args:
        walks: on this landscape.
        landscape: the terrain.
        scale: standard deviation of the smoothing, the width of valleys looked for, > 0.

    Returns:
        Components along and across, and which steps began in a valley.

    Raises:
        InputError: `scale` is not positive.

    Source: ridges and valleys of a surface, Eberly, Ridges in Image and Data Analysis (1996).
    """
    if not 0 < scale < np.inf:
        raise InputError(f"scale: {scale}; a positive length is needed")
    from scipy.ndimage import gaussian_filter

    dx, dy = landscape.spacing
    # Differences of a smoothed grid: scipy's kernels of second derivatives do not quite add up to
    # zero, so that a loss far from zero would pass for curvature.
    smooth = gaussian_filter(landscape.values, (scale / dx, scale / dy), mode="nearest", truncate=5)
    smooth = np.pad(smooth, 1, mode="edge")
    start = walks.positions[:, :-1]
    nearest = np.rint((start + 1) / 2 * (np.array(landscape.values.shape) - 1)).astype(np.intp)
    i, j = nearest[..., 0] + 1, nearest[..., 1] + 1
    here = 2 * smooth[i, j]
    xx = (smooth[i + 1, j] + smooth[i - 1, j] - here) / dx**2
    yy = (smooth[i, j + 1] + smooth[i, j - 1] - here) / dy**2
    diagonal = smooth[i + 1, j + 1] + smooth[i - 1, j - 1]
    xy = (diagonal - smooth[i + 1, j - 1] - smooth[i - 1, j + 1]) / (4 * dx * dy)
    # Principal curvatures are mean +- spread; the larger lies at this angle to the x axis.
    mean, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    angle = np.arctan2(2 * xy, xx - yy) / 2
    steps = np.diff(walks.positions, axis=1)
    across = steps[..., 0] * np.cos(angle) + steps[..., 1] * np.sin(angle)
    along = steps[..., 1] * np.cos(angle) - steps[..., 0] * np.sin(angle)
    # mean + spread > |mean - spread| just where mean and spread are positive.
    return ValleySteps(np.abs(along), np.abs(across), (mean > 0) & (spread > 0))
