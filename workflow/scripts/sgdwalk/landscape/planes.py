"""Planes of the loss through and between the checkpoints of a run, computed in tiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sgdwalk.errors import InputError
from sgdwalk.landscape.directions import (
    position,
    principal_plane,
    random_direction,
    random_walk_shares,
)
from sgdwalk.landscape.results import Plane, PlaneTile
from sgdwalk.landscape.weights import RunCheckpoints

PATH_MARGIN = 0.25  # of the path's extent, around it on its principal plane
_LEAST_EXTENT = 0.05  # of the longer side, where the path hardly leaves its first component


def analyse(run: RunCheckpoints, step: int | None, points: int, tile: int, tiles: int) -> PlaneTile:
    """Compute one tile of a plane.

    Args:
        run: networks and settings.
        step: of the checkpoint in the middle of a random plane; None for the plane of the path.
        points: of the grid along either side.
        tile: which share of the points to evaluate, from 0.
        tiles: how many shares there are.

    Raises:
        InputError: no such checkpoint, a damaged one, or one of another network.
    """
    if step is None:
        plane = principal_surface(run, points, tile, tiles)
    else:
        plane = random_surface(run, step, points, tile, tiles)
    return PlaneTile(tile, tiles, plane)


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
        return Plane("random", step, {"values": model})
    directions = torch.stack(
        [random_direction(model, [s.seed, k], s.normalisation, s.bias_and_norm) for k in (0, 1)]
    )
    axis = np.linspace(-s.radius, s.radius, points)
    grid = _tile(axis, axis, tile, tiles)
    values = run.surface(model, s.batch_norm).values(position(model), directions, grid)
    return replace(_framed("random", step, axis, axis, directions), values=values)


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
    positions: dict[int, Tensor] = {}
    model, last = None, 0
    for step in run.steps:
        found = run.at(step)
        if not isinstance(found, str):
            positions[step], model, last = position(found), found, step
    if model is None or len(positions) < 3:
        why = f"{len(positions)} checkpoints were reached; three are needed"
        return Plane("pca", last, {"values": why})
    try:
        principal = principal_plane(torch.stack(list(positions.values())))
    except InputError as error:
        return Plane("pca", last, {"values": str(error)})
    x, y = _around(principal.coordinates, points)
    grid = _tile(x, y, tile, tiles)
    surface = run.surface(model, "recomputed")
    return replace(
        _framed("pca", last, x, y, principal.directions),
        path=principal.coordinates,
        path_step=np.array(list(positions)),
        off_plane=principal.off_plane,
        explained_variance=principal.explained_variance,
        explained_null=random_walk_shares(list(positions)),
        values=surface.values(principal.origin, principal.directions, grid),
    )


def _framed(kind: str, step: int, x: np.ndarray, y: np.ndarray, directions: Tensor) -> Plane:
    """A plane without values."""
    gram = (directions.double() @ directions.double().T).cpu().numpy()
    lengths = np.sqrt(np.diag(gram))
    cosine = float(gram[0, 1] / lengths.prod())
    return Plane(kind, step, x=x, y=y, lengths=lengths, cosine=cosine)


def _tile(x: np.ndarray, y: np.ndarray, tile: int, tiles: int) -> np.ndarray:
    """(n, 2) points of one tile of a grid; points run along x first."""
    rows, columns = np.meshgrid(y, x, indexing="ij")
    return np.array_split(np.column_stack([columns.ravel(), rows.ravel()]), tiles)[tile]


def _around(path: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Axes of a grid around (m, 2) points with a margin."""
    low, high = path.min(axis=0), path.max(axis=0)
    extent = np.maximum(high - low, _LEAST_EXTENT * (high - low).max())
    middle, half = (low + high) / 2, (0.5 + PATH_MARGIN) * extent
    x, y = (np.linspace(m - h, m + h, points) for m, h in zip(middle, half, strict=True))
    return x, y
