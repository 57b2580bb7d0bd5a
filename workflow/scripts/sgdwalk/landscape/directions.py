"""Directions in parameter space along which a loss surface is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import principal_components, squared_distances
from sgdwalk.recording.gram import window_gram

NORMALISATIONS = ("filter", "layer", "raw")
BIAS_AND_NORM = ("fixed", "moved")


@dataclass(frozen=True)
class PrincipalPlane:
    """The plane of the two leading principal components of m positions.

    Attributes:
        origin: (P,) mean of the positions.
        directions: (2, P) orthonormal components, leading one first.
        coordinates: (m, 2) the positions projected onto the plane, parameter units from `origin`.
        off_plane: (m,) distance of each position from the plane, parameter units.
        explained_variance: (2,) share of the positions' variance along each component.
    """

    origin: Tensor
    directions: Tensor
    coordinates: np.ndarray
    off_plane: np.ndarray
    explained_variance: np.ndarray


def position(model: nn.Module) -> Tensor:
    """All trainable parameters in `model.parameters()` order as one vector, (P,), a copy."""
    return torch.cat([p.detach().reshape(-1) for p in model.parameters() if p.requires_grad])


def random_direction(
    model: nn.Module,
    seed: int | Sequence[int],
    normalisation: str = "filter",
    bias_and_norm: str = "fixed",
) -> Tensor:
    """A Gaussian direction scaled to the weights, the same for a seed on every device.

    Whatever the normalisation, the direction is as long as the vector of the weights it moves: a
    coordinate of 1 is a displacement by the network's own size, and surfaces that differ in the
    normalisation alone can be compared point by point.

    Args:
        model: its trainable parameters, P in all, give the shapes and the scale.
        seed: of the Gaussian numbers; they are the same for every normalisation.
        normalisation: `filter`: each filter (row of a linear layer, output channel of a
            convolution) has the norm of the filter of weights that it moves; `layer`: each
            parameter tensor as a whole has; `raw`: only the whole direction has, so that it is
            isotropic.
        bias_and_norm: what becomes of parameter vectors (biases, and scales and shifts of
            normalisation layers): `fixed`, zero in the direction, or `moved`, normalised each like
            a single filter.

    Returns:
        (P,) in `model.parameters()` order, on the model's device and of its type.

    Raises:
        InputError: an unknown normalisation or treatment, or no parameter that may move.

    Source: Li, Xu, Taylor, Studer and Goldstein, NeurIPS 31 (2018), arXiv 1712.09913, section 4.
    Theirs, without normalisation, has entries of unit variance instead of the weights' length.
    """
    if normalisation not in NORMALISATIONS:
        raise InputError(f"normalisation: {normalisation!r}; allowed: {', '.join(NORMALISATIONS)}")
    if bias_and_norm not in BIAS_AND_NORM:
        raise InputError(f"bias_and_norm: {bias_and_norm!r}; allowed: {', '.join(BIAS_AND_NORM)}")
    weights = [p.detach() for p in model.parameters() if p.requires_grad]
    moved = [p.dim() > 1 or bias_and_norm == "moved" for p in weights]
    if not any(moved):
        raise InputError("random_direction: the model has no trainable weights that may move")
    generator = np.random.default_rng(seed)
    parts = []
    for weight, moves in zip(weights, moved, strict=True):
        part = torch.zeros(weight.shape, dtype=torch.float64)
        if moves:
            part = torch.from_numpy(generator.standard_normal(tuple(weight.shape)))
            if normalisation != "raw":
                part = _scaled(part, weight, by_row=normalisation == "filter")
        parts.append(part.reshape(-1))
    direction = torch.cat(parts)
    if normalisation == "raw":
        own = sum(
            float(w.double().square().sum()) for w, m in zip(weights, moved, strict=True) if m
        )
        direction *= np.sqrt(own) / direction.norm()
    return direction.to(weights[0])


def _scaled(part: Tensor, weight: Tensor, by_row: bool) -> Tensor:
    """Scale each row, or the whole, to the norm that it has in the weights."""
    rows = len(weight) if by_row and weight.dim() > 1 else 1
    drawn, own = part.reshape(rows, -1), weight.cpu().double().reshape(rows, -1)
    return drawn * (own.norm(dim=1) / drawn.norm(dim=1))[:, None]


def principal_plane(positions: Tensor) -> PrincipalPlane:
    """The plane in which m positions, the checkpoints of a run say, vary most.

    Args:
        positions: (m, P), three or more.

    Raises:
        InputError: fewer than three positions, or all of them on one line.

    Source: Li et al. 2018 (arXiv 1712.09913), section 7, there without the mean.
    """
    if positions.dim() != 2 or len(positions) < 3:
        raise InputError(
            f"principal_plane: positions {tuple(positions.shape)}; must be (m, P), m of at least 3"
        )
    gram = window_gram(positions.cpu()).matrix.numpy()
    coordinates, _ = principal_components(gram, 2)
    squares = (coordinates**2).sum(axis=0)
    distances = squared_distances(gram)
    total = distances.sum() / (2 * len(positions))
    if not squares[1] > 1e-12 * total:
        raise InputError("principal_plane: all positions are on one line")
    origin = positions.double().mean(dim=0).to(positions)
    centred = positions - origin
    directions = torch.from_numpy(coordinates / squares).T.to(positions) @ centred
    # Squared distance from the mean, by the distances alone (Gower 1966).
    from_mean = distances.mean(axis=1) - distances.mean() / 2
    return PrincipalPlane(
        origin,
        directions,
        coordinates,
        np.sqrt(np.clip(from_mean - (coordinates**2).sum(axis=1), 0, None)),
        squares / total,
    )


def random_walk_shares(steps: Sequence[int]) -> np.ndarray:
    """Variance shares of the two leading components of a random walk seen at the same steps.

    The null of `PrincipalPlane.explained_variance`: independent increments in many dimensions,
    their squared length in proportion to the steps between. Seen at every step, the shares tend to
    `6 / (pi k)^2` (Antognini and Sohl-Dickstein, NeurIPS 31, 2018).

    Args:
        steps: three or more, increasing.

    Returns:
        (2,) shares.
    """
    gram = np.diag(np.diff(np.asarray(steps, dtype=float)))
    _, variance = principal_components(gram, len(gram))
    return variance[:2] / variance.sum()
