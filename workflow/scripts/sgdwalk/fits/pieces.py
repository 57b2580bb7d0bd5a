"""Continuous piecewise lines through points whose errors are known by draws: how many, and where.

A piece begins where the one before it ends, on one of the points. One more piece must lower the
weighted sum of squares by more than the errors alone would.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

# Chance at which one more piece is taken, and two more where one does not help.
LEVEL = 0.03
SKIPPING_LEVEL = 0.01
MOST_PIECES = 3
LEAST_POINTS = 4
SLOPES_DIFFER = 0.05


@dataclass(frozen=True)
class Pieces:
    """A continuous line of k pieces.

    Attributes:
        knots: (k+1,) indices of the points where pieces begin and end.
        fitted: (m,) the line.
        slopes: (k,) least-squares slopes of the points of each piece alone.
    """

    knots: np.ndarray
    fitted: np.ndarray
    slopes: np.ndarray

    @property
    def parts(self) -> list[slice]:
        """Points of each piece, those where it begins and ends included."""
        return _parts(self.knots)


class PieceFamily:
    """All lines of `count` pieces through m points, each piece of a least width and size.

    Args:
        x: (m,) increasing.
        weights: (m,) of the squares.
        count: of pieces.
        width: least width of a piece, in x.

    Attributes:
        count: of pieces.
        knots: (c, count + 1) indices of the points where pieces begin and end.
    """

    def __init__(self, x: np.ndarray, weights: np.ndarray, count: int, width: float):
        self.count, self.knots = count, _knots(x, count, width)
        self._x, self._root = x, np.sqrt(weights)
        columns = [np.broadcast_to(c, (len(self.knots), len(x))) for c in (np.ones(len(x)), x)]
        for k in range(1, count):
            columns.append(np.maximum(x - x[self.knots[:, k, None]], 0.0))
        basis = np.stack(columns, axis=2) * self._root[:, None]
        self._basis = np.linalg.qr(basis)[0] if len(self.knots) else basis

    def __bool__(self) -> bool:
        return len(self.knots) > 0

    def squares(self, y: np.ndarray) -> np.ndarray:
        """Least weighted sum of squares (K,) of each row of (K, m)."""
        return self._all_squares(y).min(axis=0)

    def best(self, y: np.ndarray) -> np.ndarray:
        """Index (K,) of the knots that fit each row best."""
        return self._all_squares(y).argmin(axis=0)

    def pieces(self, y: np.ndarray) -> Pieces:
        """Best line through `y` (m,)."""
        best = int(self.best(y[None])[0])
        basis, knots = self._basis[best], self.knots[best]
        slopes = np.array([slope_weights(self._x[p]) @ y[p] for p in _parts(knots)])
        return Pieces(knots, basis @ (basis.T @ (y * self._root)) / self._root, slopes)

    def _all_squares(self, y: np.ndarray) -> np.ndarray:
        weighted = (y * self._root).T
        projected = np.swapaxes(self._basis, 1, 2) @ weighted
        return (weighted**2).sum(axis=0) - (projected**2).sum(axis=1)


def slope_weights(x: np.ndarray) -> np.ndarray:
    """Weights (m,) of the points in their least-squares slope."""
    offset = x - x.mean()
    return offset / (offset @ offset)


def choose_pieces(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, errors: np.ndarray, width: float
) -> tuple[Pieces, PieceFamily]:
    """Number and places of pieces.

    Args:
        x: (m,) increasing.
        y: (m,) points.
        weights: (m,) of the squares.
        errors: (K, m) draws of the errors.
        width: least width of a piece.

    Returns:
        The best line, and all lines of as many pieces.
    """
    families = {k: PieceFamily(x, weights, k, width) for k in range(1, MOST_PIECES + 1)}
    lines = {k: family.pieces(y) for k, family in families.items() if family}

    def needed(now: int, more: int, level: float) -> bool:
        if more not in lines or (np.abs(np.diff(lines[more].slopes)) < SLOPES_DIFFER).any():
            return False
        gain = families[now].squares(y[None])[0] - families[more].squares(y[None])[0]
        drawn = lines[now].fitted + errors
        chance = families[now].squares(drawn) - families[more].squares(drawn)
        return bool(gain > np.quantile(chance, 1 - level))

    count = 1
    if needed(1, 2, LEVEL):
        count = 3 if needed(2, 3, LEVEL) else 2
    elif needed(1, 3, SKIPPING_LEVEL):
        count = 3
    return lines[count], families[count]


def _parts(knots: np.ndarray) -> list[slice]:
    return [slice(a, b + 1) for a, b in pairwise(knots)]


def _knots(x: np.ndarray, count: int, width: float) -> np.ndarray:
    last = len(x) - 1
    found = [
        (0, *inner, last)
        for inner in combinations(range(1, last), count - 1)
        if all(
            b - a + 1 >= LEAST_POINTS and x[b] - x[a] >= width - 1e-9
            for a, b in zip((0, *inner), (*inner, last), strict=True)
        )
    ]
    return np.array(found, dtype=int).reshape(-1, count + 1)
