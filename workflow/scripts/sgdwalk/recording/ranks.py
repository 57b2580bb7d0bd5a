"""Walks over several processes: which numbers each of them counts, and their sums.

Replicas (DistributedDataParallel) hold the same position: the first one's is the walk, and losses
are averaged. Shards (DTensor, as fully_shard makes them) hold a part each: inner products and
squared norms are sums over ranks, in which what several hold is counted once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import Any

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from sgdwalk.errors import InputError
from sgdwalk.recording.arguments import Number
from sgdwalk.recording.notices import say

Part = torch.Tensor | np.ndarray  # of the numbers of a step; arrays where all is on the CPU
_PATIENCE = 10.0  # seconds after which a process says what it waits for


class Ranks:
    """The processes of a walk.

    Args:
        walked: what walks, as it was given.
        sharded: whether parameters lie on several processes.
        device: of the parameters.

    Attributes:
        first: whether this process writes the file.
        counts: whether this process has a part of the walk; other replicas only tell their losses.
        shared: whether there are others at all, so that every one of them must take part.
    """

    def __init__(self, walked: object, sharded: bool, device: torch.device):
        self._group = None
        if isinstance(walked, DistributedDataParallel):
            self._group = walked.process_group
        self.sharded = sharded
        self.shared = self._group is not None or sharded
        self._device = device
        self.first = not self.shared or distributed.get_rank(self._group) == 0
        self.counts = self.first or sharded
        self.processes = distributed.get_world_size(self._group) if self.shared else 1

    @contextmanager
    def together(self) -> Iterator[None]:
        """Run a block on all processes; where it fails on one, it fails on all.

        Raises:
            InputError: on the others.
        """
        failed = torch.zeros(1, dtype=torch.float64)
        try:
            yield
        except BaseException:
            failed += 1
            raise
        finally:
            if self.shared:
                waiting = Timer(_PATIENCE, say, ["waiting for the recorders of other processes"])
                waiting.daemon = True
                waiting.start()
                failed = self._reduce(failed.to(self._device))
                waiting.cancel()
        if failed:
            raise InputError("recording was refused on another process, which says why")

    def agree(self, well: bool) -> bool:
        """Whether all went well on every process that holds a shard; each of them calls it."""
        return not self.sum(torch.tensor([float(not well)], device=self._device)).item()

    def leave(self) -> None:
        """Keep no hold of the process group, which its owner may destroy."""
        self._group = None

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Sum over the processes' shards, in place; every process calls it."""
        if self.sharded:
            self._reduce(values)
        return values

    def sum_of_squares(self, norms: torch.Tensor) -> torch.Tensor:
        """Norms of whole rows from those of the processes' shards."""
        return self.sum(norms.square()).sqrt() if self.sharded else norms

    def step(
        self,
        loss: Number | None,
        samples: int | None,
        norms: Sequence[Part],
        numbers: Sequence[Part],
        ended: bool,
    ) -> tuple[float | None, int | None, list[np.ndarray], bool]:
        """What a step is over all processes, in one exchange and one copy from the device.

        Args:
            loss: of this process's minibatch, or None.
            samples: in it, or None.
            norms: arrays of norms; over shards their squares are summed.
            numbers: arrays of others; over shards these are.
            ended: whether this process has stopped recording.

        Returns:
            Mean loss, samples, the arrays of norms and numbers, and whether any process has
            stopped.
        """
        if not self.shared and self._device.type == "cpu":
            told = loss.item() if isinstance(loss, torch.Tensor) else loss
            return told, samples, [_array(a) for a in (*norms, *numbers)], ended
        sizes = np.cumsum([len(a) for a in (*norms, *numbers)][:-1])
        of_norms, of_numbers = ([torch.as_tensor(a) for a in part] for part in (norms, numbers))
        if isinstance(loss, torch.Tensor) and loss.device != self._device:
            loss = loss.item()
        if not self.shared:
            own = [loss.reshape(1)] if isinstance(loss, torch.Tensor) else []
            both = torch.cat([*own, *of_norms, *of_numbers]).cpu().numpy()
            told = float(both[0]) if isinstance(loss, torch.Tensor) else loss
            return told, samples, np.split(both[len(own) :], sizes), ended
        head = torch.zeros(5, dtype=torch.float64, device=self._device)
        head[0], head[1] = ended, loss is not None
        head[2], head[3] = loss is not None and samples is not None, samples or 0
        head[4] = 0.0 if loss is None else loss
        if self.sharded:
            squares = [a.square() for a in of_norms]
            summed = self._reduce(torch.cat([head, *squares, *of_numbers]))
            summed[len(head) : len(head) + sum(map(len, norms))].sqrt_()
        else:
            summed = torch.cat([self._reduce(head), *of_norms, *of_numbers])
        told_of, found = np.split(summed.cpu().numpy(), [len(head)])
        any_ended, losses, with_samples, total, loss_sum = told_of.tolist()
        return (
            loss_sum / losses if losses else None,
            int(total) if with_samples == self.processes else None,
            np.split(found, sizes),
            any_ended > 0,
        )

    def _reduce(self, values: torch.Tensor) -> torch.Tensor:
        distributed.all_reduce(values, group=self._group)
        return values


def _array(part: Part) -> np.ndarray:
    return part if isinstance(part, np.ndarray) else part.numpy()


class Shard:
    """The part of one parameter that this process holds and counts.

    Args:
        parameter: the parameter; one that is no DTensor is whole everywhere.
        sharded: whether other parameters of the walk are DTensors: the first process then counts
            those that are whole everywhere.

    Attributes:
        numel: elements of the part; 0 if another process counts it.
        first: flat index of the first of them in the whole parameter.
        consecutive: whether they follow each other there.
    """

    def __init__(self, parameter: torch.Tensor, sharded: bool):
        self._distributed = is_dtensor(parameter)
        self._shape = tuple(parameter.shape)
        self._starts, self._stops = (0,) * len(self._shape), self._shape
        self._placements: Any = None
        self._counted = not sharded or self._distributed or distributed.get_rank() == 0
        if self._distributed:
            self._of_dtensor(parameter)
        sides = [b - a for a, b in zip(self._starts, self._stops, strict=True)]
        self.numel = int(np.prod(sides, dtype=np.int64)) if self._counted else 0
        self._sides, self.first, self.consecutive = sides, 0, True
        if self.numel and self._shape:
            ends = zip(self._starts, [b - 1 for b in self._stops], strict=True)
            self.first, last = np.ravel_multi_index(tuple(ends), self._shape).tolist()
            self.consecutive = last - self.first + 1 == self.numel

    def _of_dtensor(self, parameter: Any) -> None:
        from torch.distributed.tensor import Replicate
        from torch.distributed.tensor import Shard as Split

        mesh, self._placements = parameter.device_mesh, tuple(parameter.placements)
        if mesh.size() != distributed.get_world_size():
            raise InputError(
                f"model: a parameter lies on {mesh.size()} of {distributed.get_world_size()} "
                "processes; allowed: on all of them"
            )
        place = mesh.get_coordinate()
        starts, stops = [0] * len(self._shape), list(self._shape)
        for axis, placement in enumerate(self._placements):
            if isinstance(placement, Replicate):
                self._counted &= place[axis] == 0
            elif type(placement) is Split:
                # torch's rule: chunks of ceil(n / ranks), the last ones shorter or empty
                d, ranks = placement.dim, mesh.size(axis)
                chunk = -(-(stops[d] - starts[d]) // ranks)
                end = stops[d]
                starts[d] = min(starts[d] + place[axis] * chunk, end)
                stops[d] = min(starts[d] + chunk, end)
            else:
                raise InputError(
                    f"model: a parameter is placed as {placement}; allowed: Shard and Replicate"
                )
        self._starts, self._stops = tuple(starts), tuple(stops)

    def of(self, tensor: Any) -> torch.Tensor:
        """Of a tensor like the parameter (itself, or its gradient), the part of this process."""
        if is_dtensor(tensor):
            if tuple(tensor.placements) != self._placements:
                tensor = tensor.redistribute(placements=self._placements)
            tensor = tensor.to_local()
        return tensor if self._counted else tensor.reshape(-1)[:0]

    def spread(self, part: torch.Tensor) -> torch.Tensor:
        """The numbers of the whole parameter, flat, with zeros where they are not in this part.

        Args:
            part: (n,) of this part, one or two for an element.
        """
        whole = part.new_zeros(*self._shape, len(part) // self.numel)
        inside = tuple(map(slice, self._starts, self._stops))
        whole[inside] = part.view(*self._sides, -1)
        return whole.reshape(-1)

    def local(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where elements of the whole parameter, by flat index, are in this part.

        Returns:
            Whether each is in this part, and its flat index there (0 where it is not).
        """
        if not self.numel:
            return np.zeros(len(index), bool), np.zeros_like(index)
        if not self._shape:
            return np.ones(len(index), bool), index
        places = np.array(np.unravel_index(index, self._shape))
        starts, stops = np.array(self._starts)[:, None], np.array(self._stops)[:, None]
        mine = np.all((places >= starts) & (places < stops), axis=0)
        inside = np.where(mine, places - starts, 0)
        return mine, np.asarray(np.ravel_multi_index(tuple(inside), self._sides))


def is_dtensor(tensor: torch.Tensor) -> bool:
    """Whether a tensor is spread over processes."""
    if not distributed.is_available():
        return False
    from torch.distributed.tensor import DTensor

    return isinstance(tensor, DTensor)
