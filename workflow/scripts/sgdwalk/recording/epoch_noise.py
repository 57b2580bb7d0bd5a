"""Noise of an epoch's minibatch gradients about their mean, the estimated full-batch gradient."""

from __future__ import annotations

import numpy as np
import torch

from sgdwalk.recording.gram import plain_gram, row_norms
from sgdwalk.recording.ranks import Ranks
from sgdwalk.recording.sampled_entries import SampledEntries

_GRAM_ROWS = 128  # largest number of an epoch's steps whose noise Gram matrix is kept


def epoch_noise(
    gradients: torch.Tensor, entries: SampledEntries, ranks: Ranks
) -> dict[str, np.ndarray]:
    """What is kept of the gradients of an epoch, by name.

    Args:
        gradients: (N, P) this process's part of them; used up.
        entries: which entries of the mean are kept.
        ranks: the processes, which all call this.
    """
    mean = gradients.mean(0)
    gradients -= mean
    kept = {
        "noise_norm": ranks.sum_of_squares(row_norms(gradients)),
        "noise_gram": ranks.sum(plain_gram(gradients[:_GRAM_ROWS])),
        "mean_gradient_norm": ranks.sum_of_squares(row_norms(mean[None]))[0],
        "mean_gradient": ranks.sum(entries.of_mean(mean)),
    }
    return {name: values.cpu().numpy() for name, values in kept.items()}
