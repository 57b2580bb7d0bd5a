"""The walker's part of a study: its ensembles and the points of its sweeps, by terrain."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planning.schema import complete, config_schema, suggestion
from planning.settings import Settings
from sgdwalk.errors import InputError

# What makes a terrain, beside its kind and its seed, and the library's own defaults.
_TERRAIN = {"H": None, "size": 1025}
_WALK = ("learning_rate", "noise", "seed", "steps", "walkers")
_WITH_H = ("fractal", "shuffled", "spectral")


@dataclass(frozen=True)
class Ensemble:
    """One ensemble.

    Attributes:
        kind: of the terrain, or the path of its grid.
        settings: of the walk, and the size of a terrain that is made by name.
        grid: the file of one that is not, or nothing.
    """

    kind: str
    settings: Settings
    grid: list[str]


@dataclass(frozen=True)
class Sweep:
    """All points of all sweeps on one terrain.

    Attributes:
        terrain: its kind and parameters.
        points: settings of each walk.
    """

    terrain: dict[str, Any]
    points: list[Settings] = field(default_factory=list)


@dataclass(frozen=True)
class Walkers:
    """Ensembles and sweeps by name of terrain, as in the names of their files.

    Attributes:
        ensembles: one per terrain.
        sweeps: points by terrain.
    """

    ensembles: dict[str, Ensemble]
    sweeps: dict[str, Sweep]


def read_walkers(settings: Settings) -> Walkers:
    """Expand the ``walker`` section of a checked config.

    Args:
        settings: the section, with defaults filled in.

    Raises:
        InputError: one line with the first thing that is wrong.
    """
    schema = config_schema()
    point_schema = schema["$defs"]["walker_point"]
    kinds = point_schema["properties"]["kind"]["enum"]
    ensembles: dict[str, Ensemble] = {}
    for number, kind in enumerate(settings["terrains"]):
        where = f"walker.terrains[{number}]"
        keys: tuple[str, ...]
        grid: list[str]
        if kind in kinds:
            name, keys, grid = kind, (*_WALK, "size"), []
            _check_size(kind, settings["size"], "walker.size")
        elif kind.endswith(".npy"):
            name, keys, grid = re.sub(r"[^A-Za-z0-9._+-]", ".", Path(kind).stem), _WALK, [kind]
        else:
            near = suggestion(kind, kinds)
            raise InputError(f"{where}: {kind!r}{near}, or the path of a .npy file")
        if name in ensembles:
            raise InputError(f"{where}: {kind!r}; allowed: every terrain once, by its own name")
        if grid and not Path(kind).is_file():
            raise InputError(f"{where}: no file {kind!r}; allowed: the path of a .npy file")
        ensembles[name] = Ensemble(kind, settings.only(keys), grid)
    sweeps: dict[str, Sweep] = {}
    for number, axes in enumerate(settings["sweeps"]):
        where = f"walker.sweeps[{number}]"
        for point in _expand(axes, point_schema, where, settings):
            point = complete(point, point_schema, schema, where)
            terrain = _terrain(point, where)
            sweep = sweeps.setdefault(_name(terrain), Sweep(terrain))
            walk = Settings(point, point_schema, schema).only(_WALK)
            if walk not in sweep.points:
                sweep.points.append(walk)
    return Walkers(ensembles, sweeps)


def _expand(
    grid: Mapping[str, Any], schema: Mapping[str, Any], where: str, settings: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The product of all lists of a sweep; what it leaves out is as for the ensembles."""
    for key, value in grid.items():
        if key not in schema["properties"]:
            raise InputError(
                f"{where}: unknown key '{key}'{suggestion(key, list(schema['properties']))}"
            )
        if isinstance(value, list) and not value:
            raise InputError(f"{where}.{key}: an empty list; allowed: a value or a list of values")
    axes = {**{key: settings[key] for key in _WALK}, **grid}
    lists = [value if isinstance(value, list) else [value] for value in axes.values()]
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*lists)]


def _terrain(point: Mapping[str, Any], where: str) -> dict[str, Any]:
    kind, H = point["kind"], point["H"]
    _check_size(kind, point["size"], f"{where}.size")
    if kind not in _WITH_H and H is not None:
        raise InputError(f"{where}.H: {H}; allowed: nothing for {kind}, it has no such exponent")
    if kind == "spectral" and H == 1:
        raise InputError(f"{where}.H: {H}; allowed for spectral: a number below 1")
    given = {"kind": kind, "size": point["size"]}
    return given if H is None else {**given, "H": H}


def _check_size(kind: str, size: int, where: str) -> None:
    if kind in ("fractal", "shuffled") and (size - 1) & (size - 2):
        raise InputError(f"{where}: {size}; allowed for {kind}: a power of two plus one")


def _name(terrain: Mapping[str, Any]) -> str:
    """Kind, and every parameter that differs from the library's default, in order."""
    parts = [
        f"{key}{terrain[key]:g}"
        for key, default in _TERRAIN.items()
        if terrain.get(key, default) != default
    ]
    return "-".join([terrain["kind"], *parts])
