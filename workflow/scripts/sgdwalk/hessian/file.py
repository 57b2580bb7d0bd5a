"""Hessians as files: of one checkpoint, its leading eigenvectors, and of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from sgdwalk.files import records
from sgdwalk.hessian.results import CheckpointHessian, RunHessian


@dataclass(frozen=True)
class _Vectors:
    eigenvectors: Annotated[np.ndarray, "(k, P) leading eigenvectors, one per row"]


def write(path: str | Path, result: CheckpointHessian, origin: Mapping[str, Any]) -> None:
    """Write the Hessian at a checkpoint."""
    records.write_file(path, "hessian", result, origin)


def read(path: str | Path) -> CheckpointHessian:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "hessian", CheckpointHessian)


def write_vectors(path: str | Path, vectors: np.ndarray, origin: Mapping[str, Any]) -> None:
    """Write eigenvectors, (P, k); k is 0 where there are none."""
    records.write_file(path, "eigenvectors", _Vectors(vectors.T), origin)


def read_vectors(path: str | Path) -> np.ndarray:
    """Eigenvectors as columns, (P, k).

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "eigenvectors", _Vectors).eigenvectors.T


def write_run(path: str | Path, result: RunHessian, origin: Mapping[str, Any]) -> None:
    """Write the Hessians of a run."""
    records.write_file(path, "run_hessian", result, origin)


def read_run(path: str | Path) -> RunHessian:
    """Read what `write_run` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    return records.read_file(path, "run_hessian", RunHessian)
