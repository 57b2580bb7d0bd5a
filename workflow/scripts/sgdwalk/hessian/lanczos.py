"""Extreme eigenpairs of a symmetric matrix that is known by its products with vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from sgdwalk.errors import InputError


class NotFiniteError(InputError):
    """A product with the matrix has entries that are not finite, so it has no eigenvalues."""


class SymmetricProduct(Protocol):
    """What the solvers need: `product @ v` for (n,) tensors, n, and where and what they are."""

    dimension: int
    device: torch.device
    dtype: torch.dtype

    def __matmul__(self, vector: Tensor) -> Tensor:
        """The product with `vector` (n,); (n,)."""


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenpairs of a symmetric matrix of dimension n, the most extreme first.

    Unpacks into `values, vectors, residuals`.

    Attributes:
        values: eigenvalues, (k,) float64.
        vectors: orthonormal eigenvectors as columns, (n, k), in the matrix's precision.
        residuals: norms `|H v - lambda v|`, (k,) float64, in the units of the eigenvalues.
        products: matrix-vector products spent on these and on all that were found with them.
        converged: whether each residual is within the tolerance, (k,) bool.
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    products: int
    converged: np.ndarray

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.values, self.vectors, self.residuals))


class Subspace:
    """An orthonormal basis V and the projection `V^T H V` of a matrix, growing vector by vector."""

    def __init__(self, product: SymmetricProduct, capacity: int, seed: int) -> None:
        self.product, self.size = product, 0
        shape = (capacity, product.dimension)
        self.basis = torch.empty(shape, dtype=product.dtype, device=product.device)
        self.projection = np.zeros((capacity, capacity))
        self.rounding = 8 * torch.finfo(product.dtype).eps
        self._generator = torch.Generator().manual_seed(seed)

    def random(self) -> Tensor:
        """A standard normal vector, drawn on the CPU: alike on every device."""
        vector = torch.randn(
            self.product.dimension, generator=self._generator, dtype=self.product.dtype
        )
        return vector.to(self.product.device)

    def extend(self, direction: Tensor, scale: float) -> Tensor:
        """Add `direction`, or a random vector where nothing but rounding of it is new.

        Args:
            direction: (n,), not necessarily normalised or orthogonal to the basis.
            scale: norm of the vectors whose rounding errors `direction` carries.

        Returns:
            H times the vector that was added, (n,).
        """
        remainder = self.orthogonalised(direction)
        while not bool(remainder.norm() > self.rounding * scale):
            direction = self.random()
            scale, remainder = float(direction.norm()), self.orthogonalised(direction)
        # Again at norm one: what is left along the basis was small beside `direction` only.
        vector = _unit(self.orthogonalised(_unit(remainder)))
        image = self.product @ vector
        if not bool(torch.isfinite(image).all()):
            raise NotFiniteError(
                "Lanczos: a product with the matrix has entries that are not finite"
            )
        self.basis[self.size] = vector
        self.size += 1
        column = (self.basis[: self.size] @ image).double().cpu().numpy()
        self.projection[: self.size, self.size - 1] = column
        self.projection[self.size - 1, : self.size] = column
        return image

    def ritz(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (size,), ascending, and eigenvectors (size, size) of the projection."""
        return np.linalg.eigh(self.projection[: self.size, : self.size])

    def orthogonalised(self, vector: Tensor) -> Tensor:
        """What of `vector` (n,) is orthogonal to the basis; (n,)."""
        basis = self.basis[: self.size]
        for _ in range(2):  # classical Gram-Schmidt, twice is enough
            vector = vector - (basis @ vector) @ basis
        return vector


class RitzSpace(Subspace):
    """A subspace that keeps the images H V of its basis too.

    So a residual is computed, not inferred from a recurrence; any vector may extend the basis.
    """

    def __init__(self, product: SymmetricProduct, capacity: int, seed: int) -> None:
        super().__init__(product, capacity, seed)
        self.images = torch.empty_like(self.basis)

    def extend(self, direction: Tensor, scale: float) -> Tensor:
        """As in `Subspace`."""
        image = super().extend(direction, scale)
        self.images[self.size - 1] = image
        return image

    def combine(self, coefficients: np.ndarray) -> tuple[Tensor, Tensor]:
        """Vectors (j, n) and images (j, n) with `coefficients` (size, j) in the basis."""
        weights = torch.as_tensor(
            coefficients.T.copy(), dtype=self.basis.dtype, device=self.basis.device
        )
        return weights @ self.basis[: self.size], weights @ self.images[: self.size]

    def residuals(self, values: np.ndarray, coefficients: np.ndarray) -> Tensor:
        """`H v - value v` of Ritz pairs: values (j,), coefficients (size, j); (j, n)."""
        vectors, images = self.combine(coefficients)
        scales = torch.as_tensor(values, dtype=images.dtype, device=images.device)
        return images.addcmul_(scales[:, None], vectors, value=-1)

    def restart(self, values: np.ndarray, coefficients: np.ndarray) -> None:
        """Keep the Ritz vectors with `coefficients` (size, j) only."""
        kept = len(values)
        vectors, images = self.combine(coefficients)
        self.basis[:kept], self.images[:kept] = vectors, images
        self.projection[:kept, :kept] = np.diag(values)
        self.size = kept


def extreme_eigenpairs(
    product: SymmetricProduct,
    largest: int,
    smallest: int = 0,
    *,
    tolerance: float = 1e-3,
    start: np.ndarray | Tensor | None = None,
    seed: int = 0,
    max_products: int | None = None,
    search: int = 8,
    capacity: int | None = None,
) -> tuple[Eigenpairs, Eigenpairs]:
    """Both ends of a spectrum from one Krylov space, by thick-restart Lanczos.

    Wu and Simon, SIAM J. Matrix Anal. Appl. 22, 602 (2000), with full reorthogonalisation. Lanczos
    from one vector sees one copy of a repeated eigenvalue, and nothing that its start vector lacks.
    So once all pairs have converged, the space goes on from a random vector orthogonal to it for
    `search` products; where that changes a wanted pair, it converges anew and searches again.

    Args:
        product: the symmetric matrix H, of dimension n.
        largest: number of pairs wanted from the upper end.
        smallest: number of pairs wanted from the lower end; 1 to n with `largest`.
        tolerance: a pair has converged when its residual is at most `tolerance * |lambda|`. For
            eigenvalues near zero the limit is `tolerance / 100` of the largest |eigenvalue|, and
            for fine tolerances 16 roundings of it.
        start: first vector, (n,), or vectors (n, j) whose sum it is: eigenvectors of a
            neighbouring matrix save products. Random by default.
        seed: of the random vectors.
        max_products: no more than these; by default 100 + 20 per pair wanted.
        search: products spent on the look for missed eigenvalues; 0: none. Eight find, but for
            bad luck, one that exceeds the last wanted by a quarter.
        capacity: largest dimension of the space, at least 8 more than the pairs wanted; it costs
            `2 * capacity` vectors of memory. By default 24 more: larger ones save few products.

    Returns:
        The largest, in descending order, and the smallest, in ascending order.

    Raises:
        InputError: a number of pairs or a start vector out of range, or products not finite.
    """
    n, wanted = product.dimension, largest + smallest
    if largest < 0 or smallest < 0 or not 1 <= wanted <= n:
        raise InputError(
            f"eigenpairs: {largest} largest and {smallest} smallest asked of dimension {n}, "
            f"allowed: 1 to {n} together"
        )
    capacity = wanted + 24 if capacity is None else max(capacity, wanted + 8)
    space = RitzSpace(product, min(n, capacity), seed)
    budget = 100 + 20 * wanted if max_products is None else max_products
    if budget < wanted:
        raise InputError(
            f"eigenpairs: max_products is {budget}, need at least {wanted}, one per pair"
        )
    direction = space.random() if start is None else _start_vector(start, product)
    scale = float(direction.norm())
    found, searching = None, 0  # wanted values when the last search began; products left in it
    for spent in count(1):
        image = space.extend(direction, scale)
        values, coefficients = space.ritz()
        scale = float(np.abs(values).max())
        limits = np.maximum(
            tolerance * np.maximum(np.abs(values), 0.01 * scale), 2 * space.rounding * scale
        )
        order = np.arange(space.size)
        ends = np.r_[order[::-1][:largest], order[:smallest]]
        if space.size == n or spent >= budget:
            break
        direction = image
        searching = max(0, searching - 1)
        if not searching and space.size >= wanted:
            pending = _unsettled(space, ends, largest, limits)
            if pending is None:
                unchanged = found is not None and bool(
                    np.all(np.abs(values[ends] - found) <= limits[ends])
                )
                if unchanged or not search:
                    break
                direction, searching, found = space.random(), search, values[ends]
            elif found is not None:
                # More than one chain made this space: its residuals are no longer all parallel.
                direction = pending
        if space.size == len(space.basis):
            # What comes next must be orthogonal also to what the restart drops.
            direction = space.orthogonalised(direction)
            spare = (len(space.basis) - wanted) // 3
            low = smallest + spare if smallest else 0
            high = largest + spare if largest else 0
            kept = np.r_[order[:low], order[space.size - high :]]
            space.restart(values[kept], coefficients[:, kept])
    first, last = (
        _pairs(space, which, limits, spent) for which in (ends[:largest], ends[largest:])
    )
    return first, last


def _unsettled(
    space: RitzSpace, ends: np.ndarray, largest: int, limits: np.ndarray
) -> Tensor | None:
    """Residual of a wanted Ritz pair that has not converged; None where all have."""
    values, coefficients = space.ritz()
    # The last of each end mostly converges last: asked first, it saves asking the others.
    for which in (ends[:largest][-1:], ends[largest:][-1:], ends):
        residuals = space.residuals(values[which], coefficients[:, which])
        late = np.flatnonzero(_norms(residuals) > limits[which])
        if len(late):
            return residuals[late[0]]
    return None


def _pairs(space: RitzSpace, which: np.ndarray, limits: np.ndarray, products: int) -> Eigenpairs:
    values, coefficients = space.ritz()
    residuals = _norms(space.residuals(values[which], coefficients[:, which]))
    vectors, _ = space.combine(coefficients[:, which])
    return Eigenpairs(
        values=values[which],
        vectors=vectors.cpu().numpy().T,
        residuals=residuals,
        products=products,
        converged=residuals <= limits[which],
    )


def _start_vector(start: np.ndarray | Tensor, product: SymmetricProduct) -> Tensor:
    vector = torch.as_tensor(start, dtype=product.dtype, device=product.device)
    if vector.dim() not in (1, 2) or vector.shape[0] != product.dimension:
        raise InputError(
            f"eigenpairs: start has shape {tuple(vector.shape)}, "
            f"allowed ({product.dimension},) or ({product.dimension}, j)"
        )
    vector = vector if vector.dim() == 1 else vector.sum(dim=1)
    if not bool(torch.isfinite(vector).all()) or not bool(vector.norm() > 0):
        raise InputError("eigenpairs: start is zero or not finite")
    return vector


def _norms(rows: Tensor) -> np.ndarray:
    return rows.norm(dim=1).double().cpu().numpy()


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm()
