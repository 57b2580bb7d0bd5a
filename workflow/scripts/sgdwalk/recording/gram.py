"""The Gram matrix of a window's increments, the one thing kept of a walk.

For positions ``x_0 .. x_{T-1}`` with increments ``d_i = x_{i+1} - x_i`` the Gram matrix is
``G_ij = d_i . d_j``. Every squared distance is a block sum of it, so it is built from increments:
``|x_i|^2 + |x_j|^2 - 2 x_i . x_j`` would lose all digits at small lags.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from sgdwalk.errors import InputError

TOLERANCE = 1e-5  # of MSD(lag) against float64 arithmetic on the same positions
_BLOCK_BYTES = 32 * 2**20  # of increments at a time: large for a matrix product, small in memory
CHECKED_PAIRS = 128  # positions compared directly at each checked lag, at most
_CHECK_BYTES = 2**20  # of displacements at a time: what a core's cache holds
_PANELS = 8  # row panels of the lower triangle; 8 leave 36/64 of the full product to compute
_PANEL_ROWS = 64  # thinner panels make slow matrix products
_FEW = 2**16  # elements that are summed at once
_TINY, _HUGE = 1e-30, 1e30  # between which squares of float32 keep their digits
_STRETCH = 1024  # elements whose float32 norm is as good as its last digit


@dataclass(frozen=True)
class Gram:
    """Gram matrix of one window and how it was made.

    Attributes:
        matrix: (T-1, T-1) float64 tensor on the CPU, in squared parameter units.
        layers: (L, T-1, T-1) float64 tensor, one Gram matrix per parameter slice, or None.
        error: largest relative error of MSD found at the checked lags, of the float32 products.
        float64_products: whether that error exceeded the tolerance and float64 was used instead.
    """

    matrix: torch.Tensor
    layers: torch.Tensor | None
    error: float
    float64_products: bool


def _silent(share: float) -> None:
    pass


def window_gram(
    positions: torch.Tensor,
    sizes: list[int] | None = None,
    progress: Callable[[float], None] = _silent,
) -> Gram:
    """Gram matrix of the increments of a window, checked against direct displacements.

    Products are float32 over blocks of parameters, the blocks are added in float64. Prefix sums of
    such a matrix cancel where the walk folds back on itself; lags 1, 2, T/2, T-1 and the lag at
    which cancellation is strongest are therefore compared with directly computed displacements,
    and all is redone with float64 products where one is off by more than ``TOLERANCE``.

    Args:
        positions: (T, P) floating-point tensor on any device, T >= 2; it is not changed.
        sizes: parameters per layer, adding up to P; asks for one Gram matrix per layer as well.
        progress: told on the way what share of the products, 0 to 1, is made.

    Returns:
        The Gram matrix in float64 on the CPU, in squared parameter units.

    Raises:
        InputError: if positions is not floating-point (T, P), T >= 2, or sizes do not add up.
    """
    if positions.ndim != 2 or positions.shape[0] < 2 or not positions.is_floating_point():
        raise InputError(
            f"positions: shape {tuple(positions.shape)} of {positions.dtype}; "
            "allowed: floating point (T, P) with T >= 2"
        )
    if sizes is not None and sum(sizes) != positions.shape[1]:
        raise InputError(
            f"sizes: add up to {sum(sizes)}; allowed: the {positions.shape[1]} parameters"
        )
    with _full_precision(positions.device), torch.no_grad():
        if positions.dtype == torch.float64:
            return _finish(_products(positions, sizes, torch.float64, progress), 0.0, True, sizes)
        layers = _products(positions, sizes, torch.float32, progress)
        # on the CPU: sums along a GPU's tensor are not deterministic
        error = _largest_error(layers.sum(0).cpu(), positions)
        # written so that a NaN error also asks for the exact products
        if not error <= TOLERANCE:
            return _finish(_products(positions, sizes, torch.float64, progress), error, True, sizes)
        return _finish(layers, error, False, sizes)


def plain_gram(
    rows: torch.Tensor, *, increments: bool = False, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Gram matrix ``rows @ rows.T`` of (N, P) rows or of their increments, added up in float64.

    Args:
        rows: on any device.
        increments: whether those are meant.
        dtype: of the products, which are not checked.
    """
    with _full_precision(rows.device), torch.no_grad():
        return _symmetric(_lower_products(rows, dtype, increments=increments))


def row_norms(rows: torch.Tensor) -> torch.Tensor:
    """Norms of (N, P) rows, (N,) float64, good to about 1e-7 whatever P.

    Short stretches are summed in the rows' own precision and added up in float64: as exact as
    float64 throughout, and several times faster where there are many.
    """
    if rows.device.type == "cpu":
        with np.errstate(over="ignore", invalid="ignore"):  # of a walk that diverges
            norms = [math.sqrt(square(row)) for row in rows.numpy()]
        return torch.tensor(norms, dtype=torch.float64)
    if rows.numel() < _FEW:
        return torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64)
    whole = rows.shape[1] // _STRETCH * _STRETCH
    stretches = rows[:, :whole].unflatten(1, (-1, _STRETCH))
    norms = torch.linalg.vector_norm(stretches, dim=2)
    parts = torch.cat([norms, rows[:, whole:]], dim=1)
    return torch.linalg.vector_norm(parts, dim=1, dtype=torch.float64)


def square(row: np.ndarray) -> float:
    """Squared norm of a (P,) row, good to about 2e-7 whatever P; BLAS is called for little."""
    if len(row) <= _FEW:
        found = float(row.dot(row))
    else:
        parts = (row[i : i + _FEW] for i in range(0, len(row), _FEW))
        found = sum(float(part.dot(part)) for part in parts)
    if _TINY < found < _HUGE:
        return found
    wide = row.astype(np.float64)  # squares of float32 are zero or infinite early
    return float(wide.dot(wide))


def _finish(
    layers: torch.Tensor, error: float, float64_products: bool, sizes: list[int] | None
) -> Gram:
    matrix = layers.sum(0) if layers.shape[0] > 1 else layers[0]
    return Gram(matrix.cpu(), layers.cpu() if sizes else None, error, float64_products)


def _products(
    positions: torch.Tensor,
    sizes: list[int] | None,
    dtype: torch.dtype,
    progress: Callable[[float], None],
) -> torch.Tensor:
    """(L, T-1, T-1) float64: Gram matrices of the increments of each slice of parameters."""
    columns = positions.shape[1]
    ends = torch.tensor(sizes or [columns]).cumsum(0).tolist()
    layers, start = [], 0
    for end in ends:

        def so_far(share: float, start: int = start, end: int = end) -> None:
            progress((start + share * (end - start)) / columns)

        lower = _lower_products(positions[:, start:end], dtype, so_far, increments=True)
        layers.append(_symmetric(lower))
        start = end
    return torch.stack(layers)


def _lower_products(
    rows: torch.Tensor,
    dtype: torch.dtype,
    progress: Callable[[float], None] = _silent,
    *,
    increments: bool,
) -> torch.Tensor:
    """Lower triangle (by panels) of the Gram matrix of rows or of their increments, float64."""
    count, columns = rows.shape[0] - increments, rows.shape[1]
    gram = torch.zeros(count, count, dtype=torch.float64, device=rows.device)
    width = max(1, min(columns, _BLOCK_BYTES // (max(count, 1) * dtype.itemsize)))
    panels = max(1, min(_PANELS, count // _PANEL_ROWS))
    edges = torch.linspace(0, count, panels + 1).long().tolist()
    # made once: fresh memory for every block costs as much again as the subtraction
    scratch = torch.empty(count if increments else 0, width, dtype=dtype, device=rows.device)
    for first in range(0, columns, width):
        block = rows[:, first : first + width].to(dtype)
        if increments:
            block = torch.sub(block[1:], block[:-1], out=scratch[:, : block.shape[1]])
        for top, bottom in pairwise(edges):
            gram[top:bottom, :bottom] += block[top:bottom] @ block[:bottom].T
        progress(min(1.0, (first + width) / columns))
    return gram


def _symmetric(lower: torch.Tensor) -> torch.Tensor:
    return lower.tril() + lower.tril(-1).T


def _largest_error(gram: torch.Tensor, positions: torch.Tensor) -> float:
    """Largest relative error of squared distances from the Gram matrix, at the lags most at risk.

    Up to ``CHECKED_PAIRS`` pairs spread over the window stand for all of a lag: rounding errors are
    alike in all of them and average out further in the mean over more.
    """
    prefix = _prefix(gram)
    msd = _msd(prefix)
    lags = torch.arange(1, len(msd) + 1, dtype=torch.float64, device=msd.device)
    # rounding adds up like lag * MSD(1); it hurts most where MSD(lag) is small beside that
    worst = int(torch.argmin(msd.clamp_min(0) / lags)) + 1
    steps, square = positions.shape[0], prefix.diagonal()
    errors = []
    for lag in {1, min(2, steps - 1), max(1, steps // 2), steps - 1, worst}:
        every = -(-(steps - lag) // CHECKED_PAIRS)
        exact = float(_squared_distances(positions, lag, every).sum())
        found = square[lag:] + square[:-lag] - 2 * prefix.diagonal(lag)
        difference = abs(float(found[::every].sum()) - exact)
        errors.append(difference / exact if exact > 0 else (0.0 if difference == 0 else torch.inf))
    return max(errors)


def _prefix(gram: torch.Tensor) -> torch.Tensor:
    """(T, T) sums of a (T-1, T-1) Gram matrix over all rows and columns before."""
    prefix = torch.zeros(len(gram) + 1, len(gram) + 1, dtype=gram.dtype, device=gram.device)
    prefix[1:, 1:] = gram.cumsum(0).cumsum(1)
    return prefix


def _msd(prefix: torch.Tensor) -> torch.Tensor:
    """(T-1,) MSD at lags 1..T-1."""
    count, square = len(prefix), prefix.diagonal()
    # rows of 2 T - 1 numbers, read as rows of 2 T: diagonals become columns
    wide = nn.functional.pad(prefix, (0, count - 1)).reshape(-1)
    cross = nn.functional.pad(wide, (0, count)).view(count, 2 * count)[:, 1:count].sum(0)
    ahead = square.flip(0).cumsum(0).flip(0)[1:]  # sums of square[lag:], then of square[:-lag]
    behind = square.cumsum(0)[:-1].flip(0)
    pairs = torch.arange(count - 1, 0, -1, device=prefix.device)
    return (ahead + behind - 2 * cross) / pairs


def _squared_distances(positions: torch.Tensor, lag: int, every: int) -> torch.Tensor:
    """Squared displacements of every so many-th pair at a lag, without the Gram matrix.

    Float32 differences are good to 6e-8.
    """
    later, earlier = positions[lag::every], positions[:-lag:every]
    width = max(1, _CHECK_BYTES // (len(later) * positions.dtype.itemsize))
    total = torch.zeros(len(later), dtype=torch.float64, device=positions.device)
    for first in range(0, positions.shape[1], width):
        columns = slice(first, first + width)
        total += (later[:, columns] - earlier[:, columns]).square_().sum(1)
    return total


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Autocast, TF32 and bf16 shortcuts off while products are made."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def increment_gram(positions: np.ndarray | torch.Tensor) -> np.ndarray:
    """Gram matrix of a window's increments, from its positions.

    Args:
        positions: (T, P) array or tensor of floating-point positions, T >= 2.

    Returns:
        (T-1, T-1) float64 array ``G_ij = (x_{i+1} - x_i) . (x_{j+1} - x_j)``; MSD computed from
        it has a relative error of at most about 1e-5 at every lag.

    Raises:
        InputError: if positions is not a floating-point (T, P) array with T >= 2.
    """
    return window_gram(torch.as_tensor(positions)).matrix.numpy()
