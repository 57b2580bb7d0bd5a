"""The geometry of a whole run: its windows one at a time, and what shows only across them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sgdwalk.geometry.ageing import Ageing, ageing
from sgdwalk.geometry.file import RunGeometry
from sgdwalk.geometry.loss_avalanches import moving_variance
from sgdwalk.geometry.window import LossNoise, analyse_window
from sgdwalk.noise.file import RunNoise
from sgdwalk.noise.floor import relative_error, variance_along
from sgdwalk.recording.trajectory import Trajectory, Window
from sgdwalk.recording.window_families import family_key


def analyse_run(
    trajectory: Trajectory,
    noise: RunNoise,
    fragments: Sequence[int] = (50, 100),
    components: int = 10,
    ageing_lags: Sequence[int] = (1, 10, 100),
    moving_window: int = 100,
    seed: int = 0,
) -> RunGeometry:
    """Analyse every window of a run, its ageing, and the variance of its loss.

    Args:
        trajectory: its record.
        noise: loss noise at its checkpoints.
        fragments: increments of the fragments whose transverse excursion is measured.
        components: principal components that are kept.
        ageing_lags: lags of the ageing, in steps; used in the families where they are whole numbers
            of records and no more than a quarter of the window.
        moving_window: steps of the moving variance of the loss.
        seed: of random fragments, subsamples and orders.
    """
    windows = trajectory.windows
    loss = trajectory.loss[np.isfinite(trajectory.loss)]
    enough = loss.size >= moving_window
    return RunGeometry(
        tuple(
            analyse_window(window, _noise(window, noise), fragments, components, seed)
            for window in windows
        ),
        _ageing(windows, ageing_lags),
        moving_variance(loss, moving_window) if enough else np.zeros(0),
        moving_window,
        trajectory.diverged_at,
    )


def _noise(window: Window, noise: RunNoise) -> LossNoise:
    return LossNoise(
        variance_along(window.step, noise.step, noise.loss_variance),
        relative_error(noise.loss.shape[1]),
    )


def _ageing(windows: Sequence[Window], lags: Sequence[int]) -> dict[str, Ageing]:
    families: dict[tuple[int, int], list[Window]] = {}
    for window in windows:
        families.setdefault((window.length, window.stride), []).append(window)
    result = {}
    for (length, stride), members in families.items():
        fitting = [g for g in lags if g % stride == 0 and stride <= g <= length * stride // 4]
        if len(members) > 1 and fitting:
            grams, starts = [w.gram for w in members], [w.start for w in members]
            result[family_key(length, stride)] = ageing(grams, starts, fitting, stride)
    return result
