"""The Hessian's part of a study: of which runs, and at which checkpoints how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planning.chosen_runs import chosen_runs
from planning.estimate import Network, networks
from planning.settings import Settings
from planning.study import Trained
from sgdwalk.datasets.names import dataset_size
from sgdwalk.errors import InputError

_PLANNED = ("runs", "density_checkpoints", "eigenvectors")


@dataclass(frozen=True)
class Hessians:
    """Which Hessians a study measures.

    Attributes:
        runs: ids of the runs whose Hessians belong to the study.
        steps: checkpoints by run, of all runs.
        density: those with trace and spectral density as well.
        settings: what every one of them measures.
    """

    runs: list[str]
    steps: dict[str, list[int]]
    density: dict[str, set[int]]
    settings: Settings


def read_hessians(section: Settings, runs: Mapping[str, Trained]) -> Hessians:
    """Plan the ``hessian`` section of a checked config.

    Args:
        section: with defaults filled in.
        runs: those of the study whose networks are known, by id, in its order.

    Raises:
        InputError: one line with the first thing that is wrong.
    """
    steps = {name: run.checkpoint_steps for name, run in runs.items()}
    density = {
        name: set(_spread(found, section["density_checkpoints"])) for name, found in steps.items()
    }
    settings = section.without(_PLANNED)
    chosen = chosen_runs("hessian.runs", section["runs"], list(runs))
    known = networks()
    for name in chosen:
        _check_samples(section["samples"], runs[name].training)
        _check_eigenvalues(section, runs[name].training["model"], known)
    most = max((len(steps[name]) for name in chosen), default=0)
    if chosen and "density_checkpoints" in section.said and section["density_checkpoints"] > most:
        raise InputError(
            f"hessian.density_checkpoints: {section['density_checkpoints']}; allowed: at most "
            f"{most}, the checkpoints of the runs whose Hessians are measured"
        )
    return Hessians(chosen, steps, density, settings)


def _check_samples(samples: int | None, training: Mapping[str, Any]) -> None:
    size = dataset_size(training["dataset"], training["dataset_options"])
    if samples is not None and size is not None and samples > size.samples:
        raise InputError(
            f"hessian.samples: {samples}; allowed: at most {size.samples}, the training samples "
            f"of dataset {training['dataset']!r}, or nothing (null) for all"
        )


def _check_eigenvalues(
    section: Mapping[str, Any], model: str, known: Mapping[str, Network]
) -> None:
    asked = section["top_k"] + section["smallest"]
    if model in known and asked > known[model].parameters:
        raise InputError(
            f"hessian.top_k: {section['top_k']} (and hessian.smallest: {section['smallest']}); "
            f"allowed: at most {known[model].parameters} together, the parameters of {model}"
        )


def _spread(steps: list[int], count: int) -> list[int]:
    """As many of the steps, evenly, the first and the last among them; one alone is the last."""
    if count <= 1:
        return steps[-1:] * count
    last = len(steps) - 1
    return [steps[round(last * i / (count - 1))] for i in range(count)]
