"""The learning rate along a run, as a factor of its base value; a function of the step alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from sgdwalk.errors import InputError

NAMES = ("constant", "step", "cosine")


def learning_rate_factor(
    schedule: str,
    steps: int,
    warmup: int = 0,
    milestones: Sequence[float] = (),
    decay: float = 0.1,
) -> Callable[[int], float]:
    """Make the function of the step, from 0 on, by which the learning rate is multiplied.

    Args:
        schedule: ``constant``; ``step``, multiplied by ``decay`` from every milestone on; or
            ``cosine``, half a cosine from 1 towards 0 between warm-up and the end of the run.
        steps: optimizer steps of the run.
        warmup: steps of linear warm-up: step t < warmup has (t + 1) / warmup of the rate.
        milestones: for ``step``, fractions of the run, each above 0 and below 1, increasing.
        decay: for ``step``, the factor at a milestone.

    Raises:
        InputError: for another name, or options that make no sense with it or with one another.
    """
    if schedule not in NAMES:
        raise InputError(f"schedule: {schedule!r}; allowed: {', '.join(NAMES)}")
    if not 0 <= warmup < steps:
        raise InputError(f"warmup: {warmup}; allowed: 0 to {steps - 1}, fewer than the run's steps")
    if (schedule == "step") != bool(milestones):
        allowed = "fractions of the run" if schedule == "step" else "none"
        said = list(milestones)
        raise InputError(f"milestones: {said}; allowed with schedule {schedule!r}: {allowed}")
    if list(milestones) != sorted(set(milestones)) or not all(0 < m < 1 for m in milestones):
        raise InputError(
            f"milestones: {list(milestones)}; allowed: increasing fractions of the run, "
            "above 0 and below 1"
        )
    drops = [round(fraction * steps) for fraction in milestones]

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if schedule == "cosine":
            return (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
        return decay ** sum(step >= drop for drop in drops)

    return factor
