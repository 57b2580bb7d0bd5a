"""Walks whose positions a test chooses, through the real recorder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from cases import positions

from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.trajectory import Trajectory


def record(
    path: Path,
    increments: np.ndarray,
    parts: Mapping[str, int] | None = None,
    losses: Mapping[int, float] | None = None,
    dtype: torch.dtype = torch.float64,
    **options,
) -> Trajectory:
    """Record a walk from the origin; its sketch alone unless told otherwise.

    Args:
        path: the trajectory file.
        increments: (steps, P) of the walk.
        parts: name and size of each parameter tensor; None for one of all P.
        losses: of steps, in place of 1 / (1 + step).
        dtype: of the parameters.
        options: of the recorder.
    """
    steps, size = increments.shape
    ends = np.cumsum(list((parts or {"walk": size}).values()))
    assert ends[-1] == size
    tensors = [torch.from_numpy(part).to(dtype) for part in np.split(np.zeros(size), ends[:-1])]
    named = list(zip(parts or ["walk"], map(torch.nn.Parameter, tensors), strict=True))
    options = {"window": None, "sketch": 16, "origin": {}, **options}
    with TrajectoryRecorder(named, path, **options) as recorder, torch.no_grad():
        for step, place in enumerate(positions(increments)):
            for (_, tensor), part in zip(named, np.split(place, ends[:-1]), strict=True):
                tensor.copy_(torch.from_numpy(part))
            if step < steps:
                recorder.record((losses or {}).get(step, 1 / (1 + step)))
    return Trajectory(path)
