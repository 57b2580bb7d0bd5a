"""Gradient noise of a run: what is measured at its checkpoints, and read by analyses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np


@dataclass(frozen=True)
class RunNoise:
    """Gradient noise at C checkpoints, from n minibatches each; nan where a run did not get."""

    step: Annotated[np.ndarray, "(C,) steps taken before the checkpoint, increasing", "step"]
    loss_mean: Annotated[
        np.ndarray, "(C,) expected minibatch loss of a training step at fixed weights"
    ]
    loss_variance: Annotated[
        np.ndarray, "(C,) variance of that loss: the noise floor s^2 of one loss"
    ]
    mean_gradient_norm: Annotated[
        np.ndarray, "(C,) norm of the mean of the n minibatch gradients", "1/parameter"
    ]
    covariance_trace: Annotated[
        np.ndarray, "(C,) trace of the covariance of a minibatch gradient", "1/parameter^2"
    ]
    loss: Annotated[np.ndarray, "(C, n) loss of each minibatch of full size"]
    noise_norm: Annotated[
        np.ndarray, "(C, n) norm of each minibatch gradient minus their mean", "1/parameter"
    ]
    noise_gram: Annotated[
        np.ndarray, "(C, n, n) inner products of those differences", "1/parameter^2"
    ]
    coordinate_noise: Annotated[
        np.ndarray, "(C, n, c) those differences at the coordinates kept, float32", "1/parameter"
    ]
    coordinate_index: Annotated[
        np.ndarray, "(c,) indices of the coordinates kept into the flattened parameters"
    ]
    missing: Annotated[dict[str, str], "why there is no noise at the checkpoint of this step"]
    origin: dict[str, Any] = field(default_factory=dict)
