"""A study: from a config file to its set of runs, each with a stable, readable name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from planning.schema import complete, suggestion
from sgdwalk.errors import InputError
from sgdwalk.model_names import check_name

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"
_NAMED_FIRST = {"model": "", "dataset": "", "batch_size": "bs", "learning_rate": "lr"}


@dataclass(frozen=True)
class Run:
    """One training run: everything that decides its walk, and what is recorded of it."""

    id: str
    training: dict
    recording: dict

    @property
    def windows(self) -> list[dict]:
        """Window families that fit into the run's steps."""
        steps = self.training["steps"]
        families = self.recording["windows"]
        return [f for f in families if (f["length"] - 1) * f["stride"] < steps]


@dataclass(frozen=True)
class Study:
    """A checked config: its name, its runs by id, and its settings outside the grids."""

    name: str
    runs: dict[str, Run]
    config: dict


def read_study(config: Mapping, stem: str) -> Study:
    """Check a whole config and expand its grids.

    Args:
        config: what Snakemake read from the config files and the command line.
        stem: the config file's name without suffix, for a study that has no ``study`` key.

    Raises:
        InputError: one line with the first thing that is wrong.
    """
    schema = yaml.safe_load(SCHEMA.read_text())
    settings = complete(dict(config), schema, schema, "")
    name = settings["study"] or stem
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(f"study: {name!r}; allowed: letters, digits, '.', '_' and '-'")
    training = schema["$defs"]["training"]
    runs: dict[str, Run] = {}
    for number, grid in enumerate(settings["grids"]):
        for chosen in _expand(settings["defaults"], grid, training, f"grids[{number}]"):
            recorded = {**settings["recording"], **(grid.get("recording") or {})}
            recorded = complete(recorded, schema["$defs"]["recording"], schema, "recording")
            values = complete(chosen, training, schema, f"grids[{number}]")
            run = Run(run_id(values, training), values, recorded)
            _check(run, f"grids[{number}]")
            other = runs.setdefault(run.id, run)
            if other != run:
                raise InputError(
                    f"grids[{number}]: run {run.id} is in an earlier grid with other "
                    "recording settings; allowed: the same in both"
                )
    return Study(name, runs, settings)


def _expand(defaults: Mapping, grid: Mapping, schema: Mapping, where: str) -> list[dict]:
    """The product of all lists of a grid, on top of the defaults."""
    known = list(schema["properties"])
    for place, values in (("defaults", defaults), (where, grid)):
        for key in values:
            if key not in known and not (key == "recording" and place == where):
                raise InputError(f"{place}: unknown key '{key}'{suggestion(key, known)}")
    merged = {**defaults, **{k: v for k, v in grid.items() if k != "recording"}}
    for key, value in merged.items():
        if isinstance(value, list) and not value:
            raise InputError(f"{where}.{key}: an empty list; allowed: a value or a list of values")
    axes = [value if isinstance(value, list) else [value] for value in merged.values()]
    return [dict(zip(merged, point, strict=True)) for point in itertools.product(*axes)]


def _check(run: Run, where: str) -> None:
    try:
        check_name(run.training["model"])
    except InputError as error:
        raise InputError(f"{where}.model: {error}") from None

    if not run.windows:
        shortest = min((f["length"] - 1) * f["stride"] + 1 for f in run.recording["windows"])
        raise InputError(
            f"{where}.steps: {run.training['steps']}; allowed: at least {shortest}, "
            "the shortest window in recording.windows"
        )


def run_id(training: Mapping, schema: Mapping) -> str:
    """Name of a run: it depends on the run's own settings and on nothing else in the study."""
    parts = [f"{short}{_said(training[key])}" for key, short in _NAMED_FIRST.items()]
    for key in sorted(set(training) - set(_NAMED_FIRST) - {"seed"}):
        if training[key] != schema["properties"][key].get("default"):
            value = _said(training[key])
            parts.append(f"{key}{value}" if value[0].isdigit() else f"{key}_{value}")
    return "-".join([*parts, f"seed{training['seed']}"])


def _said(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return re.sub(r"[^A-Za-z0-9._+]", ".", text)
