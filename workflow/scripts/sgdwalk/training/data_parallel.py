"""One run on several processes of one node, each with its share of every minibatch.

The minibatch is that of one process, cut into as many slices, and the gradient is the mean over all
of its samples: the walk is that of one process to rounding. Batch normalisation takes its
statistics over all slices too, on GPUs. Only dropout differs, as every process draws its own units.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from sgdwalk.errors import InputError
from sgdwalk.training.loop import TrainingRun

_PATIENCE = timedelta(hours=1)  # evaluation and resume points are the first process's alone


@dataclass(frozen=True)
class Place:
    """One of the processes of a run.

    Attributes:
        rank: 0 for the process that records.
        processes: how many there are.
        meeting: file, unused so far, through which they find one another.
    """

    rank: int
    processes: int
    meeting: str


@contextmanager
def joined(run: TrainingRun, place: Place, device: torch.device) -> Iterator[None]:
    """Meet the other processes and share the run's minibatches with them in this block.

    Args:
        run: the same in all processes.
        place: of this process.
        device: where the run is.

    Raises:
        InputError: if the network has batch normalisation, on the CPU.
    """
    check_network(run.model, device)
    store = distributed.FileStore(place.meeting, place.processes)
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        store=store,
        rank=place.rank,
        world_size=place.processes,
        timeout=_PATIENCE,
    )
    alone = run.forward
    try:
        model = _synchronised(run.model) if device.type == "cuda" else run.model
        run.forward = _shared(DistributedDataParallel(model), place)
        yield
    finally:
        run.forward = alone
        distributed.destroy_process_group()


def check_network(model: nn.Module, device: torch.device) -> None:
    """Raise an `InputError` for a network that cannot be shared on this device."""
    if device.type == "cpu" and any(isinstance(m, _BatchNorm) for m in model.modules()):
        raise InputError(
            "batch normalisation over several processes needs GPUs; on the CPU give the training "
            "one process"
        )


def share(size: int, place: Place) -> tuple[int, int]:
    """Start and stop of a process's slice of a minibatch; slices differ by one sample at most."""
    return size * place.rank // place.processes, size * (place.rank + 1) // place.processes


def _shared(
    model: nn.Module, place: Place
) -> Callable[[TrainingRun, torch.Tensor, torch.Tensor], tuple[torch.Tensor, float, int]]:
    """What takes the place of ``training.forward_alone``."""

    def forward(
        run: TrainingRun, inputs: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, float, int]:
        if place.rank:  # a function of the step, so that it needs no resume point
            words = [run.batches.seed, 2, run.step, place.rank]
            torch.manual_seed(int(np.random.SeedSequence(words).generate_state(1)[0]))
        start, stop = share(len(labels), place)
        # A process without a sample takes part with one that does not count.
        mine = slice(start, stop) if stop > start else slice(0, 1)
        outputs = model(inputs[mine])
        loss = run.criterion(outputs, labels[mine]) * ((stop - start) / len(labels))
        right = (outputs.detach().argmax(1) == labels[mine]).sum() * (stop > start)
        sums = torch.stack([loss.detach().double(), right.double()])
        distributed.all_reduce(sums)
        # Gradients are averaged over processes, where a sum is wanted.
        return loss * place.processes, sums[0].item(), int(sums[1].item())

    return forward


def _synchronised(model: nn.Module) -> nn.Module:
    """The same network, on the same tensors, with batch statistics over all processes.

    The run's own network stays as it is, to be evaluated by one process.
    """
    tensors = [*model.parameters(), *model.buffers()]
    twin = copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})
    return nn.SyncBatchNorm.convert_sync_batchnorm(twin)
