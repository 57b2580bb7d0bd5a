"""Trace and spectral density of a symmetric matrix that is known by its products with vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sgdwalk.errors import InputError
from sgdwalk.hessian.lanczos import Eigenpairs, Subspace, SymmetricProduct
from sgdwalk.hessian.spectrum import SpectralDensity


@dataclass(frozen=True)
class Trace:
    """Estimate of a trace.

    Attributes:
        value: the estimate.
        standard_error: of `value`, from the spread over its random vectors; 0 where it is exact.
        products: matrix-vector products spent.
    """

    value: float
    standard_error: float
    products: int


def spectral_density(
    product: SymmetricProduct, probes: int = 4, steps: int = 40, seed: int = 0
) -> SpectralDensity:
    """Spectral density by stochastic Lanczos quadrature.

    Ubaru, Chen and Saad, SIAM J. Matrix Anal. Appl. 38, 1075 (2017); for networks Ghorbani,
    Krishnan and Xiao, arXiv 1901.10159. Each probe is a random direction: the eigenvalues of its
    tridiagonal matrix are the nodes, the squared first entries of the eigenvectors the weights.

    Args:
        product: the symmetric matrix, of dimension n.
        probes: number of random directions; the error falls as 1 / sqrt(n * probes).
        steps: Lanczos steps, thus products, per probe; at most n. They set the resolution.
        seed: of the probes.

    Raises:
        InputError: `probes` or `steps` out of range, or products not finite.
    """
    if probes < 1 or not 1 <= steps <= product.dimension:
        raise InputError(
            f"spectral_density: {probes} probes of {steps} steps, allowed at least 1 probe "
            f"and 1 to {product.dimension} steps"
        )
    nodes, weights = np.zeros((probes, steps)), np.zeros((probes, steps))
    for probe, child in enumerate(np.random.SeedSequence(seed).generate_state(probes, np.uint64)):
        space = Subspace(product, steps, int(child >> 1))
        direction = space.random()
        scale = float(direction.norm())
        for _ in range(steps):
            # Where the space of the probe is exhausted a random vector joins it; its weights are 0.
            direction = space.extend(direction, scale)
            values, coefficients = space.ritz()
            scale = float(np.abs(values).max())
        nodes[probe], weights[probe] = values, coefficients[0] ** 2
    return SpectralDensity(nodes, weights)


def trace(
    product: SymmetricProduct,
    products: int = 60,
    leading: Eigenpairs | None = None,
    seed: int = 0,
) -> Trace:
    """Trace by Hutch++: exact on a subspace that holds the large eigenvalues, random on the rest.

    Meyer, Musco, Musco and Woodruff, SIAM Symposium on Simplicity in Algorithms (2021). Eigenpairs
    that are known already serve as the subspace and leave all products to the rest.

    Args:
        product: the symmetric matrix, of dimension n.
        products: matrix-vector products to spend, at least 6, with `leading` at least 2.
        leading: eigenpairs of the same matrix.
        seed: of the random signs.

    Returns:
        The estimate with its standard error.

    Raises:
        InputError: too few products, or `leading` of another dimension.
    """
    least = 6 if leading is None else 2
    if products < least:
        raise InputError(f"trace: products is {products}, allowed at least {least}")
    if leading is not None and len(leading.vectors) != product.dimension:
        raise InputError(
            f"trace: leading eigenvectors have {len(leading.vectors)} entries, "
            f"the matrix has {product.dimension}"
        )
    generator = torch.Generator().manual_seed(seed)
    n = product.dimension

    def signs(count: int) -> Tensor:
        draws = torch.randint(0, 2, (count, n), generator=generator)
        return (2 * draws - 1).to(product.device, product.dtype)

    if leading is None:
        sketch = torch.stack([product @ vector for vector in signs(min(products // 3, n))])
        columns, pivots = torch.linalg.qr(sketch.T)
        size = pivots.diagonal().abs()
        span = columns.T[size > 8 * torch.finfo(product.dtype).eps * size.max()].contiguous()
        inside = sum(float(v @ (product @ v)) for v in span)
        spent = len(sketch) + len(span)
    else:
        span = torch.as_tensor(leading.vectors.T.copy(), dtype=product.dtype, device=product.device)
        inside, spent = float(leading.values.sum()), 0
    if len(span) == n:
        return Trace(inside, 0.0, spent)
    outside = []
    for probe in signs(products - spent):
        for _ in range(2):  # twice: the second pass removes the rounding of the first
            probe = probe - (span @ probe) @ span
        outside.append(float(probe @ (product @ probe)))
    return Trace(
        value=inside + float(np.mean(outside)),
        standard_error=float(np.std(outside, ddof=1) / np.sqrt(len(outside))),
        products=spent + len(outside),
    )
