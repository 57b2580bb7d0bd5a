"""Loss surfaces as files: tiles of a plane, lines of a run, and a run's surfaces together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sgdwalk import files, records
from sgdwalk.errors import InputError
from sgdwalk.line_roughness import LineRoughness

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
class SurfaceValues:
    """Mean loss and accuracy at points; test values are `None` without test samples."""

    train_loss: np.ndarray
    train_accuracy: np.ndarray
    test_loss: np.ndarray | None = None
    test_accuracy: np.ndarray | None = None

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Those that there are, by name."""
        return {name: array for name, array in vars(self).items() if array is not None}


@dataclass(frozen=True)
class Plane:
    """A plane in parameter space and the loss on its grid.

    Attributes:
        kind: `random` or `pca`.
        step: of the checkpoint at the origin of a random plane; the last step of the path of a
            principal one, whose origin is the mean of the checkpoints.
        missing: why there is nothing else, as for a checkpoint that a diverged run never reached.
        x, y: (nx,) and (ny,) coordinates, in units of the directions.
        lengths: (2,) lengths of the directions, parameter units.
        cosine: of the angle between them.
        path: (m, 2) checkpoints projected onto a principal plane.
        path_step: (m,) their steps.
        off_plane: (m,) their distances from it, parameter units.
        explained_variance: (2,) share of their variance along each direction.
        explained_null: (2,) the same for a random walk.
        values: at (ny, nx) points; in a tile those of its own, flat.
    """

    kind: str
    step: int
    missing: str | None = None
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    lengths: np.ndarray | None = None
    cosine: float | None = None
    path: np.ndarray | None = None
    path_step: np.ndarray | None = None
    off_plane: np.ndarray | None = None
    explained_variance: np.ndarray | None = None
    explained_null: np.ndarray | None = None
    values: SurfaceValues | None = None


@dataclass(frozen=True)
class Line:
    """The loss along a random direction from a checkpoint.

    Attributes:
        kind: normalisation of the direction.
        step: of the checkpoint.
        missing: why there is nothing else.
        coordinate: (n,) in units of the direction.
        length: of the direction, parameter units.
        values: at the n points.
        slope, curvature: derivatives of the training loss at 0, of a fitted quartic.
        predicted_slope, predicted_curvature: the same from gradient and Hessian, g.d and d.Hd.
    """

    kind: str
    step: int
    missing: str | None = None
    coordinate: np.ndarray | None = None
    length: float | None = None
    values: SurfaceValues | None = None
    slope: float | None = None
    curvature: float | None = None
    predicted_slope: float | None = None
    predicted_curvature: float | None = None


@dataclass(frozen=True)
class Interpolation:
    """The loss on the straight line between two checkpoints, of one run or of two.

    Attributes:
        step: of the checkpoint at coordinate 0.
        stop_step: of that at 1.
        stop_run: run of that at 1.
        missing: why there is nothing else.
        coordinate: (n,) from 0 to 1.
        length: distance of the two, parameter units.
        values: at the n points.
    """

    step: int
    stop_step: int
    stop_run: str
    missing: str | None = None
    coordinate: np.ndarray | None = None
    length: float | None = None
    values: SurfaceValues | None = None


@dataclass(frozen=True)
class FineLines:
    """Losses along K lines sampled finely, and their roughness."""

    loss: np.ndarray
    roughness: LineRoughness | None = None


@dataclass(frozen=True)
class Roughness:
    """Fine lines through a checkpoint, as long as the walk is thereabouts.

    Attributes:
        step: of the checkpoint.
        missing: why there is nothing else.
        half_length: distance to the neighbouring checkpoint, parameter units.
        spacing: distance of neighbouring points.
        random: (K, n) losses along isotropic lines.
        chord: (1, n) losses along the line to the neighbouring checkpoint.
    """

    step: int
    missing: str | None = None
    half_length: float | None = None
    spacing: float | None = None
    random: FineLines | None = None
    chord: FineLines | None = None


@dataclass(frozen=True)
class RunLines:
    """All that is one-dimensional of a run's loss surface."""

    lines: tuple[Line, ...]
    interpolations: tuple[Interpolation, ...]
    roughness: tuple[Roughness, ...]


@dataclass(frozen=True)
class _Tile:
    tile: int
    tiles: int
    plane: Plane


def write_tile(path: str | Path, tile: int, tiles: int, plane: Plane, origin: dict) -> None:
    """Write one of a plane's tiles; its values are those of its own points."""
    with files.create(path, "landscape-tile", origin) as file:
        records.write(file, _Tile(tile, tiles, plane), _PLANE)


def join_tiles(paths: Sequence[str | Path]) -> Plane:
    """Read all tiles of a plane, in order, and put them together.

    Raises:
        InputError: a missing or damaged file, or tiles that do not make up one plane.
    """
    tiles = []
    for number, path in enumerate(paths):
        with files.opened(path, "landscape-tile") as file:
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
    with files.create(path, "landscape-lines", origin) as file:
        records.write(file, lines, _LINES)


def read_lines(path: str | Path) -> RunLines:
    """Read what `write_lines` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with files.opened(path, "landscape-lines") as file:
        return records.read(file, RunLines)


@dataclass(frozen=True)
class RunSurfaces:
    """The loss surface of a run.

    Attributes:
        planes: by name.
        lines: what is one-dimensional.
        origin: where it comes from.
    """

    planes: dict[str, Plane]
    lines: RunLines
    origin: dict


def write(path: str | Path, planes: dict[str, Plane], lines: RunLines, origin: dict) -> None:
    """Write the whole surface of a run."""
    with files.create(path, "landscape", origin) as file:
        records.write(file.create_group("planes"), planes, _PLANE)
        records.write(file.create_group("lines"), lines, _LINES)


def read(path: str | Path) -> RunSurfaces:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with files.opened(path, "landscape") as file:
        planes = {name: records.read(group, Plane) for name, group in file["planes"].items()}
        return RunSurfaces(planes, records.read(file["lines"], RunLines), files.origin(file))
