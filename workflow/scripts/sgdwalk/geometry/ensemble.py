"""What only several seeds of the same training can tell: ergodicity, pooled exponents, scatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.files import hdf5, records
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import interval
from sgdwalk.geometry.ageing import Ergodicity, ergodicity_breaking
from sgdwalk.geometry.anomalous_exponents import AnomalousExponents, pool_seeds
from sgdwalk.geometry.estimates import estimates
from sgdwalk.geometry.file import RunGeometry
from sgdwalk.geometry.window import WindowGeometry
from sgdwalk.recording.trajectory import Trajectory

LAGS = 24  # at most, evenly spaced in the logarithm, up to a quarter of the window
_MEANINGS = {
    "*/length": ("recorded positions", "1"),
    "*/stride": ("optimizer steps between recorded positions", "step"),
    "*/start": ("optimizer steps taken before the first position", "step"),
    "*/seeds": ("runs with this window", "1"),
    "*/ergodicity/lag": ("lag", "step"),
    "*/ergodicity/breaking": ("ergodicity-breaking parameter EB", "1"),
    "*/ergodicity/low": ("low end of its 95 % interval", "1"),
    "*/ergodicity/high": ("high end of its 95 % interval", "1"),
    "*/ergodicity/brownian": ("EB of Brownian walks", "1"),
    "*/exponents/*": ("mean over seeds of the exponent", "1"),
    "*/estimates/*": ("mean over seeds, with the interval from their scatter", "1"),
    "*/missing/*": ("why this analysis could not be made", "1"),
}


@dataclass(frozen=True)
class WindowEnsemble:
    """The same window in several runs that differ by their seed.

    Attributes:
        length: recorded positions.
        stride: optimizer steps between them.
        start: steps taken before the first.
        seeds: runs that have the window.
        ergodicity: EB(lag); None with fewer than three.
        exponents: pooled Joseph, Noah and Moses; None where fewer than two runs have them.
        estimates: mean over seeds of every number of the geometry, with the 95 % Student interval
            of that mean; only runs that have the number count.
        missing: why an analysis could not be made, by its name.
    """

    length: int
    stride: int
    start: int
    seeds: int
    ergodicity: Ergodicity | None
    exponents: AnomalousExponents | None
    estimates: dict[str, Estimate]
    missing: dict[str, str]


def ensemble(runs: Sequence[RunGeometry], walks: Sequence[Trajectory]) -> list[WindowEnsemble]:
    """Compare every window that two or more runs of the same training have in common.

    Args:
        runs: geometry of each run.
        walks: their records, in the same order.

    Returns:
        Windows by stride, then length, then start; a run that diverged before the end of a window
        is not in it.

    Raises:
        InputError: if geometry and record of a run do not belong together.
    """
    found: dict[tuple[int, int, int], list[tuple[WindowGeometry, np.ndarray]]] = {}
    for run, walk in zip(runs, walks, strict=True):
        recorded = walk.windows
        if len(run.windows) != len(recorded):
            raise InputError(f"{walk.path}: not the record that the geometry was made of")
        for window, record in zip(run.windows, recorded, strict=True):
            place = (window.stride, window.length, window.start)
            found.setdefault(place, []).append((window, record.gram))
    members = [found[place] for place in sorted(found) if len(found[place]) > 1]
    return [ensemble_window(*map(list, zip(*pairs, strict=True))) for pairs in members]


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
        length, stride, start, len(windows), ergodicity, pooled, _across(windows), missing
    )


def _across(windows: Sequence[WindowGeometry]) -> dict[str, Estimate]:
    values: dict[str, list[float]] = {}
    for window in windows:
        for name, estimate in estimates(window).items():
            if np.isfinite(estimate.value):
                values.setdefault(name, []).append(estimate.value)
    return {name: _mean(np.array(found)) for name, found in values.items()}


def _mean(values: np.ndarray) -> Estimate:
    if len(values) < 2:
        return Estimate(float(values.mean()), np.nan, np.nan)
    error = values.std(ddof=1) / np.sqrt(len(values))
    return interval(float(values.mean()), float(error), len(values) - 1)


def write(path: str | Path, windows: Sequence[WindowEnsemble], origin: Mapping) -> None:
    """Write the windows of an ensemble as a file."""
    with hdf5.create(path, "ensemble", origin) as file:
        records.write(file.create_group("windows"), tuple(windows), _MEANINGS)


def read(path: str | Path) -> tuple[list[WindowEnsemble], dict]:
    """Read the windows of an ensemble, and where they come from.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "ensemble") as file:
        groups = file["windows"]
        windows = [records.read(groups[name], WindowEnsemble) for name in sorted(groups)]
        return windows, hdf5.origin(file)
