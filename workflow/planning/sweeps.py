"""Which runs of a study differ in chosen settings alone, so that one figure can compare them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from planning.study import Run
from planning.training_checks import steps_of
from sgdwalk.datasets.names import dataset_size
from sgdwalk.errors import InputError

# The residual networks whose depth and shortcuts figure S3 compares.
_RESIDUAL = re.compile(r"resnet\d+(_noshort)?$")


def depth_and_batch(runs: Mapping[str, dict[str, Any]]) -> list[str]:
    """Residual networks that differ in depth, shortcuts and batch size alone, or seed.

    They are as long in steps, or else in passes over the training set.

    Args:
        runs: training settings by run id, in the study's order.

    Returns:
        Ids of the largest such set, in order; the first of equally large ones.
    """
    residual = {run: s for run, s in runs.items() if _RESIDUAL.match(s["model"])}
    in_passes = {run: _in_passes(settings) for run, settings in residual.items()}
    sets = [_largest(found, ("model", "batch_size")) for found in (residual, in_passes)]
    return max(sets, key=lambda found: _points(found, residual, ("model", "batch_size")))


def learning_rates(runs: Mapping[str, dict[str, Any]]) -> list[str]:
    """Runs that differ in learning rate alone, or seed; arguments and result as above."""
    return _largest(runs, ("learning_rate",))


def sketched(runs: Mapping[str, Run]) -> list[str]:
    """Runs with a sketch, whose distances from each other can be known.

    Args:
        runs: of a study, in its order.

    Returns:
        Their ids, in order; none unless two of them are of one network with equal sketches.
    """
    found = [run for run, chosen in runs.items() if chosen.recording["sketch"]]
    spaces = {_space(runs[run]) for run in found}
    return found if len(spaces) < len(found) else []


def _space(run: Run) -> str:
    """Runs with the same one walk in one space: their network's, as their sketches know it."""
    training = run.training
    name, options = training["dataset"], training["dataset_options"]
    size = dataset_size(name, options)
    data = [name, options] if size is None else [size.input_shape, size.num_classes]
    network = [training["model"], training["model_options"], data]
    return json.dumps([*network, run.recording["sketch"]], sort_keys=True)


def _largest(runs: Mapping[str, dict[str, Any]], free: tuple[str, ...]) -> list[str]:
    sets: dict[str, list[str]] = {}
    for run, settings in runs.items():
        sets.setdefault(_key(settings, lambda name: name not in (*free, "seed")), []).append(run)
    return max(sets.values(), key=lambda found: _points(found, runs, free), default=[])


def _points(chosen: list[str], runs: Mapping[str, dict[str, Any]], free: tuple[str, ...]) -> int:
    return len({_key(runs[run], lambda name: name in free) for run in chosen})


def _key(settings: Mapping[str, Any], counts: Callable[[str], bool]) -> str:
    return json.dumps({name: v for name, v in settings.items() if counts(name)}, sort_keys=True)


def _in_passes(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the length in passes over the training set, if its size is known."""
    try:
        return {**settings, "steps": f"{settings['steps'] / steps_of(1, settings, ''):.4g} passes"}
    except InputError:
        return dict(settings)
