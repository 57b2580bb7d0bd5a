"""Geometry of a window of positions, from the inner products of its increments alone.

A window holds ``T`` positions ``x_0 .. x_{T-1}``; ``gram[a, b]`` is the inner product of the
increments ``x_{a+1} - x_a`` and ``x_{b+1} - x_b``. Every quantity here is a sum of entries of
``gram``, costs ``O(T^2)`` (the principal components ``O(T^3)``) and knows nothing of the number of
parameters. Distances are in units of parameter space, squared distances in those units squared.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError

# Squared excursions below this part of the squared contour length are differences of numbers that
# a Gram matrix of float32 products no longer tells apart.
EXCURSION_RESOLUTION = 1e-6
# A chord whose squared length is below this part of the squared contour length is rounding error.
CHORD_RESOLUTION = 1e-12
# What asymmetry of a Gram matrix is still rounding, relative to its largest entry.
SYMMETRY_TOLERANCE = 1e-5
# Matrices are compared with their transposes, and added to them, in tiles that fit the cache.
_TILE = 128


def as_gram(gram: ArrayLike) -> np.ndarray:
    """Check that ``gram`` can be a Gram matrix of increments, and return it as float64.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments.

    Returns:
        ``(T-1, T-1)`` float64; the same object where it already was float64.

    Raises:
        InputError: not a square matrix, empty, complex, not finite, not symmetric, or with a
            negative diagonal.
    """
    if isinstance(gram, CheckedGram):
        return gram.values
    values = np.asarray(gram)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.shape[0] == 0:
        raise InputError(f"gram: shape {values.shape}; must be square with at least one increment")
    if values.dtype.kind not in "fiu":
        raise InputError(f"gram: entries of type {values.dtype}; must be real numbers")
    values = values.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        raise InputError("gram: has entries that are not finite; a diverged window has no geometry")
    if values.diagonal().min() < 0:
        raise InputError("gram: negative diagonal; must be squared norms of increments")
    if _asymmetry(values) > SYMMETRY_TOLERANCE * max(values.max(), -values.min()):
        raise InputError("gram: not symmetric; must be inner products of increments")
    return values


class CheckedGram:
    """A Gram matrix that was checked, for analyses that all take the same one.

    It stands wherever a Gram matrix may: what it is given to does not check it again, and its
    squared distances are made once, when they are first asked for.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments.

    Attributes:
        values: ``(T-1, T-1)`` float64.

    Raises:
        InputError: ``gram`` is no Gram matrix, see ``as_gram``.
    """

    def __init__(self, gram: ArrayLike):
        self.values = as_gram(gram)

    @classmethod
    def of(cls, gram: ArrayLike) -> CheckedGram:
        """Check a Gram matrix, unless it was."""
        return gram if isinstance(gram, cls) else cls(gram)

    def part(self, start: int, stop: int) -> CheckedGram:
        """Gram matrix of the increments from ``start`` to before ``stop``."""
        return self.known(self.values[start:stop, start:stop])

    def in_order(self, order: np.ndarray) -> CheckedGram:
        """Gram matrix of the same increments in another order."""
        return self.known(self.values[np.ix_(order, order)])

    def turned(self, signs: np.ndarray) -> CheckedGram:
        """Gram matrix of the same increments, each times its sign of ``(T-1,)``."""
        return self.known(self.values * signs * signs[:, None])

    @cached_property
    def squared_distances(self) -> np.ndarray:
        """``(T, T)`` as `squared_distances` says, not to be written to."""
        distances = _block_sums(self.values)
        distances.flags.writeable = False
        return distances

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype, copy=copy)

    @classmethod
    def known(cls, values: np.ndarray) -> CheckedGram:
        """One that needs no check: ``values`` were made of a checked one."""
        found = cls.__new__(cls)
        found.values = values
        return found


def squared_distances(gram: ArrayLike) -> np.ndarray:
    """Squared distance ``|x_j - x_i|^2`` of every pair of positions.

    It is the sum of ``gram`` over the block ``[i, j) x [i, j)``, accumulated so that only entries
    of that block are ever added: first up each column from the diagonal, then along each row. A
    difference of prefix sums that start at ``x_0`` would lose the short distances of a walk that
    has gone far.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments.

    Returns:
        ``(T, T)`` float64, symmetric, zero on the diagonal, never negative (a sum that rounding
        made negative is zero).

    Raises:
        InputError: ``gram`` is no Gram matrix, see ``as_gram``.
    """
    if isinstance(gram, CheckedGram):
        return gram.squared_distances
    return _block_sums(as_gram(gram))


def _block_sums(values: np.ndarray) -> np.ndarray:
    count = values.shape[0]
    distances = np.zeros((count + 1, count + 1))
    # Off-diagonal products count twice: (a, b) and (b, a).
    added = np.triu(2.0 * values, 1)
    np.fill_diagonal(added, values.diagonal())
    # Entry i, b becomes what the increment b adds to |x_b - x_i|^2.
    np.cumsum(added[::-1], axis=0, out=added[::-1])
    np.cumsum(added, axis=1, out=distances[:-1, 1:])
    np.maximum(distances, 0.0, out=distances)
    for rows, columns in _tiles_above_diagonal(count + 1):
        distances[columns, rows] += distances[rows, columns].T
    return distances


def contour_lengths(gram: ArrayLike) -> np.ndarray:
    """Path length between every pair of positions: the sum of the ``j - i`` increment norms.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments.

    Returns:
        ``(T, T)`` float64, upper-triangular: entry ``i, j`` for ``i <= j``, zero below.

    Raises:
        InputError: ``gram`` is no Gram matrix, see ``as_gram``.
    """
    norms = np.sqrt(as_gram(gram).diagonal())
    lengths = np.zeros((norms.size + 1, norms.size + 1))
    # Each row accumulates from its own start: no difference of long paths.
    later = np.triu(np.broadcast_to(norms, (norms.size, norms.size)))
    np.cumsum(later, axis=1, out=lengths[:-1, 1:])
    return lengths


def _asymmetry(values: np.ndarray) -> float:
    """Largest difference between an entry and its mirror image."""
    tiles = _tiles_above_diagonal(len(values))
    return max(np.abs(values[a, b] - values[b, a].T).max() for a, b in tiles)


def _tiles_above_diagonal(size: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of square tiles that cover a matrix on and above its diagonal."""
    for a in range(0, size, _TILE):
        for b in range(a, size, _TILE):
            yield slice(a, a + _TILE), slice(b, b + _TILE)


def transverse_excursion(gram: ArrayLike, start: int, stop: int) -> float:
    """Largest squared distance of a fragment's points from the infinite line through its ends.

    The fragment is ``x_start .. x_stop``, both ends included: ``stop - start`` increments. Where
    the chord is zero (a closed loop) distances are from the end point instead.

    Args:
        gram: ``(T-1, T-1)`` inner products of increments.
        start: index of the fragment's first position, from 0.
        stop: index of its last position, ``start < stop <= T-1``.

    Returns:
        The squared excursion; nan where it is unresolved, that is below 1e-6 of the fragment's
        squared contour length; 0 for a fragment that does not move at all.

    Raises:
        InputError: ``gram`` is no Gram matrix, see ``as_gram``, or the indices name no fragment.
    """
    increments = np.asarray(gram).shape[0] if np.ndim(gram) == 2 else 0
    if not 0 <= start < stop <= increments:
        raise InputError(
            f"fragment: start {start}, stop {stop}; must be 0 <= start < stop <= {increments}"
        )
    fragment = as_gram(np.asarray(gram)[start:stop, start:stop])
    contour_squared = np.sqrt(fragment.diagonal()).sum() ** 2
    along = fragment.sum(axis=1)  # inner product of each increment with the chord
    chord_squared = along.sum()
    if chord_squared > CHORD_RESOLUTION * contour_squared:
        fragment = fragment - np.outer(along, along) / chord_squared
    largest = _squared_distances_from_first(fragment).max()
    if largest < EXCURSION_RESOLUTION * contour_squared:
        return float("nan")
    return float(largest)


def _squared_distances_from_first(gram: np.ndarray) -> np.ndarray:
    """``(n,)`` squared distances of ``x_1 .. x_n`` from ``x_0``: sums of the leading blocks."""
    added = 2.0 * np.cumsum(gram, axis=0).diagonal() - gram.diagonal()
    return np.cumsum(added)


def principal_components(gram: ArrayLike, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of the positions: exact, whatever the number of parameters.

    The positions' own Gram matrix is the doubly accumulated increments'; centred and diagonalised
    it gives the scores of an ordinary principal component analysis (Gower 1966, Biometrika 53).

    Args:
        gram: ``(T-1, T-1)`` inner products of increments.
        k: number of components, 1 to ``T-1``.

    Returns:
        Coordinates ``(T, k)`` of the centred positions along the components, each with its
        largest entry positive, and the explained variance ``(k,)`` of each: its sum of squares
        over ``T-1``, largest first. The variance of all components together is the sum of
        ``squared_distances(gram)`` over ``2 T (T-1)``.

    Raises:
        InputError: ``gram`` is no Gram matrix, see ``as_gram``, or ``k`` is out of range.
    """
    values = as_gram(gram)
    size = values.shape[0] + 1
    if not 1 <= k < size:
        raise InputError(f"k: {k}; must be 1 to {size - 1}, the number of increments")
    positions = np.zeros((size, size))
    positions[1:, 1:] = np.cumsum(np.cumsum(values, axis=0), axis=1)
    positions -= positions.mean(axis=0)
    positions -= positions.mean(axis=1, keepdims=True)
    eigenvalues, vectors = np.linalg.eigh(positions)
    eigenvalues = np.maximum(eigenvalues[: -k - 1 : -1], 0.0)
    vectors = vectors[:, : -k - 1 : -1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(k)]
    coordinates = vectors * (np.where(largest < 0, -1.0, 1.0) * np.sqrt(eigenvalues))
    return coordinates, eigenvalues / (size - 1)


def centred(gram: np.ndarray) -> np.ndarray:
    """Gram matrix ``(T-1, T-1)`` of the increments less their mean: the walk without its drift."""
    means = gram.mean(axis=0)
    return gram - means - means[:, None] + means.mean()
