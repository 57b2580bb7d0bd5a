"""At which steps of a run its model is saved; known before the run, to plan what reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def checkpoint_steps(chosen: int | Sequence[int], steps: int) -> list[int]:
    """Steps to save the model at: 0, the last one, and those chosen between.

    Args:
        chosen: how many, spaced logarithmically, or which; those beyond the last step are left out.
        steps: optimizer steps of the run.
    """
    if isinstance(chosen, int):
        return logarithmic_steps(steps, chosen)
    return sorted({0, steps} | {step for step in chosen if step < steps})


def logarithmic_steps(steps: int, count: int) -> list[int]:
    """At most ``count`` different steps from 0 to the last, evenly spaced in log(1 + step)."""
    last = max(count, 2) - 1
    exponents = (math.log1p(steps) * i / last for i in range(last + 1))
    return sorted({round(math.expm1(x)) for x in exponents} | {0, steps})
