"""What a study will take, before anything runs: arithmetic, memory and disk of every run."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planning.study import Run
from sgdwalk.datasets.names import dataset_size
from sgdwalk.training.checkpoint_steps import checkpoint_steps

COSTS = Path(__file__).with_name("network_costs.csv")
# Sides of the inputs that the costs were counted for; a convolution's cost goes with the area.
_COUNTED_AT = {"simplenet": 28, "resnet_mnist": 28}
_BACKWARD = 3  # a training step costs about three forward passes
_FLOAT = 4  # bytes
_GRAM = 8  # bytes of an entry of a Gram matrix
_PER_STEP = 400  # bytes of everything else in a trajectory file


@dataclass(frozen=True)
class Network:
    """Size and cost of a network.

    Attributes:
        parameters: number of them.
        forward: floating-point operations of one forward pass of one input.
    """

    parameters: int
    forward: float


@dataclass(frozen=True)
class Needs:
    """What one training run takes.

    Attributes:
        training: floating-point operations of its steps.
        noise: of the minibatches at its checkpoints.
        buffer: bytes of its window buffers while it trains.
        copies: bytes of the first and the last position, which a sketch needs while it trains.
        kept: bytes of its files; of groups of parameter tensors, those that have a name.
        positions: bytes of all its positions, which the original wrote.
    """

    training: float
    noise: float
    buffer: int
    copies: int
    kept: int
    positions: int


def networks() -> dict[str, Network]:
    """All networks by name; costs were counted once with torch's FlopCounterMode."""
    with open(COSTS, newline="", encoding="utf-8") as file:
        return {
            row["model"]: Network(int(row["parameters"]), float(row["forward_mflop"]) * 1e6)
            for row in csv.DictReader(file)
        }


def cost(run: Run, known: Mapping[str, Network]) -> Network | None:
    """The network of a run at the size of its inputs, or None where its cost was not counted."""
    name = run.training["model"]
    network = known.get(name)
    size = dataset_size(run.training["dataset"], run.training["dataset_options"])
    if network is None or size is None or len(size.input_shape) != 3:
        return None
    area = math.prod(size.input_shape[1:]) / _COUNTED_AT.get(name, 32) ** 2
    return Network(network.parameters, network.forward * area)


def needs(run: Run, network: Network, draws: int) -> Needs:
    """Of one run.

    Args:
        run: its settings.
        network: from `cost`.
        draws: minibatches at every checkpoint.
    """
    steps, parameters = run.training["steps"], network.parameters
    step = _BACKWARD * network.forward * run.training["batch_size"]
    families = [(w["length"], steps // (w["length"] * w["stride"])) for w in run.windows]
    spaces, numbers = 1 + len(run.recording["groups"]), run.recording["sketch"]
    grams = sum(max(count, 1) * (length - 1) ** 2 * _GRAM for length, count in families)
    each_step = _PER_STEP + spaces * numbers * _FLOAT
    rows = sum(max(count, 1) * length for length, count in families)
    weights = rows * parameters * _FLOAT if run.recording["weights"] else 0
    saved = checkpoints(run) * parameters * _FLOAT
    return Needs(
        training=step * steps,
        noise=step * draws * checkpoints(run),
        buffer=sum(length * parameters * _FLOAT for length, _ in families),
        copies=2 * parameters * _FLOAT if numbers else 0,
        kept=spaces * grams + saved + steps * each_step + weights,
        positions=steps * parameters * _FLOAT,
    )


def checkpoints(run: Run) -> int:
    """How many a run has."""
    return len(checkpoint_steps(run.recording["checkpoints"], run.training["steps"]))


def hessian_operations(run: Run, network: Network, settings: Mapping[str, Any]) -> float:
    """Of all checkpoints of one run: a Hessian-vector product costs about two gradients.

    The leading eigenpairs are taken to need five products each.
    """
    samples = settings["samples"]
    if samples is None:
        size = dataset_size(run.training["dataset"], run.training["dataset_options"])
        samples = size.samples  # type: ignore[union-attr]  # else `cost` had found no network
    density = settings["density_probes"] * settings["density_steps"] + settings["trace_products"]
    products = checkpoints(run) * 5 * (settings["top_k"] + settings["smallest"])
    products += min(settings["density_checkpoints"], checkpoints(run)) * density
    replayed = checkpoints(run) * settings["replay"] * run.training["batch_size"]
    return _BACKWARD * network.forward * (2 * products * samples + replayed)
