"""The Hessian at one checkpoint as a file, and its leading eigenvectors as another."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from sgdwalk.files import hdf5
from sgdwalk.hessian.results import DATA, CheckpointHessian


def write(path: str | Path, result: CheckpointHessian, origin: dict) -> None:
    """Write the Hessian at a checkpoint."""
    with hdf5.create(path, "hessian", origin) as file:
        for name in ("step", "status", "parameters", "samples"):
            file.attrs[name] = getattr(result, name)
        put_values(file, result.values)


def read(path: str | Path) -> CheckpointHessian:
    """Read what ``write`` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "hessian") as file:
        return CheckpointHessian(
            step=int(file.attrs["step"]),
            status=str(file.attrs["status"]),
            parameters=int(file.attrs["parameters"]),
            samples=int(file.attrs["samples"]),
            values={name: file[name][()] for name in DATA},
        )


def put_values(group: h5py.Group, values: dict[str, np.ndarray]) -> None:
    """Store values by the names in ``DATA`` with their meanings and units."""
    for name, (meaning, unit) in DATA.items():
        hdf5.put(group, name, values[name], meaning, unit)


def write_vectors(path: str | Path, vectors: np.ndarray, origin: dict) -> None:
    """Write eigenvectors, (P, k); k is 0 where there are none."""
    with hdf5.create(path, "eigenvectors", origin) as file:
        hdf5.put(file, "eigenvectors", vectors.T, "leading eigenvectors, one per row")


def read_vectors(path: str | Path) -> np.ndarray:
    """Eigenvectors as columns, (P, k).

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "eigenvectors") as file:
        return file["eigenvectors"][()].T
