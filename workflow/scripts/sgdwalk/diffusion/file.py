"""The analysis of a run's windows as a file: written by one job, read by tables and figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from sgdwalk.diffusion.window import WindowDiffusion
from sgdwalk.files import hdf5
from sgdwalk.recording.trajectory import Trajectory, Window

EXPONENTS = ("exponent_short", "exponent_max", "exponent_long", "crossover_lag")
_CURVES = {
    "lags": ("lags of msd and its nulls", "step"),
    "msd": ("time-averaged mean squared displacement", "parameter^2"),
    "squared_displacement": ("squared distance from the first position", "parameter^2"),
    "local_lags": ("lags of local_exponent", "step"),
    "local_exponent": ("smoothed slope of log msd by log lag", "1"),
    "shuffled_mean": ("mean msd of the same increments in random order", "parameter^2"),
    "shuffled_low": ("2.5 % quantile of that msd", "parameter^2"),
    "shuffled_high": ("97.5 % quantile of that msd", "parameter^2"),
    "drift_lags": ("lags of drift_removed", "step"),
    "drift_removed": ("msd without the mean drift, corrected for the bridge", "parameter^2"),
    "fit_lags": ("lags that were fitted", "step"),
    "fitted": ("fitted msd at fit_lags", "parameter^2"),
    "segments": ("exponent, its low and high end, first and last lag of each regime", "1; step"),
    "shorter": ("largest lag; first, largest, last exponent of fits to fewer lags", "step; 1"),
}


@dataclass(frozen=True)
class DiffusionRecord:
    """Diffusion of one window as read from a file.

    Attributes:
        length: positions of the window.
        stride: steps between them.
        start: steps taken before the first.
        curves: arrays by name, see the meanings stored in the file.
        exponents: (value, low, high) by name, nan where undefined.
        effective_dimension: of the walk in this window.
    """

    length: int
    stride: int
    start: int
    curves: dict[str, np.ndarray]
    exponents: dict[str, tuple[float, float, float]]
    effective_dimension: float


@dataclass(frozen=True)
class RunDiffusion:
    """Diffusion of all windows of one run.

    Attributes:
        windows: by stride, then length, then start.
        diverged_at: step whose loss was not finite, or None.
        origin: where the run and this analysis come from.
    """

    windows: list[DiffusionRecord]
    diverged_at: int | None
    origin: dict


def write(path: str | Path, trajectory: Trajectory, origin: dict, analyse) -> None:
    """Analyse every window of a trajectory into a file.

    Args:
        path: the file to make.
        trajectory: its windows are analysed one at a time.
        origin: where the file comes from.
        analyse: called with a window, returns its ``WindowDiffusion``.
    """
    with hdf5.create(path, "diffusion", origin) as file:
        diverged = trajectory.diverged_at
        file.attrs["diverged_at"] = -1 if diverged is None else diverged
        group = file.create_group("windows")
        for number, window in enumerate(trajectory.windows):
            _write_window(group.create_group(f"{number:05d}"), window, analyse(window))


def _write_window(group: h5py.Group, window: Window, result: WindowDiffusion) -> None:
    for name in ("length", "stride", "start"):
        group.attrs[name] = getattr(window, name)
    group.attrs["effective_dimension"] = result.effective_dimension
    for name, (meaning, unit) in _CURVES.items():
        hdf5.put(group, name, getattr(result, name), meaning, unit)
    for name in EXPONENTS:
        value = getattr(result.regimes, name)
        low, high = getattr(result.regimes, f"{name}_interval")
        unit = "step" if name == "crossover_lag" else "1"
        hdf5.put(group, name, [value, low, high], f"{name}, its low and high end", unit)


def read(path: str | Path) -> RunDiffusion:
    """Read what ``write`` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "diffusion") as file:
        diverged = int(file.attrs["diverged_at"])
        windows = [_read_window(file["windows"][name]) for name in sorted(file["windows"])]
        return RunDiffusion(windows, None if diverged < 0 else diverged, hdf5.origin(file))


def _read_window(group: h5py.Group) -> DiffusionRecord:
    return DiffusionRecord(
        *(int(group.attrs[name]) for name in ("length", "stride", "start")),
        curves={name: group[name][()] for name in _CURVES},
        exponents={name: tuple(group[name][()].tolist()) for name in EXPONENTS},
        effective_dimension=float(group.attrs["effective_dimension"]),
    )
