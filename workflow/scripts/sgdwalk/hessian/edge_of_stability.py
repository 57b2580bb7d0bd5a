"""The curvature beyond which an optimizer's steps along an eigenvector grow."""

from __future__ import annotations

import math

import torch


def edge_of_stability(optimizer: torch.optim.Optimizer) -> float:
    """Largest eigenvalue at which an optimizer's steps on a quadratic loss do not diverge.

    For learning rate eta, momentum b and weight decay w it is 2 (1 + b) / eta - w, with Nesterov's
    momentum 2 (1 + b) / (eta (1 + 2 b)) - w; Cohen, Kaur, Li, Kolter and Talwalkar, arXiv
    2103.00065. At 2 / eta full-batch gradient descent hovers.

    Args:
        optimizer: with one group of parameters.

    Returns:
        The eigenvalue; nan where it depends on more than that, as for Adam, or eta is 0.
    """
    group = optimizer.param_groups[0]
    if not isinstance(optimizer, torch.optim.SGD) or not group["lr"] > 0:
        return math.nan
    momentum = group["momentum"]
    limit = 2 * (1 + momentum) / group["lr"]
    return limit / (1 + 2 * momentum * group["nesterov"]) - group["weight_decay"]
