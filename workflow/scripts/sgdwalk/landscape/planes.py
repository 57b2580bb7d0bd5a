"""Planes of the loss through and between the checkpoints of a run, computed in tiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from sgdwalk.errors import InputError
from sgdwalk.landscape.directions import (
    position,
    principal_plane,
    random_direction,
    random_walk_shares,
)
from sgdwalk.landscape.results import Plane
from sgdwalk.landscape.weights import RunCheckpoints

PATH_MARGIN = 0.25  # of the path's extent, around it on its principal plane
_LEAST_EXTENT = 0.05  # of the longer side, where the path hardly leaves its first component


def random_surface(
    run: RunCheckpoints, step: int, points: int, tile: int = 0, tiles: int = 1
) -> Plane:
    """The plane of two random directions through a checkpoint, which is at its middle.

    Args:
        run: networks and settings; batch norm is treated as the settings say.
        step: of the checkpoint.
        points: of the grid along either side, odd.
        tile: which share of the points to evaluate, from 0.
        tiles: how many shares there are.

    Returns:
        The plane with the values of this tile, flat; without any if the step was not reached.
    """
    model, s = run.at(step), run.settings
    if isinstance(model, str):
        return Plane("random", step, model)
    directions = torch.stack(
        [random_direction(model, [s.seed, k], s.normalisation, s.bias_and_norm) for k in (0, 1)]
    )
    axis = np.linspace(-s.radius, s.radius, points)
    plane = _framed(Plane("random", step, x=axis, y=axis), directions)
    return _filled(plane, run, model, position(model), directions, s.batch_norm, tile, tiles)


def principal_surface(run: RunCheckpoints, points: int, tile: int = 0, tiles: int = 1) -> Plane:
    """The plane of the path's two leading principal components, with the path on it.

    Its points are near checkpoints of all ages, whose running statistics differ: batch norm is
    recomputed at every point. Takes the memory of all checkpoints' parameters.

    Args:
        run: networks and settings.
        points: of the grid along either side.
        tile: which share of the points to evaluate, from 0.
        tiles: how many shares there are.

    Returns:
        The plane with the values of this tile, flat; without any if fewer than three checkpoints
        were reached, or they are on one line.
    """
    positions, model, last = {}, None, 0
    for step in run.steps:
        found = run.at(step)
        if not isinstance(found, str):
            positions[step], model, last = position(found), found, step
    if len(positions) < 3:
        return Plane("pca", last, f"{len(positions)} checkpoints were reached; three are needed")
    try:
        principal = principal_plane(torch.stack(list(positions.values())))
    except InputError as error:
        return Plane("pca", last, str(error))
    steps = np.array(list(positions))
    x, y = _around(principal.coordinates, points)
    plane = replace(
        _framed(Plane("pca", last, x=x, y=y), principal.directions),
        path=principal.coordinates,
        path_step=steps,
        off_plane=principal.off_plane,
        explained_variance=principal.explained_variance,
        explained_null=random_walk_shares(steps),
    )
    origin, directions = principal.origin, principal.directions
    return _filled(plane, run, model, origin, directions, "recomputed", tile, tiles)


def _framed(plane: Plane, directions: Tensor) -> Plane:
    gram = (directions.double() @ directions.double().T).cpu().numpy()
    lengths = np.sqrt(np.diag(gram))
    return replace(plane, lengths=lengths, cosine=float(gram[0, 1] / lengths.prod()))


def _filled(
    plane: Plane,
    run: RunCheckpoints,
    model: nn.Module,
    origin: Tensor,
    directions: Tensor,
    batch_norm: str,
    tile: int,
    tiles: int,
) -> Plane:
    """Evaluate the points of one tile; points run along x first."""
    y, x = np.meshgrid(plane.y, plane.x, indexing="ij")
    points = np.array_split(np.column_stack([x.ravel(), y.ravel()]), tiles)[tile]
    values = run.surface(model, batch_norm).values(origin, directions, points)
    return replace(plane, values=values)


def _around(path: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Axes of a grid around (m, 2) points with a margin."""
    low, high = path.min(axis=0), path.max(axis=0)
    extent = np.maximum(high - low, _LEAST_EXTENT * (high - low).max())
    middle, half = (low + high) / 2, (0.5 + PATH_MARGIN) * extent
    x, y = (np.linspace(m - h, m + h, points) for m, h in zip(middle, half, strict=True))
    return x, y
