"""Gradient noise at a run's checkpoints as a file: written by one job, read by analyses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import numpy as np

from sgdwalk.files import hdf5

_DATA = {
    "step": ("steps taken before the checkpoint", "step"),
    "loss_mean": ("expected minibatch loss of a training step at fixed weights", "1"),
    "loss_variance": ("variance of that loss: the noise floor s^2 of one loss", "1"),
    "mean_gradient_norm": ("norm of the mean of the minibatch gradients", "1/parameter"),
    "covariance_trace": ("trace of the covariance of a minibatch gradient", "1/parameter^2"),
    "loss": ("loss of each minibatch of full size", "1"),
    "noise_norm": ("norm of each minibatch gradient minus their mean", "1/parameter"),
    "noise_gram": ("inner products of those differences", "1/parameter^2"),
    "coordinate_noise": ("those differences at the coordinates kept", "1/parameter"),
    "coordinate_index": ("flat index of the coordinates kept", "1"),
}


class Noise(Protocol):
    """What is written of one checkpoint; see ``sgdwalk.noise.minibatch.MinibatchNoise``."""

    loss: np.ndarray
    loss_mean: float
    loss_variance: float
    mean_gradient_norm: float
    covariance_trace: float
    gram: np.ndarray
    coordinate_noise: np.ndarray


@dataclass(frozen=True)
class RunNoise:
    """Gradient noise at C checkpoints, from n minibatches each; nan where a run did not get.

    Attributes:
        step: (C,) steps taken before each checkpoint, increasing.
        loss_mean: (C,) expected minibatch loss of a training step at fixed weights.
        loss_variance: (C,) its variance.
        mean_gradient_norm: (C,) norm of the mean of the n minibatch gradients.
        covariance_trace: (C,) trace of the covariance of a minibatch gradient.
        loss: (C, n) loss of each minibatch of full size.
        noise_norm: (C, n) norms of the gradients minus their mean.
        noise_gram: (C, n, n) inner products of these.
        coordinate_noise: (C, n, c) these at the coordinates kept, float32.
        coordinate_index: (c,) indices of these coordinates into the flattened parameters.
        origin: where the run and this measurement come from.
    """

    step: np.ndarray
    loss_mean: np.ndarray
    loss_variance: np.ndarray
    mean_gradient_norm: np.ndarray
    covariance_trace: np.ndarray
    loss: np.ndarray
    noise_norm: np.ndarray
    noise_gram: np.ndarray
    coordinate_noise: np.ndarray
    coordinate_index: np.ndarray
    origin: dict


def write(
    path: str | Path,
    checkpoints: Iterable[tuple[int, Noise | None]],
    draws: int,
    coordinates: np.ndarray,
    origin: dict,
) -> RunNoise:
    """Write the noise at every checkpoint, by step, and return it.

    Args:
        path: the file to make.
        checkpoints: (step, noise) by step, None for a checkpoint that was not reached.
        draws: minibatches per checkpoint, n.
        coordinates: (c,) indices of the coordinates kept.
        origin: where the file comes from.
    """
    size = len(coordinates)
    rows = [(step, _row(noise, draws, size)) for step, noise in checkpoints]
    arrays = {name: np.array([row[name] for _, row in rows]) for name in _row(None, draws, size)}
    steps = np.array([step for step, _ in rows], np.int64)
    result = RunNoise(step=steps, coordinate_index=coordinates, origin=origin, **arrays)
    with hdf5.create(path, "noise", origin) as file:
        for name, (meaning, unit) in _DATA.items():
            hdf5.put(file, name, getattr(result, name), meaning, unit)
    return result


def _row(noise: Noise | None, draws: int, coordinates: int) -> dict:
    if noise is None:
        return {
            **dict.fromkeys(("loss_mean", "loss_variance", "mean_gradient_norm"), np.nan),
            "covariance_trace": np.nan,
            "loss": np.full(draws, np.nan),
            "noise_norm": np.full(draws, np.nan),
            "noise_gram": np.full((draws, draws), np.nan),
            "coordinate_noise": np.full((draws, coordinates), np.nan, np.float32),
        }
    return {
        "loss_mean": noise.loss_mean,
        "loss_variance": noise.loss_variance,
        "mean_gradient_norm": noise.mean_gradient_norm,
        "covariance_trace": noise.covariance_trace,
        "loss": noise.loss,
        "noise_norm": np.sqrt(np.diag(noise.gram)),
        "noise_gram": noise.gram,
        "coordinate_noise": noise.coordinate_noise,
    }


def read(path: str | Path) -> RunNoise:
    """Read what ``write`` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "noise") as file:
        names = [field.name for field in fields(RunNoise) if field.name != "origin"]
        return RunNoise(**{name: file[name][()] for name in names}, origin=hdf5.origin(file))
