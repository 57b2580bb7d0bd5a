"""A plane of values as a VTK file, for ParaView and its like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.files.atomic import written


def write_plane(
    path: str | Path, title: str, x: np.ndarray, y: np.ndarray, values: Mapping[str, np.ndarray]
) -> None:
    """Write values on a rectangular grid in the plane z = 0, as a legacy binary VTK file.

    In ParaView *Warp By Scalar* makes the surface. Double precision; values that are not finite
    are written as they are.

    Args:
        path: the file to make.
        title: one line about the content; VTK reads 255 characters of it.
        x: (nx,) coordinates along the first axis, ascending.
        y: (ny,) the same along the second.
        values: (ny, nx) arrays by name; names without blanks.

    Raises:
        InputError: if shapes do not match, or the title or a name cannot be written.

    Source: VTK User's Guide, "VTK File Formats", simple legacy formats, version 3.0.
    """
    shape = (len(y), len(x))
    if "\n" in title:
        raise InputError("VTK: the title must be one line")
    for name, array in values.items():
        if np.shape(array) != shape or not name or len(name.split()) != 1:
            raise InputError(
                f"VTK: {name!r} of shape {np.shape(array)}; must be {shape}, no blanks"
            )
    with written(path) as temporary, open(temporary, "wb") as file:
        file.write(f"# vtk DataFile Version 3.0\n{title[:255]}\n".encode())
        file.write(b"BINARY\nDATASET RECTILINEAR_GRID\n")
        file.write(f"DIMENSIONS {len(x)} {len(y)} 1\n".encode())
        for axis, coordinates in (("X", x), ("Y", y), ("Z", [0.0])):
            file.write(f"{axis}_COORDINATES {len(coordinates)} double\n".encode())
            file.write(_bytes(coordinates))
        if values:
            file.write(f"POINT_DATA {len(x) * len(y)}\n".encode())
        for name, array in values.items():
            file.write(f"SCALARS {name} double 1\nLOOKUP_TABLE default\n".encode())
            file.write(_bytes(array))


def _bytes(array: ArrayLike) -> bytes:
    """Big-endian doubles, the first axis of VTK (x) fastest, and the line's end."""
    return np.ascontiguousarray(array, dtype=">f8").tobytes() + b"\n"
