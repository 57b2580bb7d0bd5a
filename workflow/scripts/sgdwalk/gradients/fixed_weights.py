"""Tail indices and Gaussianity of gradient noise at fixed weights, checkpoint by checkpoint."""

from __future__ import annotations

import numpy as np

from sgdwalk.gradients.along_walk import standardised_null
from sgdwalk.gradients.gaussianity import gaussianity
from sgdwalk.gradients.scale_mixture import standardise
from sgdwalk.gradients.tail_record import TailRecord, likelihood_record, vector_records


def checkpoint_records(
    step: int,
    coordinate_noise: np.ndarray,
    noise_gram: np.ndarray,
    covariance_trace: float,
    mean_gradient_norm: float,
) -> list[TailRecord]:
    """Tail index of the noise at one checkpoint, per coordinate and as vectors.

    Args:
        step: steps taken before the checkpoint.
        coordinate_noise: (n, c) gradients of n minibatches minus their mean, at c coordinates.
        noise_gram: (n, n) inner products of these differences, over all parameters.
        covariance_trace: of one minibatch gradient.
        mean_gradient_norm: norm of the mean gradient.

    Returns:
        One record of the coordinates, each standardised, with the share of coordinates whose
        normality is rejected at 5 % and their mean excess kurtosis (``kurtosis_null`` is what n
        Gaussian numbers give on average); two of the noise vectors. All undefined at a checkpoint
        that was not reached.
    """
    quantity, vectors = "standardised noise at fixed weights", "noise vectors at fixed weights"
    if not np.isfinite(coordinate_noise).all():
        undefined = np.full((1, *noise_gram.shape), np.nan)
        return [
            TailRecord(quantity, step=step),
            *vector_records(vectors, {"step": step}, undefined, seed=0),
        ]
    known = {
        "step": step,
        "covariance_trace": covariance_trace,
        "mean_gradient_norm": mean_gradient_norm,
    }
    standardised = standardise(coordinate_noise)
    tests = gaussianity(coordinate_noise)
    draws, coordinates = coordinate_noise.shape
    alive = np.isfinite(tests.excess_kurtosis)
    tested = {
        "rejected_share": tests.rejected_share,
        "excess_kurtosis": float(tests.excess_kurtosis[alive].mean()) if alive.any() else np.nan,
        "kurtosis_null": -6 / (draws + 1),
    }
    return [
        likelihood_record(
            quantity,
            {**known, **tested},
            standardised.values,
            lambda size: standardised_null(draws, coordinates),
            zeros=standardised.zeros,
        ),
        *vector_records(vectors, known, noise_gram[None], seed=0),
    ]
