"""Settings of a training, of what is recorded of it, and of the machine it runs on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides the walk of a run; the names are those of the config.

    What the dataset is (`raw`, `label_corruption`, `dataset_seed`, `dataset_options`) has been
    decided by the prepared dataset file already; it is here to be on record.
    """

    model: str
    dataset: str
    batch_size: int
    learning_rate: float
    steps: int
    seed: int
    augment: bool
    model_options: Mapping[str, Any] = field(default_factory=dict)
    optimizer: str = "sgd"
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    gradient_clip: float | None = None
    loss: str = "cross_entropy"
    schedule: str = "constant"
    warmup: int = 0
    milestones: tuple[float, ...] = ()
    decay: float = 0.1
    raw: bool = False
    label_corruption: float = 0.0
    dataset_seed: int = 0
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    drop_last: bool = False
    sampling: str = "epochs"


@dataclass(frozen=True)
class RecordingSettings:
    """What is kept of a walk; the names are those of the config."""

    windows: tuple[Mapping[str, int], ...]
    checkpoints: int | tuple[int, ...]
    weights: bool
    layer_grams: bool
    probe: int
    samples_per_step: int
    coordinates_per_layer: int
    sketch: int = 0
    groups: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """How to run, which changes nothing in what comes out but rounding.

    Attributes:
        threads: CPU threads, of all processes together.
        processes: each with a share of every minibatch, and with a GPU of its own unless the device
            is ``cpu``.
        device: ``auto``, ``cpu`` or ``cuda``.
        deterministic: only deterministic kernels on a GPU.
        resume_minutes: between resume points.
        resume_steps: between resume points as well, or None.
        host_memory: bytes for window buffers, or None for half of what is free.
    """

    threads: int
    processes: int = 1
    device: str = "auto"
    deterministic: bool = False
    resume_minutes: float = 10.0
    resume_steps: int | None = None
    host_memory: int | None = None

    @property
    def own_threads(self) -> int:
        """CPU threads of each process."""
        return max(1, self.threads // self.processes)
