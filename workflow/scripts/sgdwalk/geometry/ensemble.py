"""What only several seeds of the same training can tell: ergodicity, pooled exponents, scatter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import student_mean
from sgdwalk.geometry.ageing import Ergodicity, ergodicity_breaking
from sgdwalk.geometry.anomalous_exponents import AnomalousExponents, pool_seeds
from sgdwalk.geometry.estimates import estimates
from sgdwalk.geometry.run import RunGeometry
from sgdwalk.geometry.window import WindowGeometry
from sgdwalk.recording.analysed_windows import analysed_windows
from sgdwalk.recording.trajectory import Trajectory

LAGS = 24  # at most, evenly spaced in the logarithm, up to a quarter of the window


@dataclass(frozen=True)
class WindowEnsemble:
    """The same window in several runs that differ by their seed.

    Of an exponent or another number only the runs count that have it. Ergodicity needs three runs,
    pooled exponents two.
    """

    length: Annotated[int, "recorded positions"]
    stride: Annotated[int, "optimizer steps between recorded positions", "step"]
    start: Annotated[int, "optimizer steps taken before the first position", "step"]
    seeds: Annotated[int, "runs with this window"]
    ergodicity: Annotated[Ergodicity | None, "ergodicity breaking over the runs, by lag"]
    exponents: Annotated[AnomalousExponents | None, "mean of the exponents over seeds"]
    estimates: Annotated[
        dict[str, Estimate], "mean over seeds, with the interval from their scatter"
    ]
    missing: Annotated[dict[str, str], "why this part could not be had"]


@dataclass(frozen=True)
class SeedEnsemble:
    """Windows that runs of the same training have in common, by stride, then length, then start.

    A run that diverged before the end of a window is not in it.
    """

    windows: tuple[WindowEnsemble, ...]
    origin: dict[str, Any] = field(default_factory=dict)


def analyse(runs: Sequence[RunGeometry], walks: Sequence[Trajectory]) -> SeedEnsemble:
    """Compare every window that two or more runs of the same training have in common.

    Args:
        runs: geometry of each run.
        walks: their records, in the same order.

    Raises:
        InputError: if geometry and record of a run do not belong together.
    """
    found: dict[tuple[int, int, int], list[tuple[WindowGeometry, np.ndarray]]] = {}
    for run, walk in zip(runs, walks, strict=True):
        recorded = analysed_windows(walk)
        if len(run.windows) != len(recorded):
            raise InputError(f"{walk.path}: not the record that the geometry was made of")
        for window, record in zip(run.windows, recorded, strict=True):
            if window.stride is None:
                continue
            place = (window.stride, window.length, window.start)
            found.setdefault(place, []).append((window, record.gram))
    members = [found[place] for place in sorted(found) if len(found[place]) > 1]
    return SeedEnsemble(
        tuple(ensemble_window([w for w, _ in pairs], [g for _, g in pairs]) for pairs in members)
    )


def ensemble_window(
    windows: Sequence[WindowGeometry], grams: Sequence[np.ndarray]
) -> WindowEnsemble:
    """Compare one window of several runs.

    Args:
        windows: its geometry in each run; of one length, stride and start.
        grams: (T-1, T-1) inner products of its increments in each run.

    Raises:
        InputError: if windows are not the same, or are not as many as Gram matrices.
    """
    kinds = {(w.length, w.stride, w.start) for w in windows}
    if len(kinds) != 1 or len(windows) != len(grams):
        raise InputError(f"ensemble: windows {sorted(kinds)} and {len(grams)} Gram matrices")
    length, stride, start = kinds.pop()
    if stride is None:
        raise InputError("ensemble: positions unequally spaced; allowed: equally spaced ones")
    missing: dict[str, str] = {}
    dimensions = [w.modes.dimension for w in windows if w.modes is not None]
    records_apart = np.unique(np.geomspace(1, max(length // 4, 1), LAGS).round().astype(int))
    ergodicity = pooled = None
    try:
        ergodicity = ergodicity_breaking(
            grams,
            (records_apart * stride).tolist(),
            stride,
            float(np.mean(dimensions)) if dimensions else 1.0,
        )
    except InputError as error:
        missing["ergodicity"] = str(error)
    try:
        pooled = pool_seeds([w.exponents for w in windows if w.exponents is not None])
    except InputError as error:
        missing["exponents"] = str(error)
    return WindowEnsemble(
        length=length,
        stride=stride,
        start=start,
        seeds=len(windows),
        ergodicity=ergodicity,
        exponents=pooled,
        estimates=_across(windows),
        missing=missing,
    )


def _across(windows: Sequence[WindowGeometry]) -> dict[str, Estimate]:
    values: dict[str, list[float]] = {}
    for window in windows:
        for name, estimate in estimates(window).items():
            if np.isfinite(estimate.value):
                values.setdefault(name, []).append(estimate.value)
    return {name: student_mean(found) for name, found in values.items()}
