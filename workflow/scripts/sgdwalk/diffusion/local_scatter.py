"""What short lags scatter by more than a Gaussian walk: kicks, bursts, noise that comes and goes.

A slope over short lags is a mean over time of many nearly independent pieces. How much it scatters
can so be read off the window itself, with no model of the noise: from the slow modes of what each
moment adds to the slope (Muller 2007, J. Econometrics 141, 1331: the long-run variance of a mean
from its lowest cosine modes).
"""

from __future__ import annotations

import numpy as np

from sgdwalk.fits.pieces import slope_weights

# A local slope is that of the lags within this factor of its middle: the first two, too.
LOCAL_FACTOR = 2.05
# Modes of period far above the lag; lags that leave fewer modes than this say nothing.
MODES_PER_WINDOW = 0.15
FEWEST_MODES = 6
# What changes over the window as slowly as this many modes is a trend and not scatter.
TREND_MODES = 4


def local_inflation(
    distances: np.ndarray, path: np.ndarray, index: np.ndarray, draws: np.ndarray
) -> np.ndarray:
    """How much more local slopes scatter than they do in draws of a Gaussian walk.

    Args:
        distances: (n + 1, n + 1) squared distances of the window's positions.
        path: (n + 1, r) positions of what every realisation has in common.
        index: (m,) lags in records.
        draws: (K, m) errors of log MSD of the Gaussian walk.

    Returns:
        (m,) factors of the standard deviation of the slope around each lag, at least 1. They fall
        to 1 over a factor e of lag from the last one that can be judged.
    """
    count = len(distances) - 1
    position = np.log(index)
    centres, factors = [], []
    added = {a: _added(distances, path, a) for a in index[index < count / 4]}
    for lag in index:
        near = np.flatnonzero(np.abs(position - np.log(lag)) <= np.log(LOCAL_FACTOR))
        middle = np.sqrt(index[near[0]] * index[near[-1]])
        modes = int(MODES_PER_WINDOW * count / middle)
        if modes < FEWEST_MODES or index[near[-1]] not in added:
            break
        if len(near) < 2:
            continue
        weights = slope_weights(position[near])
        total = sum(w * added[a] for w, a in zip(weights, index[near], strict=True))
        expected = (draws[:, near] @ weights).std()
        centres.append(np.log(middle))
        factors.append(np.sqrt(_variance_of_mean(total, modes)) / max(expected, 1e-300))
    if not centres:
        return np.ones(len(index))
    smooth = np.maximum(factors, 1.0)
    fade = np.clip(1 - (position - centres[-1]), 0, 1)
    return 1 + (np.interp(position, centres, smooth) - 1) * fade


def _added(distances: np.ndarray, path: np.ndarray, lag: int) -> np.ndarray:
    """What each moment adds to log MSD at one lag, (2 n + 1,) by the middle of its pair.

    The path's own part and slow trends are left out.
    """
    count = len(distances) - 1
    squares = distances.diagonal(lag)
    moved = ((path[lag:] - path[:-lag]) ** 2).sum(axis=1)
    relative = (squares - moved) / squares.mean()
    place = lag + 2 * np.arange(len(squares))
    slow, _ = np.linalg.qr(np.cos(np.pi / (2 * count) * np.outer(place, np.arange(TREND_MODES))))
    every = np.zeros(2 * count + 1)
    every[place] = relative - slow @ (slow.T @ relative)
    return every


def _variance_of_mean(total: np.ndarray, modes: int) -> float:
    count = (len(total) - 1) // 2
    j = np.arange(TREND_MODES, TREND_MODES + modes)
    waves = np.cos(np.pi / (2 * count) * np.outer(j, np.arange(len(total))))
    return float(2 * ((waves @ total) ** 2).mean() / count**2)
