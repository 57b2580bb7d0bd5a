"""Loss surfaces as files: tiles of a plane, lines of a run, and a run's surfaces together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.files import hdf5, records
from sgdwalk.landscape.results import Plane, RunLines, RunSurfaces, SurfaceValues

_VALUES = {
    "*/train_loss": ("mean loss of the training samples", "1"),
    "*/train_accuracy": ("share of the training samples classified correctly", "1"),
    "*/test_loss": ("mean loss of the test samples", "1"),
    "*/test_accuracy": ("share of the test samples classified correctly", "1"),
}
_SHARED = {
    **_VALUES,
    "*/missing": ("why there are no values", "1"),
    "*/kind": ("how the directions were chosen", "1"),
    "*/step": ("steps taken before the checkpoint at the origin", "step"),
}
_PLANE = {
    **_SHARED,
    "*/x": ("coordinate along the first direction", "length of that direction"),
    "*/y": ("coordinate along the second direction", "length of that direction"),
    "*/lengths": ("lengths of the two directions", "parameter"),
    "*/cosine": ("cosine of the angle between them", "1"),
    "*/path": ("checkpoints projected onto the plane", "as x and y"),
    "*/path_step": ("steps taken before each checkpoint of the path", "step"),
    "*/off_plane": ("distance of each checkpoint from the plane", "parameter"),
    "*/explained_variance": ("share of the checkpoints' variance along each direction", "1"),
    "*/explained_null": ("the same for a random walk seen at these steps", "1"),
    "tile": ("number of this tile, from 0", "1"),
    "tiles": ("tiles of the plane", "1"),
}
_LINES = {
    **_SHARED,
    "*/coordinate": ("coordinate along the line, 0 at its origin", "length of the direction"),
    "*/length": ("length of the direction", "parameter"),
    "*/slope": ("slope of the training loss along the line, of a quartic fitted about 0", "1"),
    "*/curvature": ("second derivative, of a quartic fitted about 0", "1"),
    "*/predicted_slope": ("the same from the gradient", "1"),
    "*/predicted_curvature": ("the same from the Hessian", "1"),
    "*/stop_step": ("steps taken before the checkpoint at 1", "step"),
    "*/stop_run": ("run of the checkpoint at 1", "1"),
    "*/half_length": ("distance from the origin to each end of a line", "parameter"),
    "*/spacing": ("distance between neighbouring points", "parameter"),
    "*/random/loss": ("training loss along each isotropic random line", "1"),
    "*/chord/loss": ("training loss along the line to the neighbouring checkpoint", "1"),
    "*/separation": ("distance of two points", "parameter"),
    "*/orders": ("orders q of the structure functions", "1"),
    "*/moments": ("structure functions <|dL|^q>, a row per order", "loss^q"),
    "*/fits": ("power law of the structure function of each order", "1"),
    "*/second_differences": ("mean squared second difference of the loss", "loss^2"),
    "*/second_fit": ("its power law", "1"),
}


@dataclass(frozen=True)
class _Tile:
    tile: int
    tiles: int
    plane: Plane


def write_tile(path: str | Path, tile: int, tiles: int, plane: Plane, origin: dict) -> None:
    """Write one of a plane's tiles; its values are those of its own points."""
    with hdf5.create(path, "landscape-tile", origin) as file:
        records.write(file, _Tile(tile, tiles, plane), _PLANE)


def join_tiles(paths: Sequence[str | Path]) -> Plane:
    """Read all tiles of a plane, in order, and put them together.

    Raises:
        InputError: a missing or damaged file, or tiles that do not make up one plane.
    """
    tiles = []
    for number, path in enumerate(paths):
        with hdf5.opened(path, "landscape-tile") as file:
            tile = records.read(file, _Tile)
        first = tiles[0] if tiles else tile
        if (tile.tile, tile.tiles) != (number, len(paths)) or not _same(first.plane, tile.plane):
            raise InputError(
                f"{path}: tile {tile.tile} of {tile.tiles}, expected {number} of {len(paths)} "
                "of one plane; remake all tiles of it"
            )
        tiles.append(tile)
    plane = tiles[0].plane
    if plane.missing:
        return plane
    shape = (len(plane.y), len(plane.x))
    joined = {
        name: np.concatenate([tile.plane.values.arrays[name] for tile in tiles]).reshape(shape)
        for name in plane.values.arrays
    }
    return replace(plane, values=SurfaceValues(**joined))


def _same(a: Plane, b: Plane) -> bool:
    if a.missing or b.missing:
        return a.missing == b.missing
    return np.array_equal(a.x, b.x) and np.array_equal(a.y, b.y)


def write_lines(path: str | Path, lines: RunLines, origin: dict) -> None:
    """Write what is one-dimensional."""
    with hdf5.create(path, "landscape-lines", origin) as file:
        records.write(file, lines, _LINES)


def read_lines(path: str | Path) -> RunLines:
    """Read what `write_lines` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "landscape-lines") as file:
        return records.read(file, RunLines)


def write(path: str | Path, planes: dict[str, Plane], lines: RunLines, origin: dict) -> None:
    """Write the whole surface of a run."""
    with hdf5.create(path, "landscape", origin) as file:
        records.write(file.create_group("planes"), planes, _PLANE)
        records.write(file.create_group("lines"), lines, _LINES)


def read(path: str | Path) -> RunSurfaces:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "landscape") as file:
        planes = {name: records.read(group, Plane) for name, group in file["planes"].items()}
        return RunSurfaces(planes, records.read(file["lines"], RunLines), hdf5.origin(file))
