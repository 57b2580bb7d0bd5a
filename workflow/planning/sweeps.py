"""Which runs of a study differ in chosen settings alone, so that one figure can compare them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from planning.study import Run, Trained
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


def sketched(runs: Mapping[str, Run], series: Mapping[str, Trained | None]) -> list[str]:
    """Runs with a sketch, whose distances from each other can be known.

    Args:
        runs: of a study, in its order.
        series: walks that are read from checkpoints, and their networks; None where that is known
            when they are read.

    Returns:
        Their ids, in order; none unless two of them may be of one network with equal sketches.
    """
    found = {run: one.training for run, one in runs.items() if one.recording["sketch"]}
    sizes = {run: runs[run].recording["sketch"] for run in found}
    spaces = [_space(found[run], sizes[run]) for run in found]
    for walk in series.values():
        of_runs = next(iter(sizes.values()), 0)
        spaces.append("" if walk is None else _space(walk.training, of_runs))
    return [*found, *series] if len(set(spaces)) < len(spaces) else []


def _space(training: Mapping[str, Any], sketch: int) -> str:
    """Runs with the same one walk in one space: their network's, as their sketches know it."""
    name, options = training["dataset"], training["dataset_options"]
    size = dataset_size(name, options)
    data = [name, options] if size is None else [size.input_shape, size.num_classes]
    network = [training["model"], training["model_options"], data]
    return json.dumps([*network, sketch], sort_keys=True)


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
