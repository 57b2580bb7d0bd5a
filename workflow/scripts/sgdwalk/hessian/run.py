"""Curvature along a run: the Hessians of its checkpoints, and what neighbours have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.files import hdf5
from sgdwalk.fits.intervals import log_slope
from sgdwalk.hessian import file as hessian_file
from sgdwalk.hessian.eigenspaces import subspace_overlap
from sgdwalk.hessian.results import DATA

_ALONG = {
    "step": ("steps taken before the checkpoint", "step"),
    "overlap": ("overlap of the leading eigenspace with that of the next checkpoint", "1"),
    "variance_slope": ("exponent of variance against curvature over leading eigenvectors", "1"),
    "variance_slope_error": ("its standard error", "1"),
}


@dataclass(frozen=True)
class RunHessian:
    """Hessians at the C checkpoints of a run; nan where there is none.

    Attributes:
        step: (C,) steps taken before each checkpoint, increasing.
        status: C words, see ``sgdwalk.hessian.file.CheckpointHessian``.
        overlap: (C - 1,) overlap of leading eigenspaces of neighbours, 0 to 1.
        variance_slope: (C,) exponent of ``variance`` against ``eigenvalues``.
        variance_slope_error: (C,) its standard error.
        parameters: number of trainable parameters, P.
        samples: training samples the loss is the mean of.
        values: as in ``CheckpointHessian``, each with a first axis of C.
        origin: where the run and this measurement come from.
    """

    step: np.ndarray
    status: list[str]
    overlap: np.ndarray
    variance_slope: np.ndarray
    variance_slope_error: np.ndarray
    parameters: int
    samples: int
    values: dict[str, np.ndarray]
    origin: dict


def gather_checkpoints(checkpoints: Sequence, vectors: Sequence, origin: dict) -> RunHessian:
    """Bring the Hessians of a run together.

    Args:
        checkpoints: files of its checkpoints.
        vectors: files of their eigenvectors, in the same order.
        origin: where the result comes from.

    Raises:
        InputError: if a file is bad, or they are of different networks or settings.
    """
    read = [(hessian_file.read(path), path) for path in checkpoints]
    for found, path in read:
        same = {name: value.shape for name, value in found.values.items()}
        first = {name: value.shape for name, value in read[0][0].values.items()}
        if same != first or found.parameters != read[0][0].parameters:
            raise InputError(f"{path}: of another network or settings than {checkpoints[0]}")
    order = sorted(range(len(read)), key=lambda i: read[i][0].step)
    parts = [read[i][0] for i in order]
    values = {name: np.array([part.values[name] for part in parts]) for name in DATA}
    pairs = zip(values["eigenvalues"], values["variance"], strict=True)
    slopes = np.array([log_slope(*pair) for pair in pairs])
    return RunHessian(
        step=np.array([part.step for part in parts]),
        status=[part.status for part in parts],
        overlap=_overlaps([vectors[i] for i in order]),
        variance_slope=slopes[:, 0],
        variance_slope_error=slopes[:, 1],
        parameters=parts[0].parameters,
        samples=parts[0].samples,
        values=values,
        origin=origin,
    )


def _overlaps(paths: Sequence) -> np.ndarray:
    """(C - 1,), with no more than two sets of vectors in memory."""
    overlaps = []
    before = hessian_file.read_vectors(paths[0])
    for path in paths[1:]:
        after = hessian_file.read_vectors(path)
        both = before.shape[1] and after.shape[1]
        overlaps.append(subspace_overlap(before, after) if both else np.nan)
        before = after
    return np.array(overlaps)


def write(path: str | Path, result: RunHessian) -> None:
    """Write the Hessians of a run."""
    with hdf5.create(path, "run_hessian", result.origin) as file:
        file.attrs["status"] = result.status
        file.attrs["parameters"] = result.parameters
        file.attrs["samples"] = result.samples
        for name, (meaning, unit) in _ALONG.items():
            hdf5.put(file, name, getattr(result, name), meaning, unit)
        hessian_file.put_values(file, result.values)


def read(path: str | Path) -> RunHessian:
    """Read what ``write`` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "run_hessian") as file:
        return RunHessian(
            **{name: file[name][()] for name in _ALONG},
            status=[str(word) for word in file.attrs["status"]],
            parameters=int(file.attrs["parameters"]),
            samples=int(file.attrs["samples"]),
            values={name: file[name][()] for name in DATA},
            origin=hdf5.origin(file),
        )
