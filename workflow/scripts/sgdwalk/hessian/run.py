"""The Hessians of a whole run, and what those of neighbouring checkpoints have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.intervals import log_slope
from sgdwalk.hessian import file as hessian_file
from sgdwalk.hessian.eigenspaces import subspace_overlap
from sgdwalk.hessian.results import CheckpointHessian, HessianValues, RunHessian

_SHARED = ("parameters", "samples")  # alike at all checkpoints
_STACKED = tuple(f.name for f in fields(HessianValues) if f.name not in _SHARED)


def analyse(checkpoints: Sequence[str | Path], vectors: Sequence[str | Path]) -> RunHessian:
    """Bring the Hessians of a run together.

    Args:
        checkpoints: files of its checkpoints.
        vectors: files of their eigenvectors, in the same order.

    Raises:
        InputError: if a file is bad, or they are of different networks or settings.
    """
    read = [hessian_file.read(path) for path in checkpoints]
    for found, path in zip(read, checkpoints, strict=True):
        if _shapes(found) != _shapes(read[0]) or found.parameters != read[0].parameters:
            raise InputError(f"{path}: of another network or settings than {checkpoints[0]}")
    order = sorted(range(len(read)), key=lambda i: read[i].step)
    parts = [read[i] for i in order]
    values: dict[str, Any] = {
        name: np.array([getattr(part, name) for part in parts]) for name in _STACKED
    }
    slopes = np.array([log_slope(part.eigenvalues, part.variance) for part in parts])
    return RunHessian(
        **values,
        parameters=parts[0].parameters,
        samples=parts[0].samples,
        step=np.array([part.step for part in parts]),
        missing={str(p.step): p.missing["hessian"] for p in parts if "hessian" in p.missing},
        overlap=_overlaps([vectors[i] for i in order]),
        variance_slope=slopes[:, 0],
        variance_slope_error=slopes[:, 1],
    )


def _shapes(result: CheckpointHessian) -> dict[str, tuple[int, ...]]:
    return {name: np.shape(getattr(result, name)) for name in _STACKED}


def _overlaps(paths: Sequence[str | Path]) -> np.ndarray:
    """(C - 1,), with no more than two sets of vectors in memory."""
    overlaps = []
    before = hessian_file.read_vectors(paths[0])
    for path in paths[1:]:
        after = hessian_file.read_vectors(path)
        both = before.shape[1] and after.shape[1]
        overlaps.append(subspace_overlap(before, after) if both else np.nan)
        before = after
    return np.array(overlaps)
