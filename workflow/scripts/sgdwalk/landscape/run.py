"""The loss surface of a whole run: tiles of its planes joined, roughness of its lines measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.landscape.file import read_lines, read_tile
from sgdwalk.landscape.line_roughness import line_roughness
from sgdwalk.landscape.results import (
    CheckpointRoughness,
    FineLines,
    Plane,
    PlaneTile,
    RunLines,
    RunSurfaces,
    SurfaceValues,
)


def analyse(tiles: Mapping[str, Sequence[str | Path]], lines: str | Path) -> RunSurfaces:
    """Bring the loss surface of a run together.

    Args:
        tiles: files of the tiles of each plane, in order, by the name of the plane.
        lines: file of the run's lines.

    Raises:
        InputError: a missing or damaged file, or tiles that do not make up one plane.
    """
    planes = {name: join_tiles(paths) for name, paths in tiles.items()}
    return RunSurfaces(planes, with_roughness(read_lines(lines)))


def join_tiles(paths: Sequence[str | Path]) -> Plane:
    """Read all tiles of a plane, in order, and put them together.

    Raises:
        InputError: a missing or damaged file, or tiles that do not make up one plane.
    """
    tiles: list[PlaneTile] = []
    for number, path in enumerate(paths):
        tile = read_tile(path)
        first = tiles[0] if tiles else tile
        if (tile.tile, tile.tiles) != (number, len(paths)) or not _same(first.plane, tile.plane):
            raise InputError(
                f"{path}: tile {tile.tile} of {tile.tiles}, expected {number} of {len(paths)} "
                "of one plane; remake all tiles of it"
            )
        tiles.append(tile)
    plane = tiles[0].plane
    parts = [tile.plane.values for tile in tiles if tile.plane.values is not None]
    if plane.x is None or plane.y is None or not parts:
        return plane
    shape = (len(plane.y), len(plane.x))
    joined = {
        name: np.concatenate([part.arrays[name] for part in parts]).reshape(shape)
        for name in parts[0].arrays
    }
    return replace(plane, values=SurfaceValues(**joined))


def _same(a: Plane, b: Plane) -> bool:
    if a.x is None or a.y is None or b.x is None or b.y is None:
        return a.missing == b.missing
    return np.array_equal(a.x, b.x) and np.array_equal(a.y, b.y)


def with_roughness(lines: RunLines) -> RunLines:
    """Structure functions of all fine lines; lines that leave finite losses say so instead."""
    return replace(lines, roughness=tuple(_measured(item) for item in lines.roughness))


def _measured(lines: CheckpointRoughness) -> CheckpointRoughness:
    random, chord, spacing = lines.random, lines.chord, lines.spacing
    if random is None or chord is None or spacing is None:
        return lines
    if not all(np.isfinite(found.loss).all() for found in (random, chord)):
        why = "the loss is not finite everywhere on these lines"
        return CheckpointRoughness.without_lines(lines.step, why)

    def measured(found: FineLines) -> FineLines:
        rough = line_roughness(found.loss, spacing, found.rounding or 0.0)
        return replace(found, roughness=rough)

    return replace(lines, random=measured(random), chord=measured(chord))
