"""The share of a window's squared gradient that comes from batches smaller than the others.

An epoch's last batch is ragged where the batch size does not divide the training set. The variance
of a gradient's noise goes as one over the size of its batch, so that where noise is most of a
gradient the few steps of small batches can be much of the walk.
"""

from __future__ import annotations

import numpy as np

from sgdwalk.recording.trajectory import Trajectory

WARNED_ABOVE = 0.2  # share that is more than a detail of a walk


def ragged_share(trajectory: Trajectory, start: int, length: int, stride: int) -> float | None:
    """Share of the sum of `|g_t|^2` over a window's steps that is of ragged batches.

    These are smaller than the largest batch of the whole run. The window's steps are all optimizer
    steps from its first position to its last, also those between recorded positions.

    Args:
        trajectory: of the run.
        start: steps taken before the window's first position.
        length: its positions.
        stride: optimizer steps between them.

    Returns:
        The share, 0 if no batch of the window was ragged. None if it is not known: the loop did not
        tell how large its batches were, or the gradients are all zero or one is not finite.
    """
    if trajectory.batch_size is None:
        return None
    steps = slice(start, start + (length - 1) * stride)
    ragged = trajectory.batch_size[steps] < trajectory.batch_size.max()
    if not ragged.any():
        return 0.0
    squares = trajectory.gradient_norm[steps] ** 2
    total = float(squares.sum())
    return float(squares[ragged].sum()) / total if np.isfinite(total) and total > 0 else None


def is_much(share: float | None) -> bool:
    """Whether a share is known and more than a detail of a walk."""
    return share is not None and share > WARNED_ABOVE


def ragged_warning(share: float | None, start: int, stride: int | None) -> str | None:
    """One line of where, what and what to do; None where the share is no concern.

    Args:
        share: from `ragged_share`.
        start: steps taken before the window's first position.
        stride: optimizer steps between its positions.
    """
    if share is None or not is_much(share):
        return None
    return (
        f"window {start}, stride {stride}: {100 * share:.0f} % of the squared gradient is that of "
        "batches smaller than the others, the last ones of epochs; what leaves them out is "
        "`drop_last: true`"
    )
