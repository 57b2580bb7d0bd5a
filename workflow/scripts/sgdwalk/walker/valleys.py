"""Steps of a walker along and across the valleys of its terrain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.walker.terrain import Terrain
from sgdwalk.walker.walk import Walks


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


def steps_along_valleys(walks: Walks, terrain: Terrain, scale: float = 0.05) -> ValleySteps:
    """Resolve every step along and across the valley it began in.

    The axis at a point is the direction of the smaller principal curvature of the terrain
    smoothed by a Gaussian; the point is in a valley where the larger one is positive and exceeds
    the smaller in size. Both are taken at the nearest grid point.

    Args:
        walks: on this terrain.
        terrain: that is walked on.
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

    dx, dy = terrain.spacing
    # Differences of a smoothed grid: scipy's kernels of second derivatives do not quite add up to
    # zero, so that a loss far from zero would pass for curvature.
    smooth = gaussian_filter(terrain.values, (scale / dx, scale / dy), mode="nearest", truncate=5)
    smooth = np.pad(smooth, 1, mode="edge")
    start = walks.positions[:, :-1]
    nearest = np.rint((start + 1) / 2 * (np.array(terrain.values.shape) - 1)).astype(np.intp)
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


STEP_BINS = 60


@dataclass(frozen=True, eq=False)
class ValleyStatistics:
    """Steps of all walkers along and across the valleys they are in."""

    inside_share: Annotated[float, "share of steps that begin in a valley"]
    rms_along: Annotated[float, "root mean square step along the valley, inside", "length"]
    rms_across: Annotated[float, "root mean square step across it, inside", "length"]
    edges: Annotated[np.ndarray, "(bins + 1,) logarithmic edges of step lengths", "length"]
    along: Annotated[np.ndarray, "(bins,) share of steps along the valley per bin"]
    across: Annotated[np.ndarray, "(bins,) share of steps across it per bin"]
    missing: Annotated[dict[str, str], "why rms_along and rms_across are nan"] = field(
        default_factory=dict
    )


def valley_statistics(walks: Walks, terrain: Terrain) -> ValleyStatistics:
    """Steps along and across valleys, see `valleys.steps_along_valleys`.

    Args:
        walks: on this terrain.
        terrain: that is walked on.

    Returns:
        Root mean squares and histograms over the steps that began in a valley; nan without any.
    """
    resolved = steps_along_valleys(walks, terrain)
    along, across = resolved.along[resolved.inside], resolved.across[resolved.inside]
    moved = np.concatenate([along[along > 0], across[across > 0]])
    low, high = np.quantile(moved, (1e-3, 1)) if moved.size else (1e-3, 1.0)
    edges = np.geomspace(min(low, high / 2), high, STEP_BINS + 1)
    count = max(along.size, 1)
    why = "no step began in a valley"
    missing = {} if along.size else {"rms_along": why, "rms_across": why}
    return ValleyStatistics(
        float(resolved.inside.mean()),
        float(np.sqrt(np.mean(along**2))) if along.size else np.nan,
        float(np.sqrt(np.mean(across**2))) if along.size else np.nan,
        edges,
        np.histogram(along, edges)[0] / count,
        np.histogram(across, edges)[0] / count,
        missing,
    )
