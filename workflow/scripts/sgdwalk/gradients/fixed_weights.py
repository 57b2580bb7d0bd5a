"""Tail indices and Gaussianity of gradient noise at fixed weights, checkpoint by checkpoint."""

from __future__ import annotations

import numpy as np

from sgdwalk.gradients.gaussianity import gaussianity
from sgdwalk.gradients.rotations import rotated_rows
from sgdwalk.gradients.standardise import standardise
from sgdwalk.gradients.tail_record import (
    TailRecord,
    drawn_alphas,
    likelihood_record,
    vector_records,
)


def checkpoint_records(
    step: int,
    coordinate_noise: np.ndarray,
    noise_gram: np.ndarray,
    covariance_trace: float,
    mean_gradient_norm: float,
    missing: str = "",
) -> list[TailRecord]:
    """Tail index of the noise at one checkpoint, per coordinate and as vectors.

    All n minibatches are one block of the rotations that make the null: weights stand still.

    Args:
        step: steps taken before the checkpoint.
        coordinate_noise: (n, c) gradients of n minibatches minus their mean, at c coordinates.
        noise_gram: (n, n) inner products of these differences, over all parameters.
        covariance_trace: of one minibatch gradient.
        mean_gradient_norm: norm of the mean gradient.
        missing: why they are not finite, if they are not.

    Returns:
        One record of the coordinates, each standardised, with the share of coordinates whose
        normality is rejected at 5 % and their mean excess kurtosis (``kurtosis_null`` is what n
        Gaussian numbers give on average); two of the noise vectors. All undefined at a checkpoint
        that was not reached.
    """
    quantity, vectors = "standardised noise at fixed weights", "noise vectors at fixed weights"
    if not np.isfinite(coordinate_noise).all():
        why = missing or "noise that is not finite"
        nothing = np.zeros((0, *noise_gram.shape))
        return [
            TailRecord(quantity, step=step, undefined=f"alpha: {why}"),
            *vector_records(vectors, {"step": step}, nothing, empty=why),
        ]
    known = {
        "step": step,
        "covariance_trace": covariance_trace,
        "mean_gradient_norm": mean_gradient_norm,
    }
    standardised = standardise(coordinate_noise)
    tests = gaussianity(coordinate_noise)
    draws = len(coordinate_noise)
    alive = np.isfinite(tests.excess_kurtosis)
    tested = {
        "rejected_share": tests.rejected_share,
        "excess_kurtosis": float(tests.excess_kurtosis[alive].mean()) if alive.any() else np.nan,
        "kurtosis_null": -6 / (draws + 1),
    }

    def rotated(generator: np.random.Generator) -> np.ndarray:
        return standardise(rotated_rows(coordinate_noise, generator, draws)).values

    return [
        likelihood_record(
            quantity,
            {**known, **tested},
            standardised.values,
            standardised.time,
            lambda: drawn_alphas(rotated),
            zeros=standardised.zeros,
            empty="no coordinate varies",
        ),
        *vector_records(vectors, known, noise_gram[None], draws),
    ]
