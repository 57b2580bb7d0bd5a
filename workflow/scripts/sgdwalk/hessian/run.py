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
    overlaps = _overlaps([vectors[i] for i in order])
    return RunHessian(
        **values,
        parameters=parts[0].parameters,
        samples=parts[0].samples,
        step=np.array([part.step for part in parts]),
        missing={str(p.step): p.missing["hessian"] for p in parts if "hessian" in p.missing},
        undefined=_undefined(parts, slopes[:, 0], overlaps),
        overlap=overlaps,
        variance_slope=slopes[:, 0],
        variance_slope_error=slopes[:, 1],
    )


def _undefined(
    parts: Sequence[CheckpointHessian], slopes: np.ndarray, overlaps: np.ndarray
) -> dict[str, str]:
    """Why numbers are not finite, by name: the steps of each reason, and the reason.

    "Every step" is every one that has a Hessian.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for part, slope in zip(parts, slopes, strict=True):
        if "hessian" in part.missing:
            continue
        reasons = dict(part.missing)
        if not np.isfinite(slope):
            reasons["variance_slope"] = (
                "fewer than three leading eigenvectors with a positive eigenvalue and variance"
            )
        for name, why in reasons.items():
            found.setdefault(name, {}).setdefault(why, []).append(str(part.step))
    why = "no eigenvectors at this step or at the next"
    for part, overlap in zip(parts, overlaps, strict=False):
        if not np.isfinite(overlap):
            found.setdefault("overlap", {}).setdefault(why, []).append(str(part.step))
    present = sum("hessian" not in part.missing for part in parts)

    def said(steps: list[str], why: str) -> str:
        where = "every step" if len(steps) == present > 1 else "step " + ", ".join(steps)
        return f"{where}: {why}"

    return {
        name: "; ".join(said(steps, why) for why, steps in reasons.items())
        for name, reasons in found.items()
    }


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
