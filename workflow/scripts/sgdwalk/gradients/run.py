"""All gradient statistics of one run, from its trajectory and its noise at fixed weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sgdwalk.geometry.loss_avalanches import loss_increments, moving_variance
from sgdwalk.gradients import file as gradients_file
from sgdwalk.gradients.along_walk import (
    Gradients,
    Histogram,
    entries_mixture,
    histogram,
    layer_records,
    select,
    together,
    window_records,
)
from sgdwalk.gradients.fixed_weights import checkpoint_records
from sgdwalk.gradients.tail_record import TailRecord, likelihood_record
from sgdwalk.noise.file import RunNoise
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.window_families import first_family

MOVING_WINDOW = 100  # steps, as in the paper


def analyse_gradients(
    path: str | Path, trajectory: Trajectory, noise: RunNoise, origin: dict
) -> int:
    """Write the gradient statistics of a run.

    Windows are those of the smallest stride, and of these the shortest. A run without a whole
    window has rows of the whole run and of its checkpoints only.

    Args:
        path: the file to make.
        trajectory: of the run.
        noise: at the run's checkpoints.
        origin: where the file comes from.

    Returns:
        The number of tail indices written.
    """
    records, histograms = _walk(trajectory)
    for i, step in enumerate(noise.step.tolist()):
        records += checkpoint_records(
            step,
            noise.coordinate_noise[i],
            noise.noise_gram[i],
            float(noise.covariance_trace[i]),
            float(noise.mean_gradient_norm[i]),
        )
    loss = _finite_start(trajectory.loss)
    gradients_file.write(
        path,
        records,
        histograms,
        np.abs(loss_increments(loss)) if len(loss) > 2 else np.zeros(0),
        moving_variance(loss, MOVING_WINDOW) if len(loss) >= MOVING_WINDOW else np.zeros(0),
        MOVING_WINDOW,
        trajectory.diverged_at,
        origin,
    )
    return len(records)


def _walk(trajectory: Trajectory) -> tuple[list[TailRecord], dict[str, Histogram | None]]:
    """Tail indices and histograms of what was recorded along the walk."""
    windows = first_family(trajectory.windows)
    names, sizes = zip(*trajectory.layers, strict=True)
    recorded, sizes = trajectory.gradients, np.array(sizes)

    def between(first: int, stop: int) -> Gradients:
        return select(recorded, trajectory.epochs, sizes, first, stop)

    whole = between(0, trajectory.steps)
    parts = [between(w.start, w.start + w.length * w.stride) for w in windows]
    mixtures = [entries_mixture(part) for part in parts or [whole]]
    null = together(mixtures)
    records = [likelihood_record("entries", {}, whole.entries, null.null, power=True)]
    histograms = {"run": histogram(whole.entries, null)}
    for window, part in zip(windows, parts, strict=True):
        place = {"window_start": window.start, "window_length": window.length}
        records += window_records(part, {**place, "stride": window.stride})
    if parts:
        histograms["first"] = histogram(parts[0].entries, mixtures[0])
        histograms["last"] = histogram(parts[-1].entries, mixtures[-1])
    records += layer_records(parts or [whole], list(names))
    return records, histograms


def _finite_start(loss: np.ndarray) -> np.ndarray:
    """Losses before the first that is not finite."""
    bad = np.flatnonzero(~np.isfinite(loss))
    return loss[: bad[0]] if bad.size else loss
