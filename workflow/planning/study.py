"""A study: from a config file to its set of runs, each with a stable, readable name."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from planning.recording_checks import check_recorded, check_recording
from planning.schema import complete, config_schema, suggestion
from planning.settings import Settings
from planning.training_checks import check_processes, check_training, steps_of
from sgdwalk.errors import InputError
from sgdwalk.recording.window_families import families_that_fit
from sgdwalk.training.checkpoint_steps import checkpoint_steps
from sgdwalk.user_code import is_factory

_NAMED_FIRST = {"model": "", "dataset": "", "batch_size": "bs", "learning_rate": "lr"}
# Settings that make the prepared dataset file another one, beside the dataset's name.
_OF_DATASET = ("dataset_options", "dataset_seed", "label_corruption", "raw")
LONGEST_NAME = 180  # file systems allow 255, and endings are added
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"  # of a study, and of what has a folder in its results


class Trained(Protocol):
    """Whatever network was trained on a dataset: here, or elsewhere."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def training(self) -> Settings:
        """Settings of its training, complete."""

    @property
    def dataset(self) -> str:
        """Name of its prepared dataset."""

    @property
    def checkpoint_steps(self) -> list[int]:
        """Steps of the checkpoints at which it is looked at."""


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        id: its name.
        training: everything that decides its walk.
        recording: what is kept of it.
        dataset: name of its prepared dataset.
    """

    id: str
    training: Settings
    recording: Settings
    dataset: str

    @property
    def without_seed(self) -> str:
        """Its name but for the seed, which runs that differ by nothing else have in common."""
        return self.id.removesuffix(_seed(self.training["seed"]))

    @property
    def factories(self) -> list[str]:
        """The user's own model and dataset, by name."""
        return own_factories(self.training)

    @property
    def checkpoint_steps(self) -> list[int]:
        """Steps at which the model is saved."""
        return checkpoint_steps(self.recording["checkpoints"], self.training["steps"])

    @property
    def grouped(self) -> bool:
        """Whether groups of parameter tensors are recorded."""
        return bool(self.recording["groups"] or self.recording["layer_grams"])

    @property
    def windows(self) -> list[Mapping[str, int]]:
        """Window families that fit into the run's steps."""
        return families_that_fit(self.recording["windows"], self.training["steps"])


@dataclass(frozen=True)
class Study:
    """A checked config: its name, its runs by id, and its settings outside the grids by section.

    Attributes:
        name: of the study.
        runs: by id.
        config: sections.
        warnings: what is allowed, and may be a mistake; a line each.
    """

    name: str
    runs: dict[str, Run]
    config: dict[str, Any]
    warnings: list[str]

    @property
    def ensembles(self) -> dict[str, list[str]]:
        """Ids of the runs that differ by their seed alone, two or more, by what they share."""
        found: dict[str, list[str]] = {}
        for run in self.runs.values():
            found.setdefault(run.without_seed, []).append(run.id)
        return {name: runs for name, runs in sorted(found.items()) if len(runs) > 1}


def read_study(config: Mapping[str, Any], stem: str) -> Study:
    """Check a whole config and expand its grids.

    Args:
        config: what Snakemake read from the config files and the command line.
        stem: the config file's name without suffix, for a study that has no ``study`` key.

    Raises:
        InputError: one line with the first thing that is wrong.
    """
    schema = config_schema()
    settings = complete(dict(config), schema, schema, "")
    name = stem if settings["study"] is None else settings["study"]
    if not re.fullmatch(NAME, name):
        raise InputError(f"study: {name!r}; allowed: letters, digits, '.', '_' and '-'")
    if len(name) > LONGEST_NAME:
        raise InputError(
            f"study: a name of {len(name)} characters; allowed: at most {LONGEST_NAME}"
        )
    if not settings["grids"] and not settings["walks"]:
        raise InputError("config: neither grids nor walks; allowed: one item at least of either")
    if not settings["grids"] and "walker" not in config:
        settings["walker"]["terrains"] = []  # a toy that such a study must ask for
    training = schema["$defs"]["training"]
    _check_defaults(settings["defaults"], training, schema)
    runs: dict[str, Run] = {}
    for number, grid in enumerate(settings["grids"]):
        for chosen in _expand(settings["defaults"], grid, training, f"grids[{number}]"):
            recorded = {**settings["recording"], **(grid.get("recording") or {})}
            recorded = complete(recorded, schema["$defs"]["recording"], schema, "recording")
            values = settled(chosen, training, schema, f"grids[{number}]")
            check_processes(values, settings["resources"], f"grids[{number}]")
            run = Run(
                run_id(values, training),
                Settings(values, training, schema),
                Settings(recorded, schema["$defs"]["recording"], schema),
                dataset_id(values, training),
            )
            check_recording(run, f"grids[{number}]")
            other = runs.setdefault(run.id, run)
            if other != run:
                raise InputError(
                    f"grids[{number}]: run {run.id} is in an earlier grid with other "
                    "recording settings; allowed: the same in both"
                )
    sections = {
        key: Settings(value, schema["properties"][key], schema)
        if isinstance(value, dict)
        else value
        for key, value in settings.items()
    }
    return Study(name, runs, sections, check_recorded(runs.values()))


def _expand(
    defaults: Mapping[str, Any], grid: Mapping[str, Any], schema: Mapping[str, Any], where: str
) -> list[dict[str, Any]]:
    """The product of all lists of a grid, on top of the defaults."""
    own = {k: v for k, v in grid.items() if k != "recording"}
    _check_keys(own, schema, where)
    merged = {**defaults, **own}
    for key, other in (("steps", "epochs"), ("epochs", "steps")):
        if own.get(key) is not None and own.get(other) is None:
            merged.pop(other, None)  # a grid's length is instead of the default one
    axes = [
        _values(value, schema["properties"][key], f"{where}.{key}") for key, value in merged.items()
    ]
    return [dict(zip(merged, point, strict=True)) for point in itertools.product(*axes)]


def _values(value: Any, described: Mapping[str, Any], where: str) -> list[Any]:
    """Those of an axis: a list is many of them; of a setting that is a list itself, lists are."""
    one = not isinstance(value, list)
    if described.get("type") == "array":
        one = one or not all(isinstance(item, list) for item in value) or not value
    elif value == []:
        raise InputError(f"{where}: an empty list; allowed: a value or a list of values")
    return [value] if one else value


def _check_keys(chosen: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> None:
    known = list(schema["properties"])
    for key in chosen:
        if key not in known:
            raise InputError(f"{where}: unknown key '{key}'{suggestion(key, known)}")


def _check_defaults(
    defaults: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]
) -> None:
    """Also those that every grid overrides."""
    _check_keys(defaults, schema, "defaults")
    for key, value in defaults.items():
        where, described = f"defaults.{key}", schema["properties"][key]
        for one in _values(value, described, where):
            complete(one, described, root, where)


def own_factories(training: Mapping[str, Any]) -> list[str]:
    """The user's own model and dataset among training settings, by name."""
    return [training[key] for key in ("model", "dataset") if is_factory(training[key])]


def settled(
    chosen: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """All settings of one run, checked, with its length in steps.

    Args:
        chosen: those that are given.
        schema: of training settings.
        root: the whole schema.
        where: of the config, for messages.

    Raises:
        InputError: one line with the first thing that is wrong.
    """
    values = complete(chosen, schema, root, where)
    if values["dataset"] == "gauss":
        options = root["$defs"]["gauss"]
        given = complete(values["dataset_options"], options, root, f"{where}.dataset_options")
        values["dataset_options"] = {
            k: v for k, v in given.items() if v != options["properties"][k]["default"]
        }
    epochs = values.pop("epochs")
    if epochs is not None:
        if chosen.get("steps") is not None:
            raise InputError(
                f"{where}: steps {chosen['steps']} and epochs {epochs}; allowed: one of them"
            )
        values["steps"] = steps_of(epochs, values, where)
    check_training(values, schema, where)
    return values


def datasets(networks: Iterable[Trained]) -> dict[str, Settings]:
    """What makes each dataset of some networks, by its id: a name, and what is done to it."""
    keys = ("dataset", *_OF_DATASET)
    return {network.dataset: network.training.only(keys) for network in networks}


def run_id(training: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Name of a run: it depends on the run's own settings and on nothing else in the study."""
    parts = [f"{short}{_said(training[key])}" for key, short in _NAMED_FIRST.items()]
    others = _differing(training, schema, set(training) - set(_NAMED_FIRST) - {"seed"})
    return _shortened("-".join([*parts, *others]), _seed(training["seed"]))


def _seed(seed: int) -> str:
    return f"-seed{seed}"


def dataset_id(training: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Name of a prepared dataset: what it is and what is done to it."""
    name = _said(training["dataset"]).strip(".")
    return _shortened("-".join([name, *_differing(training, schema, set(_OF_DATASET))]), "")


def _differing(training: Mapping[str, Any], schema: Mapping[str, Any], keys: set[str]) -> list[str]:
    """Key and value of the settings that are not the default, in order."""
    parts = []
    for key in sorted(keys):
        if training[key] != schema["properties"][key].get("default"):
            value = _said(training[key])
            parts.append(f"{key}{value}" if value[:1].isdigit() else f"{key}_{value}")
    return parts


def _shortened(name: str, end: str) -> str:
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name + end


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return "+".join(f"{_said(key)}{_said(inner)}" for key, inner in sorted(value.items()))
    if isinstance(value, list | tuple):
        return "_".join(map(_said, value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return re.sub(r"[^A-Za-z0-9._+]", ".", text)
