"""The curvature beyond which an optimizer's steps along an eigenvector grow."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch


class EdgeOfStability(NamedTuple):
    """The edge of an optimizer, and in words what there is to say where it is not just a number.

    Attributes:
        eigenvalue: above it steps on a quadratic loss grow, up to it they do not; inf where they
            never do, nan where no one number says it.
        missing: why `eigenvalue` is not finite; empty where it is.
    """

    eigenvalue: float
    missing: str = ""


def edge_of_stability(optimizer: torch.optim.Optimizer) -> EdgeOfStability:
    """Largest eigenvalue at which an optimizer's steps on a quadratic loss do not diverge.

    Along an eigenvector of eigenvalue l, a step of learning rate eta, momentum b, dampening d and
    weight decay w is linear in position and buffer. With c = eta (l + w), or eta (w - l) where the
    loss is maximised, the characteristic polynomial of that 2x2 map is

        z^2 - (1 + b - (1 - d) c) z + b             plain
        z^2 - (1 + b) (1 - c) z + b (1 - c)         Nesterov, whose d is 0

    and no root of z^2 - T z + D is outside the unit circle where |D| <= 1, 1 - T + D >= 0 and
    1 + T + D >= 0 (Jury): plain for b <= 1 and (1 - d) c between 0 and 2 (1 + b), Nesterov for c
    between max(0, 1 - 1/b) and 2 (1 + b) / (1 + 2 b). The upper end, as an eigenvalue, is the edge:
    2 (1 + b) / (eta (1 - d)) - w where d < 1. At 2 / eta full-batch gradient descent hovers; Cohen,
    Kaur, Li, Kolter and Talwalkar, arXiv 2103.00065. The first step sets the buffer without
    dampening, which changes the start and not the growth; without momentum torch ignores dampening.

    A number need not be positive: with d > 1 steps grow at every eigenvalue above -w, where the
    loss is maximised at every one above w, with 2 / eta < w at every one that is not negative.

    Args:
        optimizer: any; of several groups of parameters all must have the same edge.

    Returns:
        The edge. Inf where nothing grows: learning rate 0, or dampening 1, by which no gradient
        enters after the first step. Nan where it is no one number: another optimizer than SGD,
        groups that differ, momentum above 1, momentum 1 with dampening 1.
    """
    if type(optimizer) is not torch.optim.SGD:
        kind = type(optimizer).__name__
        return EdgeOfStability(math.nan, f"{kind} has no edge that its settings alone decide")
    trained = [g for g in optimizer.param_groups if any(p.requires_grad for p in g["params"])]
    edges = [_of_group(group) for group in trained or optimizer.param_groups]
    first = edges[0]
    if all(_alike(edge, first) for edge in edges):
        return first
    said = ", ".join(edge.missing or f"{edge.eigenvalue:.6g}" for edge in edges)
    return EdgeOfStability(math.nan, f"groups of parameters have different edges: {said}")


def _of_group(group: dict[str, Any]) -> EdgeOfStability:
    rate, momentum = float(group["lr"]), float(group["momentum"])
    if rate == 0:
        return EdgeOfStability(math.inf, "the learning rate is 0: no step is taken")
    low, high = 0.0, 2 * (1 + momentum)  # of c
    if group["nesterov"] and momentum:
        low, high = max(0.0, 1 - 1 / momentum), high / (1 + 2 * momentum)
    elif momentum:
        if momentum > 1:
            return EdgeOfStability(math.nan, f"momentum {momentum:g}: steps grow at any curvature")
        gain = 1 - float(group["dampening"])
        if gain == 0:
            if momentum == 1:
                said = "momentum 1, dampening 1: the first step is repeated at any curvature"
                return EdgeOfStability(math.nan, said)
            said = "dampening 1: no gradient enters after the first step, at any curvature"
            return EdgeOfStability(math.inf, said)
        low, high = sorted((0.0, high / gain))
    decay = float(group["weight_decay"])
    ends = sorted((end / rate - decay) * (-1 if group["maximize"] else 1) for end in (low, high))
    if momentum > 1:
        said = f"momentum {momentum:g}: steps grow below {ends[0]:.6g} and above {ends[1]:.6g}"
        return EdgeOfStability(math.nan, said)
    return EdgeOfStability(ends[1] + 0.0)


def _alike(one: EdgeOfStability, other: EdgeOfStability) -> bool:
    if one.missing or other.missing:
        return one.missing == other.missing
    return math.isclose(one.eigenvalue, other.eigenvalue, rel_tol=1e-9, abs_tol=1e-300)
