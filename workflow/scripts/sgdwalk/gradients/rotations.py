"""The null of tails: steps mixed by random rotations, which Gaussian noise does not notice.

Let the rows of X be n independent Gaussian vectors with one mean and one covariance, whatever these
are. Then R X has the law of X for every orthogonal R that leaves (1, ..., 1) where it is. A
statistic of X ranks among those of randomly rotated R X as among draws of its own law, given the
mean and the covariance that X has (rotation tests: Wedderburn 1975; Langsrud 2005, Statistics and
Computing 15, 53). Nothing is estimated: not the scales of the directions, nor how many there are.
Rotations act within blocks of consecutive steps, so that noise may change from block to block, and
on all coordinates alike, so that these may depend on each other. What a rotation undoes is that a
step stands out of its block; what it keeps is how much the block holds as a whole. So a statistic
should compare within blocks: a single large step makes its whole block large, before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from sgdwalk.fits.estimate import Estimate

DRAWS = 19
"""Draws of a null: Gaussian noise is below the smallest of so many in 5 % of cases."""

BLOCK = 25
"""Fewest steps in a block along a walk: threefold shrinking in 500 steps is 6 % in one."""

FEWEST_ROTATED = 4
"""Fewest rows that a rotation mixes."""


def rotations(count: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """Random rotations of a block of rows that keep its mean: (count, size, size).

    Orthogonal matrices, uniform among those that map (1, ..., 1) to itself (Haar measure).
    """
    free = size - 1
    if not (free and count):
        return np.ones((count, size, size))
    q, r = np.linalg.qr(generator.standard_normal((count, free, free)))
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]  # else not uniform (Mezzadri 2007)
    basis = _contrasts(size)
    return basis @ q @ basis.T + 1 / size


@cache
def _contrasts(size: int) -> np.ndarray:
    """Orthonormal basis (size, size - 1) of what is orthogonal to (1, ..., 1) (Helmert)."""
    k = np.arange(1, size)
    basis = np.triu(np.ones((size, size - 1)))
    basis[k, k - 1] = -k
    return basis / np.sqrt(k * (k + 1.0))


def equal_blocks(rows: int, shortest: int) -> list[tuple[int, int, int]]:
    """Blocks of consecutive rows, as equal as can be: first row, number of blocks, rows of each.

    Fewer rows than `shortest` are one block.
    """
    if not rows:
        return []
    count = max(rows // shortest, 1)
    size, more = divmod(rows, count)
    split = more * (size + 1)
    return [b for b in ((0, more, size + 1), (split, count - more, size)) if b[1]]


def rotated_grams(
    grams: np.ndarray, generator: np.random.Generator, shortest: int = BLOCK
) -> np.ndarray:
    """Inner products of rotated vectors.

    Args:
        grams: (m, n, n) inner products of n vectors minus their mean, m times.
        generator: of the random numbers.
        shortest: fewest vectors in a block.
    """
    sets, rows, _ = grams.shape
    turn = np.zeros(grams.shape)
    for first, count, size in equal_blocks(rows, shortest):
        for start in range(first, first + count * size, size):
            block = slice(start, start + size)
            turn[:, block, block] = rotations(sets, size, generator)
    return turn @ grams @ turn.transpose(0, 2, 1)


def rotated_rows(
    values: np.ndarray, generator: np.random.Generator, shortest: int = BLOCK
) -> np.ndarray:
    """Rows rotated in blocks; exact zeros stay.

    A column with zeros in a block is rotated by itself there, in the rows that are not zero.

    Args:
        values: (T, c) finite values of c coordinates.
        generator: of the random numbers.
        shortest: fewest rows in a block.
    """
    rows, columns = values.shape
    result = np.empty((rows, columns))
    for first, count, size in equal_blocks(rows, shortest):
        stop = first + count * size
        part = values[first:stop].reshape(count, size, columns)
        turned = rotations(count, size, generator) @ part
        block, column = np.nonzero((part == 0).any(axis=1))
        if block.size:
            turned[block, :, column] = _rotated_columns(part[block, :, column].T, generator).T
        result[first:stop] = turned.reshape(count * size, columns)
    return result


def _rotated_columns(part: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Each column (size, k) by a rotation of its own among its values but zeros."""
    alive = part != 0

    def centred(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = (x * alive).sum(axis=0) / np.maximum(alive.sum(axis=0), 1)
        return mean, (x - mean) * alive

    mean, scatter = centred(part)
    _, direction = centred(generator.standard_normal(part.shape))
    length = np.linalg.norm(direction, axis=0)
    ratio = np.linalg.norm(scatter, axis=0) / np.where(length > 0, length, 1.0)
    return (mean + direction * ratio) * alive


def beside_null(value: float, draws: Sequence[float] | np.ndarray) -> tuple[Estimate, float]:
    """The null of a number, and the share of the null that is no larger.

    Args:
        value: the number.
        draws: of the null.

    Returns:
        Median of the draws with their smallest and largest; and the share of draws no larger than
        the value, the value itself counted as one of them: 0.05 or less has a chance of 5 % under
        the null. Undefined if any of them is nan.
    """
    draws = np.asarray(draws, dtype=float)
    if np.isnan(value) or not draws.size or np.isnan(draws).any():
        return Estimate.undefined(), float("nan")
    null = Estimate(float(np.median(draws)), float(draws.min()), float(draws.max()))
    return null, float((1 + np.count_nonzero(draws <= value)) / (1 + draws.size))
