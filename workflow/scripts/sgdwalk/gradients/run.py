"""All gradient statistics of one run, from its trajectory and its noise at fixed weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan
from typing import Annotated, Any

import numpy as np

from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.loss_avalanches import loss_increments
from sgdwalk.gradients.along_walk import (
    Gradients,
    Histogram,
    entries_draw,
    entries_record,
    gradients_between,
    histogram,
    layer_records,
    window_records,
)
from sgdwalk.gradients.fixed_weights import checkpoint_records
from sgdwalk.gradients.tail_record import TailRecord
from sgdwalk.noise.results import RunNoise
from sgdwalk.recording.analysed_windows import analysed_windows
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.window_families import first_family


@dataclass(frozen=True)
class RunGradients:
    """Gradient statistics of one run of S steps."""

    tails: tuple[TailRecord, ...]
    histograms: Annotated[
        dict[str, Histogram], "densities of entries: of the run, its first and its last window"
    ]
    absolute_increment: Annotated[np.ndarray, "(S-1,) |loss difference| of each step"]
    missing: Annotated[dict[str, str], "why this histogram could not be had"]
    diverged_at: Annotated[int | None, "step whose loss was not finite", "step"]
    origin: dict[str, Any] = field(default_factory=dict)

    def select(
        self, quantity: str, method: str = "likelihood", **defined: bool
    ) -> list[TailRecord]:
        """Tail indices of a quantity whose named fields are defined (True) or not (False)."""
        return [
            tail
            for tail in self.tails
            if (tail.quantity, tail.method) == (quantity, method)
            and all(_defined(getattr(tail, name)) == wanted for name, wanted in defined.items())
        ]


def _defined(value: str | float | Estimate | None) -> bool:
    if value is None or isinstance(value, str):
        return bool(value)
    return not isnan(float(value))


def analyse(trajectory: Trajectory, noise: RunNoise | None) -> RunGradients:
    """Take the gradient statistics of a run.

    Windows are those of the smallest stride, and of these the shortest. A run without a whole
    window has tail indices of the whole run and of its checkpoints only.

    Args:
        trajectory: of the run.
        noise: at the run's checkpoints; None where none was measured.
    """
    tails, histograms, missing = _walk(trajectory)
    if noise is not None:
        tails += _fixed_weights(noise)
    loss = _finite_start(trajectory.loss)
    increments = np.abs(loss_increments(loss)) if len(loss) > 2 else np.zeros(0)
    return RunGradients(tuple(tails), histograms, increments, missing, trajectory.diverged_at)


def _fixed_weights(noise: RunNoise) -> list[TailRecord]:
    tails: list[TailRecord] = []
    for i, step in enumerate(noise.step.tolist()):
        tails += checkpoint_records(
            step,
            noise.coordinate_noise[i],
            noise.noise_gram[i],
            float(noise.covariance_trace[i]),
            float(noise.mean_gradient_norm[i]),
            noise.missing.get(str(step), ""),
        )
    return tails


def _walk(trajectory: Trajectory) -> tuple[list[TailRecord], dict[str, Histogram], dict[str, str]]:
    """Tail indices and histograms of what was recorded along the walk; why some are missing."""
    windows, layers = _windows_of_steps(trajectory), trajectory.layers
    recorded, sizes = trajectory.gradients, np.array([size for _, size in layers])
    epochs, batch_size = trajectory.epochs, trajectory.batch_size

    def between(first: int, stop: int) -> Gradients:
        return gradients_between(recorded, epochs, sizes, first, stop, batch_size)

    whole = between(0, trajectory.steps)
    parts = [between(start, start + length * stride) for start, length, stride in windows]
    tails = [entries_record(whole, {})]
    for (start, length, stride), part in zip(windows, parts, strict=True):
        place = {"window_start": start, "window_length": length, "stride": stride}
        tails += window_records(part, place)
    tails += layer_records(parts or [whole], [name for name, _ in layers])
    shown = {"run": _histogram(whole)}
    missing = {}
    if parts:
        shown["first"] = _histogram(parts[0])
        shown["last"] = _histogram(parts[-1])
    else:
        missing = dict.fromkeys(("first", "last"), "no whole window was recorded")
    histograms = {name: density for name, density in shown.items() if density is not None}
    nothing = "no gradient entry is finite and not zero"
    missing |= dict.fromkeys(shown.keys() - histograms.keys(), nothing)
    return tails, histograms, missing


def _windows_of_steps(trajectory: Trajectory) -> list[tuple[int, int, int]]:
    """Start, length and stride of the windows in which steps were recorded."""
    if not trajectory.steps:
        return []
    windows = first_family(analysed_windows(trajectory))
    return [(w.start, w.length, w.stride) for w in windows if w.stride is not None]


def _histogram(gradients: Gradients) -> Histogram | None:
    return histogram(gradients.entries, entries_draw(gradients))


def _finite_start(loss: np.ndarray) -> np.ndarray:
    """Losses before the first that is not finite."""
    bad = np.flatnonzero(~np.isfinite(loss))
    return loss[: bad[0]] if bad.size else loss
