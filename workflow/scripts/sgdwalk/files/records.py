"""Nested dataclasses as groups of an HDF5 file, every dataset with its meaning and unit.

A dataclass and a dict become a group, a tuple of dataclasses a group of numbered ones, an estimate
and a power law one small dataset. What is `None` is left out and read back as `None`.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import astuple, fields, is_dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import h5py
import numpy as np

from sgdwalk.files import hdf5
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.power_law import PowerLaw

T = TypeVar("T")
Meanings = Mapping[str, tuple[str, str]]

_SMALL = {
    Estimate: "value, low and high end of its 95 % interval",
    PowerLaw: "exponent, its low and high end, prefactor, first and last abscissa, points",
}


def write(group: h5py.Group, record: Any, meanings: Meanings, path: str = "") -> None:
    """Store every field of a dataclass, or every item of a mapping, in a group.

    Args:
        group: where to.
        record: a dataclass or a mapping by name; of arrays, numbers, texts, estimates, power laws,
            tuples of power laws, and more such dataclasses, mappings and tuples of them.
        meanings: (meaning, unit) by pattern of a dataset's path below the first group, as in
            `fnmatch`; the first pattern that matches counts.
        path: of `group` below the first one.

    Raises:
        KeyError: if no pattern matches; a dataset without meaning is a mistake of the program.
    """
    for name, value in _items(record):
        below = f"{path}/{name}" if path else name
        if value is None:
            continue
        if type(value) in _SMALL or (isinstance(value, tuple) and _holds(value, PowerLaw)):
            kind, rows = _rows(value)
            meaning, unit = _meaning(meanings, below)
            hdf5.put(group, name, rows, f"{meaning}: {_SMALL[kind]}", unit)
        elif is_dataclass(value) or isinstance(value, Mapping | tuple):
            write(group.create_group(name), value, meanings, below)
        else:
            data = value.encode() if isinstance(value, str) else value
            hdf5.put(group, name, data, *_meaning(meanings, below))


def read(group: h5py.Group, kind: type[T]) -> T:
    """Read a dataclass back that `write` stored.

    Args:
        group: where from.
        kind: the dataclass; its annotations say what every field is.
    """
    hints = typing.get_type_hints(kind)
    return kind(**{f.name: _value(group.get(f.name), hints[f.name]) for f in fields(kind)})


def _items(record: Any) -> list[tuple[str, Any]]:
    if isinstance(record, Mapping):
        return list(record.items())
    if isinstance(record, tuple):
        return [(f"{number:05d}", value) for number, value in enumerate(record)]
    return [(field.name, getattr(record, field.name)) for field in fields(record)]


def _holds(values: tuple, kind: type) -> bool:
    return bool(values) and all(type(value) is kind for value in values)


def _rows(value: Any) -> tuple[type, np.ndarray]:
    if isinstance(value, tuple):
        return type(value[0]), np.array([astuple(item) for item in value], dtype=float)
    return type(value), np.array(astuple(value), dtype=float)


def _meaning(meanings: Meanings, path: str) -> tuple[str, str]:
    for pattern, said in meanings.items():
        if fnmatchcase(path, pattern):
            return said
    raise KeyError(f"{path}: no meaning is given for this dataset")


def _value(stored: h5py.Group | h5py.Dataset | None, hint: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):  # X | None
        hint = next(a for a in arguments if a is not type(None))
        return None if stored is None else _value(stored, hint)
    if origin is tuple and arguments[0] is PowerLaw:
        return tuple(_small(PowerLaw, row) for row in stored[()])
    if origin is tuple:
        return tuple(_value(stored[name], arguments[0]) for name in sorted(stored))
    if origin is dict:
        return {name: _value(item, arguments[1]) for name, item in stored.items()}
    if hint in _SMALL:
        return _small(hint, stored[()])
    if is_dataclass(hint):
        return read(stored, hint)
    value = stored[()]
    if hint is str:
        return value.decode()
    return value if isinstance(value, np.ndarray) else value.item()


def _small(kind: type, row: np.ndarray) -> Any:
    values = row.tolist()
    if kind is PowerLaw:
        values[-1] = int(values[-1])
    return kind(*values)
