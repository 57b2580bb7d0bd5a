"""Which runs of a study differ in chosen settings alone, so that one figure can compare them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

# The residual networks whose depth and shortcuts figure S3 compares.
_RESIDUAL = re.compile(r"resnet\d+(_noshort)?$")
# How long a run is can be said in two ways; what the study says is compared.
_LENGTH = "epochs", "steps"


def depth_and_batch(runs: Mapping[str, dict]) -> list[str]:
    """Residual networks that differ in depth, shortcuts and batch size alone, or seed.

    Args:
        runs: training settings by run id, in the study's order.

    Returns:
        Ids of the largest such set, in order; the first of equally large ones.
    """
    residual = {run: s for run, s in runs.items() if _RESIDUAL.match(s["model"])}
    return _largest(residual, ("model", "batch_size"))


def learning_rates(runs: Mapping[str, dict]) -> list[str]:
    """Runs that differ in learning rate alone, or seed; arguments and result as above."""
    return _largest(runs, ("learning_rate",))


def _largest(runs: Mapping[str, dict], free: tuple[str, ...]) -> list[str]:
    sets: dict[str, list[str]] = {}
    for run, settings in runs.items():
        sets.setdefault(_key(settings, lambda name: name not in (*free, "seed")), []).append(run)

    def points(members: list[str]) -> int:
        return len({_key(runs[run], lambda name: name in free) for run in members})

    return max(sets.values(), key=points, default=[])


def _key(settings: Mapping, counts: Callable[[str], bool]) -> str:
    epochs, steps = _LENGTH
    if settings.get(epochs) is not None:
        settings = {**settings, steps: None}
    return json.dumps({name: v for name, v in settings.items() if counts(name)}, sort_keys=True)
