"""Walks from elsewhere: what a study says of them, and where their files are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planning.schema import config_schema
from planning.settings import Settings
from planning.study import LONGEST_NAME, NAME, Study, dataset_id, own_factories, settled
from sgdwalk.errors import InputError
from sgdwalk.walks.checkpoint_names import Checkpoint, checkpoint_series

# What is said of checkpoints, and of no file of the recorder.
_OF_CHECKPOINTS = ("steps", "losses", "select", "model", "dataset", "training")
_MOST_COMPARED = 200  # steps of a walk at which others of its network are compared with it
_SKETCH = 1024  # numbers of the sketch of checkpoints, where the study says nothing


@dataclass(frozen=True)
class WalkedNetwork:
    """The network of a walk from elsewhere, with its data.

    Attributes:
        id: name of the walk.
        training: settings of its training, complete.
        dataset: name of its prepared dataset.
        checkpoint_steps: of the checkpoints at which it is looked at.
    """

    id: str
    training: Settings
    dataset: str
    checkpoint_steps: list[int]

    @property
    def factories(self) -> list[str]:
        """The user's own model and dataset, by name."""
        return own_factories(self.training)


@dataclass(frozen=True)
class Walk:
    """One walk from elsewhere.

    Attributes:
        id: its name.
        trajectory: its file, if a recorder wrote it.
        series: its checkpoints, in order of step; none of a file of the recorder.
        losses: CSV file of their losses.
        select: patterns of the parameters that are looked at.
        sketch: numbers of the sketch that is made of them.
        network: the network that walks, if it is known.
    """

    id: str
    trajectory: str | None
    series: tuple[Checkpoint, ...]
    losses: str | None
    select: list[str]
    sketch: int
    network: WalkedNetwork | None

    @property
    def files(self) -> list[str]:
        """All files that it is read from."""
        read = [path for checkpoint in self.series for path in checkpoint.paths]
        return read + [path for path in (self.trajectory, self.losses) if path is not None]

    def said(self, steps: Collection[int] | None = None) -> list[list[str]]:
        """Step and files of every checkpoint, or of those of some steps."""
        chosen = [one for one in self.series if steps is None or one.step in steps]
        return [[str(one.step), *one.paths] for one in chosen]


def read_walks(study: Study) -> dict[str, Walk]:
    """Walks of a study by name, in its order; their files are looked for, and not opened.

    Raises:
        InputError: one line with the first thing that is wrong.
    """
    walks: dict[str, Walk] = {}
    for number, section in enumerate(study.config["walks"]):
        walk = _read(section, study, f"walks[{number}]")
        if walk.id in study.runs or walk.id in walks:
            what = "run" if walk.id in study.runs else "walk"
            raise InputError(
                f"walks[{number}].name: {walk.id!r} is that of another {what}; allowed: one of its "
                "own"
            )
        walks[walk.id] = walk
    return walks


def spread_steps(many: Iterable[Sequence[Checkpoint]]) -> list[int]:
    """Steps of series of checkpoints, some of each if they are many, increasing."""
    found: set[int] = set()
    for series in many:
        found.update(one.step for one in series[:: -(-len(series) // _MOST_COMPARED)])
    return sorted(found)


def _read(section: Mapping[str, Any], study: Study, where: str) -> Walk:
    name = section["name"]
    if not re.fullmatch(NAME, name) or len(name) > LONGEST_NAME:
        raise InputError(
            f"{where}.name: {name!r}; allowed: letters, digits, '.', '_' and '-', "
            f"{LONGEST_NAME} at most"
        )
    patterns, trajectory = section["checkpoints"], section["trajectory"]
    if bool(patterns) == bool(trajectory):
        said = "both trajectory and checkpoints" if patterns else "no trajectory and no checkpoints"
        raise InputError(f"{where}: {said}; allowed: one of them")
    if trajectory:
        given = [key for key in _OF_CHECKPOINTS if section[key]]
        if given:
            raise InputError(f"{where}.{given[0]}: allowed with checkpoints, not with a trajectory")
        _exists(trajectory, f"{where}.trajectory", "a file of the recorder")
        return Walk(name, trajectory, (), None, [], 0, None)
    try:
        series = checkpoint_series(patterns, section["steps"])
    except InputError as error:
        raise InputError(f"{where}.{error}") from None
    _apart_from_results(series, study, f"{where}.checkpoints")
    if section["losses"]:
        _exists(section["losses"], f"{where}.losses", "a CSV file")
    return Walk(
        id=name,
        trajectory=None,
        series=tuple(series),
        losses=section["losses"] or None,
        select=[section["select"]] if isinstance(section["select"], str) else section["select"],
        sketch=study.config["recording"]["sketch"] or _SKETCH,
        network=_network(section, [one.step for one in series], study, where),
    )


def _network(
    section: Mapping[str, Any], steps: list[int], study: Study, where: str
) -> WalkedNetwork | None:
    """The walk's network, if it is said which that is."""
    if not section["model"] and not section["dataset"]:
        if section["training"]:
            raise InputError(f"{where}.training: allowed with a model and a dataset")
        return None
    for key, other in (("model", "dataset"), ("dataset", "model")):
        if not section[key]:
            raise InputError(f"{where}: a {other} and no {key}; allowed: both, or neither")
    given = [key for key in ("model", "dataset", "steps", "epochs") if key in section["training"]]
    if given:
        told = "the walk" if given[0] in ("model", "dataset") else "the checkpoints"
        raise InputError(f"{where}.training.{given[0]}: that is said by {told}; leave it out")
    schema = config_schema()
    described = schema["$defs"]["training"]
    chosen = {key: section[key] for key in ("model", "dataset")}
    chosen = {**section["training"], **chosen, "steps": max(steps[-1], 1)}
    values = settled(chosen, described, schema, f"{where}.training")
    return WalkedNetwork(
        id=section["name"],
        training=Settings(values, described, schema),
        dataset=dataset_id(values, described),
        checkpoint_steps=_nearest(study.config["recording"]["checkpoints"], steps),
    )


def _nearest(wanted: int | list[int], steps: list[int]) -> list[int]:
    """Steps of the walk that are named, or a number of them spread over it."""
    if isinstance(wanted, int):
        count = min(max(wanted, 2), len(steps))
        last = len(steps) - 1
        return sorted({steps[round(last * i / (count - 1))] for i in range(count)})
    named = set(wanted) & set(steps)
    return sorted({steps[0], steps[-1]} | named)


def _exists(path: str, where: str, what: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{where}: no file {path}; allowed: {what}")


def _apart_from_results(series: list[Checkpoint], study: Study, where: str) -> None:
    """Checkpoints among a study's own results could be taken for what it makes."""
    own = (Path("results") / study.name).resolve()
    for checkpoint in series:
        for path in map(Path, checkpoint.paths):
            if own in path.resolve().parents:
                raise InputError(
                    f"{where}: {path} is among this study's results, which jobs write; allowed: "
                    "checkpoints anywhere else"
                )
