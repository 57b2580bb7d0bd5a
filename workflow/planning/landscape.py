"""The loss surface's part of a study: of which runs, which planes, in which tiles, which lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planning.chosen_runs import chosen_runs
from planning.schema import suggestion
from planning.settings import Settings
from planning.study import Trained
from sgdwalk.errors import InputError

_SHARED = (
    "samples",
    "batch_size",
    "radius",
    "normalisation",
    "bias_and_norm",
    "batch_norm",
    "seed",
)


@dataclass(frozen=True)
class RunLandscape:
    """What is drawn of one run.

    Attributes:
        planes: step of each plane by name; None for the principal plane of the path.
        steps: checkpoints with random planes and lines.
        interpolations: each with `start` and `stop` (steps) and `run`, whose checkpoint `stop` is.
    """

    planes: dict[str, int | None]
    steps: list[int]
    interpolations: list[dict[str, Any]]

    @property
    def other_runs(self) -> list[str]:
        """Runs whose checkpoints are needed too, in order, and this one where it is an end."""
        return list(dict.fromkeys(item["run"] for item in self.interpolations))


@dataclass(frozen=True)
class Landscapes:
    """Which loss surfaces a study draws.

    Attributes:
        runs: plan by run, of the runs whose surfaces belong to the study.
        tiles: jobs per plane.
        settings: how planes and lines are drawn.
    """

    runs: dict[str, RunLandscape]
    tiles: int
    settings: Settings


def read_landscapes(section: Settings, runs: Mapping[str, Trained]) -> Landscapes:
    """Plan the ``landscape`` section of a checked config.

    Args:
        section: with defaults filled in.
        runs: those of the study whose networks are known, by id, in its order.

    Raises:
        InputError: one line with the first thing that is wrong.
    """
    for key in ("points", "line_points", "roughness_points"):
        if section[key] % 2 == 0:
            raise InputError(
                f"landscape.{key}: {section[key]}; allowed: odd numbers, so that the checkpoint "
                "itself is a point"
            )
    if section["tiles"] > section["points"] ** 2:
        raise InputError(
            f"landscape.tiles: {section['tiles']}; allowed: at most the {section['points'] ** 2} "
            "points of a plane"
        )
    chosen = chosen_runs("landscape.runs", section["runs"], list(runs))
    settings = section.only(_SHARED)
    plans = {name: _plan(section, name, runs) for name in chosen}
    return Landscapes(plans, section["tiles"], settings)


def _plan(section: Mapping[str, Any], name: str, runs: Mapping[str, Trained]) -> RunLandscape:
    steps = [
        _step(chosen, runs[name], f"landscape.checkpoints[{number}]")
        for number, chosen in enumerate(section["checkpoints"])
    ]
    steps = list(dict.fromkeys(steps))
    planes: dict[str, int | None] = {f"random-{step}": step for step in steps}
    return RunLandscape(
        {**planes, "pca": None},
        steps,
        [
            _interpolation(item, name, runs, f"landscape.interpolations[{number}]")
            for number, item in enumerate(section["interpolations"])
        ],
    )


def _interpolation(
    item: Mapping[str, Any], name: str, runs: Mapping[str, Trained], where: str
) -> dict[str, Any]:
    other = item["run"] or name
    if other not in runs:
        raise InputError(f"{where}.run: no run '{other}'{suggestion(other, list(runs))}")
    ends = {key: runs[run].training for key, run in (("a", name), ("b", other))}
    for key in ("model", "dataset"):
        if ends["a"][key] != ends["b"][key]:
            raise InputError(
                f"{where}.run: '{other}' has {key} {ends['b'][key]}; allowed: runs with "
                f"{ends['a'][key]}, as {name}"
            )
    start = _step(item["start"], runs[name], f"{where}.start")
    stop = _step(item["stop"], runs[other], f"{where}.stop")
    if (start, name) == (stop, other):
        raise InputError(f"{where}: both ends are step {start}; allowed: two different checkpoints")
    return {"start": start, "stop": stop, "run": other}


def _step(chosen: int | str, run: Trained, where: str) -> int:
    steps = run.checkpoint_steps
    step = steps[-1] if chosen == "last" else chosen
    if step not in steps:
        allowed = ["last", *map(str, steps)]
        raise InputError(f"{where}: {chosen}; allowed: {', '.join(allowed)}, of {run.id}")
    return int(step)
