"""Which lags a fit sees: few enough to be told apart, evenly spaced on a logarithmic axis."""

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError

LAGS_PER_DECADE = 15


def as_curve(lags: ArrayLike, msd: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Check a curve of mean squared displacement, and return it as two float64 arrays.

    Args:
        lags: ``(n,)`` lags in optimizer steps, positive and increasing.
        msd: ``(n,)`` mean squared displacement, positive.

    Returns:
        ``(lags, msd)``, both ``(n,)`` float64.

    Raises:
        InputError: the two differ in shape, hold fewer than two lags, or are not as above.
    """
    lags, msd = np.asarray(lags, dtype=np.float64), np.asarray(msd, dtype=np.float64)
    if lags.ndim != 1 or lags.shape != msd.shape or lags.size < 2:
        raise InputError(
            f"lags {lags.shape}, msd {msd.shape}; must be two arrays of one length, 2 or more"
        )
    if not (np.isfinite(lags).all() and lags[0] > 0 and (np.diff(lags) > 0).all()):
        raise InputError("lags: must be finite, positive and increasing")
    if not (np.isfinite(msd).all() and (msd > 0).all()):
        raise InputError("msd: must be finite and positive at every lag; a walk at rest has none")
    return lags, msd


def are_whole_window(lags: np.ndarray) -> bool:
    """Whether lags run through every multiple of the first one, as those of a window's MSD do.

    Args:
        lags: ``(n,)`` increasing lags in optimizer steps.

    Returns:
        True for ``stride, 2 stride, .., (T-1) stride``, then a window of ``T`` positions; False
        for lags that somebody has selected.
    """
    return lags.size > 2 and np.allclose(lags, lags[0] * np.arange(1, lags.size + 1), rtol=1e-9)


def default_largest_lag(lags: np.ndarray) -> float:
    """Largest lag that a fit should use: half a whole window, or all of a selection.

    Lags beyond ``T/2`` of a window of ``T`` positions average over few and strongly overlapping
    pairs. Lags that somebody has selected are taken as they are.

    Args:
        lags: ``(n,)`` increasing lags in optimizer steps.

    Returns:
        The largest lag, in the same unit.
    """
    return float((lags[-1] + lags[0]) / 2 if are_whole_window(lags) else lags[-1])


def logarithmic_selection(lags: np.ndarray, largest_lag: float | None = None) -> np.ndarray:
    """Indices of at most 15 lags per decade, spread evenly in the logarithm.

    Args:
        lags: ``(n,)`` increasing lags in optimizer steps.
        largest_lag: leave out longer ones; None for ``default_largest_lag``.

    Returns:
        ``(m,)`` increasing integer indices into ``lags``; the first lag and the largest allowed
        are among them.
    """
    largest = default_largest_lag(lags) if largest_lag is None else largest_lag
    count = int(np.searchsorted(lags, largest * (1 + 1e-9), side="right"))
    if count < 2:
        return np.arange(count)
    position = np.log10(lags[:count] / lags[0])
    wanted = np.linspace(0.0, position[-1], int(np.ceil(position[-1] * LAGS_PER_DECADE)) + 1)
    right = np.clip(np.searchsorted(position, wanted), 1, count - 1)
    nearer_left = wanted - position[right - 1] < position[right] - wanted
    return np.unique(right - nearer_left)
