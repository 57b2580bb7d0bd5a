"""The geometry of a whole run: its windows one at a time, and what shows only across them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from sgdwalk.geometry.ageing import Ageing, ageing
from sgdwalk.geometry.loss_avalanches import moving_variance
from sgdwalk.geometry.whole_walk import WholeWalk, whole_walk
from sgdwalk.geometry.window import LossNoise, WindowGeometry, analyse_window
from sgdwalk.noise.floor import relative_error, variance_along
from sgdwalk.noise.results import RunNoise
from sgdwalk.recording.analysed_windows import analysed_windows
from sgdwalk.recording.trajectory import Trajectory, Window
from sgdwalk.recording.window_families import family_key


@dataclass(frozen=True)
class RunGeometry:
    """Geometry of all windows of one run, by stride, then length, then start.

    Components of the whole run are there if a sketch was recorded.

    A family of windows is named as `500x1`, length x stride. Entry i of the moving variance is of
    steps i to i + moving_window - 1; there is none for a shorter run.
    """

    windows: tuple[WindowGeometry, ...]
    whole: WholeWalk | None
    ageing: Annotated[dict[str, Ageing], "MSD at fixed lags against age, by family of windows"]
    moving_variance: Annotated[
        np.ndarray, "(n,) variance of the minibatch loss over a moving window of steps", "loss^2"
    ]
    moving_window: Annotated[int, "steps of that window", "step"]
    diverged_at: Annotated[int | None, "step whose loss was not finite", "step"]
    origin: dict[str, Any] = field(default_factory=dict)


def analyse(
    trajectory: Trajectory,
    noise: RunNoise | None,
    fragments: Sequence[int],
    components: int,
    ageing_lags: Sequence[int],
    moving_window: int,
    seed: int,
) -> RunGeometry:
    """Analyse every window of a run but for remnants, its ageing, and the variance of its loss.

    Args:
        trajectory: its record.
        noise: loss noise at its checkpoints; without it no floor is subtracted from losses.
        fragments: increments of the fragments whose transverse excursion is measured.
        components: principal components that are kept.
        ageing_lags: lags of the ageing, in steps; used in the families where they are whole numbers
            of records and no more than a quarter of the window.
        moving_window: steps of the moving variance of the loss.
        seed: of random fragments, subsamples and orders.

    Raises:
        InputError: if a Gram matrix is none, losses of a window are not finite, or no noise was
            measured.
    """
    windows = analysed_windows(trajectory)
    loss = trajectory.loss[np.isfinite(trajectory.loss)]
    enough = loss.size >= moving_window
    return RunGeometry(
        windows=tuple(
            analyse_window(window, _noise(window, noise), fragments, components, seed)
            for window in windows
        ),
        whole=whole_walk(trajectory, components, seed),
        ageing=_ageing(windows, ageing_lags),
        moving_variance=moving_variance(loss, moving_window) if enough else np.zeros(0),
        moving_window=moving_window,
        diverged_at=trajectory.diverged_at,
    )


def _noise(window: Window, noise: RunNoise | None) -> LossNoise | None:
    if noise is None:
        return None
    return LossNoise(
        variance_along(window.step, noise.step, noise.loss_variance),
        relative_error(noise.loss.shape[1]),
    )


def _ageing(windows: Sequence[Window], lags: Sequence[int]) -> dict[str, Ageing]:
    families: dict[tuple[int, int], list[Window]] = {}
    for window in windows:
        if window.stride is not None:
            families.setdefault((window.length, window.stride), []).append(window)
    result = {}
    for (length, stride), members in families.items():
        fitting = [g for g in lags if g % stride == 0 and stride <= g <= length * stride // 4]
        if len(members) > 1 and fitting:
            grams, starts = [w.gram for w in members], [w.start for w in members]
            result[family_key(length, stride)] = ageing(grams, starts, fitting, stride)
    return result
