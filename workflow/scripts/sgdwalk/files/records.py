"""Results as HDF5 files: dataclasses whose fields say once what they hold and in which unit.

    msd: Annotated[np.ndarray, "(T-1,) time-averaged mean squared displacement", "parameter^2"]

The name of a field is that of its dataset; without a unit it is a pure number. A dataclass or a
mapping becomes a group, a tuple of dataclasses a group of numbered ones, a row (an `Estimate`, a
`PowerLaw`: what has a text ``ROW``) one dataset of its numbers, a tuple of rows one dataset with a
line for each, a tuple of dataclasses that have ``COLUMNS`` (the type to store whole numbers in) a
group with one dataset for each of their fields. What is `None` is left out and read back as `None`;
why it is not there stands in the mapping ``missing`` of the result that it is missing from. A field
``origin`` is the file's own.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import h5py
import numpy as np

from sgdwalk.files import hdf5
from sgdwalk.fits.estimate import Estimate

T = TypeVar("T")


@dataclass(frozen=True)
class Unit:
    """Units of the fields of a dataclass that is used for more than one quantity, by name.

    contour_by_lag: Annotated[PathCurve, "contour length against lag", Unit(abscissa="step")]
    """

    by_name: Mapping[str, str]

    def __init__(self, **by_name: str):
        object.__setattr__(self, "by_name", by_name)


@dataclass(frozen=True)
class _Field:
    """What is declared of a field: its bare type, meaning and unit, or units of inner fields."""

    name: str
    kind: Any
    meaning: str | None
    unit: str
    inner: Mapping[str, str]
    optional: bool = False


def write_file(path: str | Path, kind: str, result: Any, origin: Mapping[str, Any]) -> None:
    """Write a result as a file of a kind.

    Args:
        path: the file's place.
        kind: one word, see `hdf5.create`.
        result: a dataclass.
        origin: where it comes from.

    Raises:
        KeyError: if a field has no meaning; that is a mistake of the program.
    """
    with hdf5.create(path, kind, origin) as file:
        write(file, result)


def read_file(path: str | Path, kind: str, result: type[T]) -> T:
    """Read a result back that `write_file` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, kind) as file:
        return read(file, result, hdf5.origin(file))


def write(group: h5py.Group, record: Any, units: Mapping[str, str] | None = None) -> None:
    """Store every field of a dataclass in a group.

    Args:
        group: where to.
        record: arrays, numbers, texts, rows, and dataclasses, mappings and tuples of them.
        units: instead of those that the fields declare, by name.

    Raises:
        KeyError: if a field has no meaning; that is a mistake of the program.
    """
    for field in _declared(type(record)):
        unit = (units or {}).get(field.name, field.unit)
        _write(group, field.name, getattr(record, field.name), field, unit)


def read(group: h5py.Group, kind: type[T], origin: Mapping[str, Any] | None = None) -> T:
    """Read a dataclass back that `write` stored.

    Args:
        group: where from.
        kind: the dataclass.
        origin: value of its field of that name, if it has one.

    Raises:
        KeyError: if a field that cannot be `None` is not there; a reader of files makes one line
            of it.
    """
    values = {}
    for field in _declared(kind):
        if not field.optional and field.name not in group:
            raise KeyError(f"{group.name}: no {field.name}")
        values[field.name] = _read(group.get(field.name), field.kind)
    if "origin" in typing.get_type_hints(kind):
        values["origin"] = dict(origin or {})
    return kind(**values)


def write_columns(group: h5py.Group, rows: Sequence[Any], kind: type, whole: type = int) -> None:
    """Store dataclasses of numbers, texts and estimates as one dataset per field.

    An estimate has three: its value and, with ``_low`` and ``_high``, its ends. Whole numbers
    are stored as `whole`, but for a column with a `None`, which is nan.
    """
    for field in _declared(kind):
        values = [getattr(row, field.name) for row in rows]
        if field.meaning is None:
            raise KeyError(f"{field.name}: no meaning is given for this column")
        if field.kind is Estimate:
            for end, said in (("value", ""), ("low", "low end of "), ("high", "high end of ")):
                name = field.name if end == "value" else f"{field.name}_{end}"
                column = np.array([getattr(value, end) for value in values], float)
                hdf5.put(group, name, column, said + field.meaning, field.unit)
        elif field.kind is str:
            column = np.array(values, h5py.string_dtype())
            hdf5.put(group, field.name, column, field.meaning, field.unit)
        else:
            stored = whole if field.kind is int and None not in values else float
            column = np.array([np.nan if v is None else v for v in values], stored)
            hdf5.put(group, field.name, column, field.meaning, field.unit)


def read_columns(group: h5py.Group, kind: type[T]) -> tuple[T, ...]:
    """Read rows back that `write_columns` stored; whole numbers as such, nan as `None`."""
    columns: dict[str, list[Any]] = {}
    for field in _declared(kind):
        if field.kind is Estimate:
            names = (field.name, f"{field.name}_low", f"{field.name}_high")
            ends = (group[name][()].tolist() for name in names)
            columns[field.name] = [Estimate(*values) for values in zip(*ends, strict=True)]
        elif field.kind is str:
            columns[field.name] = group[field.name].asstr()[()].tolist()
        else:
            whole = field.kind is int
            columns[field.name] = [
                (None if value != value else int(value)) if whole else value
                for value in group[field.name][()].tolist()
            ]
    return tuple(
        kind(**dict(zip(columns, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    )


def _write(group: h5py.Group, name: str, value: Any, field: _Field, unit: str) -> None:
    if value is None:
        return
    if hasattr(value, "ROW"):
        _put(group, name, np.array(_numbers(value)), field, unit, value.ROW)
    elif isinstance(value, tuple) and hasattr(_item(field.kind), "ROW"):
        kind = _item(field.kind)
        rows = np.array([_numbers(item) for item in value]).reshape(-1, _width(kind))
        _put(group, name, rows, field, unit, kind.ROW)
    elif isinstance(value, tuple) and _item(field.kind) is str:
        _put(group, name, np.array(value, h5py.string_dtype()), field, unit)
    elif isinstance(value, tuple) and hasattr(_item(field.kind), "COLUMNS"):
        kind = _item(field.kind)
        write_columns(_group(group, name, field), value, kind, kind.COLUMNS)
    elif is_dataclass(value):
        write(_group(group, name, field), value, field.inner)
    elif isinstance(value, Mapping | tuple):
        inner = _group(group, name, field)
        kind = _item(field.kind)
        for key, item in _items(value):
            _write(inner, key, item, _Field(key, kind, field.meaning, unit, field.inner), unit)
    else:
        _put(group, name, _text(value), field, unit)


def _put(
    group: h5py.Group, name: str, data: Any, field: _Field, unit: str, row: str | None = None
) -> None:
    """Store one dataset of a field with its meaning.

    Raises:
        KeyError: if the field has none.
    """
    if field.meaning is None:
        raise KeyError(f"{group.name}/{name}: no meaning is given for this dataset")
    hdf5.put(group, name, data, f"{field.meaning}: {row}" if row else field.meaning, unit)


def _text(value: Any) -> Any:
    return np.array(value, h5py.string_dtype()) if isinstance(value, str) else value


def _group(group: h5py.Group, name: str, field: _Field) -> h5py.Group:
    inner = group.create_group(name)
    if field.meaning is not None:
        inner.attrs["meaning"] = field.meaning
    return inner


def _items(value: Mapping[str, Any] | tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    else:
        yield from ((f"{number:05d}", item) for number, item in enumerate(value))


def _read(stored: h5py.Group | h5py.Dataset | None, kind: Any) -> Any:
    if stored is None:
        return None
    origin, item = typing.get_origin(kind), _item(kind)
    if origin is tuple:
        if hasattr(item, "ROW"):
            return tuple(_row(item, line) for line in stored[()].tolist())
        if hasattr(item, "COLUMNS"):
            return read_columns(stored, item)
        if item is str:
            return tuple(stored.asstr()[()].tolist())
        return tuple(_read(stored[name], item) for name in sorted(stored))
    if origin is dict:
        return {name: _read(inner, item) for name, inner in stored.items()}
    if hasattr(kind, "ROW"):
        return _row(kind, stored[()].tolist())
    if is_dataclass(kind) and isinstance(kind, type):
        return read(stored, kind)
    if kind is str:
        return stored.asstr()[()]
    value = stored[()]
    return value if isinstance(value, np.ndarray) else value.item()


def _item(kind: Any) -> Any:
    """Type of the items of a tuple or of the values of a mapping."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        return _bare(arguments[0])
    return _bare(arguments[1]) if typing.get_origin(kind) is dict else None


def _numbers(row: Any) -> list[float]:
    """Numbers of a row, those of an inner row in its place."""
    numbers: list[float] = []
    for field in fields(row):
        value = getattr(row, field.name)
        numbers += _numbers(value) if hasattr(value, "ROW") else [float(value)]
    return numbers


def _row(kind: Any, numbers: Sequence[float]) -> Any:
    left, values = list(numbers), []
    for field in fields(kind):
        inner = _bare(_hints(kind)[field.name])
        if hasattr(inner, "ROW"):
            width = _width(inner)
            values.append(_row(inner, left[:width]))
            del left[:width]
        else:
            values.append(int(left.pop(0)) if inner is int else left.pop(0))
    return kind(*values)


def _width(kind: Any) -> int:
    inner = [_bare(_hints(kind)[field.name]) for field in fields(kind)]
    return sum(_width(i) if hasattr(i, "ROW") else 1 for i in inner)


_HINTS: dict[Any, dict[str, Any]] = {}


def _hints(kind: Any) -> dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = typing.get_type_hints(kind, include_extras=True)
    return _HINTS[kind]


def _declared(kind: Any) -> list[_Field]:
    return [
        _field(field.name, _hints(kind)[field.name])
        for field in fields(kind)
        if field.name != "origin"
    ]


def _field(name: str, hint: Any) -> _Field:
    said = _said(hint)
    unit = next((s for s in said[1:] if isinstance(s, str)), "1")
    inner = next((s.by_name for s in said if isinstance(s, Unit)), {})
    return _Field(name, _bare(hint), said[0] if said else None, unit, inner, _optional(hint))


def _said(hint: Any) -> tuple[Any, ...]:
    """What an annotation adds to a type, which may also be `None`."""
    if typing.get_origin(hint) is Annotated:
        return hint.__metadata__
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next((found for part in typing.get_args(hint) if (found := _said(part))), ())
    return ()


def _optional(hint: Any) -> bool:
    """Whether a type may be `None`, inside an annotation too."""
    if typing.get_origin(hint) is Annotated:
        return _optional(typing.get_args(hint)[0])
    return type(None) in typing.get_args(hint)


def _bare(hint: Any) -> Any:
    """A type without what annotations add, and without `None`."""
    if typing.get_origin(hint) is Annotated:
        return _bare(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _bare(next(part for part in typing.get_args(hint) if part is not type(None)))
    return hint
