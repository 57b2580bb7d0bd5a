"""Dataclasses whose fields say what they hold, as groups of an HDF5 file.

A field is annotated with its meaning and its unit, `Annotated[np.ndarray, "lags of msd", "step"]`;
without a unit it is a pure number.
"""

from __future__ import annotations

from typing import Any, TypeVar, get_args, get_type_hints

import h5py
import numpy as np

from sgdwalk.files import hdf5

Record = TypeVar("Record")


def write(group: h5py.Group, record: Any) -> None:
    """Store every field of a described dataclass as a dataset of its name."""
    for name, hint in get_type_hints(type(record), include_extras=True).items():
        hdf5.put(group, name, getattr(record, name), *get_args(hint)[1:])


def read(group: h5py.Group, kind: type[Record]) -> Record:
    """Read a described dataclass back: scalars as Python numbers, the rest as arrays."""
    values = {}
    for name in get_type_hints(kind):
        value = group[name][()]
        values[name] = value if isinstance(value, np.ndarray) else value.item()
    return kind(**values)
