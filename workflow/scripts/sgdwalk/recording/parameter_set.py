"""The parameters that walk: which they are, that they stay the same, and their values, flat.

Flat means: every tensor in row-major order of its indices, one tensor after the other, a complex
number as its real and its imaginary part. Values are kept in the widest of the parameters' types,
those of 16 bits as float32, so that a position is exactly that of the walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter, is_

import numpy as np
import torch
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.recording.ranks import Shard, is_dtensor

Walked = nn.Module | Iterable[tuple[str, torch.Tensor]]

_LOOK = attrgetter("requires_grad", "dtype", "device", "shape")
_ALLOWED = "allowed: a module, or pairs (name, parameter), as model.named_parameters() gives"
_WRAPPERS = ("_orig_mod.", "module.")  # prefixes of names under torch.compile and DDP


@dataclass(frozen=True)
class Piece:
    """Consecutive numbers of this process's part that are consecutive among chosen tensors, too.

    Attributes:
        start: of the numbers in this process's part.
        stop: where they end.
        place: of the first among all numbers of the chosen tensors.
        spread: makes consecutive numbers of them where they are not, with zeros between; or None.
    """

    start: int
    stop: int
    place: int
    spread: Callable[[torch.Tensor], torch.Tensor] | None

    def followed_by(self, start: int, place: int) -> bool:
        """Whether numbers that are consecutive, too, go on where it ends."""
        goes_on = self.stop == start and self.place - self.start == place - start
        return goes_on and self.spread is None


class ParameterSet:
    """The parameters of a walk, fixed when it is made.

    Args:
        walked: a module, whose trainable parameters walk, or pairs (name, parameter), which all do.

    Attributes:
        names: (L,) of the parameter tensors, in order.
        shapes: (L,) their shapes.
        sizes: (L,) real numbers of each, over all ranks.
        local_sizes: (L,) real numbers of each that this process holds and counts.
        dtype: float32 or float64, in which positions and gradients are kept.
        device: where they are; the CPU if they are in several places.
        sharded: whether other processes hold parts of them.

    Raises:
        InputError: if there is none, or one whose values cannot be recorded.
    """

    def __init__(self, walked: Walked):
        self._module = walked if isinstance(walked, nn.Module) else None
        self._named = _all_named(walked)
        self._walking = [(n, p) for n, p in self._named if self._module is None or p.requires_grad]
        if not self._walking:
            raise InputError("model: no trainable parameters; allowed: at least one")
        for name, parameter in self._walking:
            _check_kind(name, parameter)
        self.parameters = [p for _, p in self._walking]
        self.names = [n for n, _ in self._walking]
        self.shapes = [tuple(p.shape) for p in self.parameters]
        self.sharded = any(map(is_dtensor, self.parameters))
        self._shards = [Shard(p, self.sharded) for p in self.parameters]
        parts = [2 if p.is_complex() else 1 for p in self.parameters]
        self.sizes = [n * p.numel() for n, p in zip(parts, self.parameters, strict=True)]
        self.local_sizes = [n * s.numel for n, s in zip(parts, self._shards, strict=True)]
        wide = any(p.dtype in (torch.float64, torch.complex128) for p in self.parameters)
        self.dtype = torch.float64 if wide else torch.float32
        devices = {p.device for p in self.parameters}
        self._together = len(devices) == 1
        self.device = devices.pop() if self._together else torch.device("cpu")
        self._simple = not self.sharded and not any(p.is_complex() for p in self.parameters)
        self._zero = torch.zeros(1, dtype=self.dtype, device=self.device)
        self._flat: list[torch.Tensor] = []
        self._places: list[int] = []
        self._remember()

    def _remember(self) -> None:
        """What `check` compares with."""
        modules = list(self._module.modules()) if self._module is not None else []
        self._owners = [m._parameters for m in modules]
        self._children = [m._modules for m in modules]
        self._owned = list(chain.from_iterable(map(dict.values, self._owners)))
        self._modules = list(chain.from_iterable(map(dict.values, self._children)))
        self._every = [p for _, p in self._named]
        self._looks = list(map(_LOOK, self._every))

    def check(self) -> None:
        """See that the set is what it was; microseconds.

        Raises:
            InputError: names the first parameter that was added, removed, replaced, frozen,
                unfrozen, cast, moved or resized.
        """
        if self._is_same():
            return
        change = self.change()
        if change is not None:
            raise InputError(
                f"model: parameter {change} while it was recorded; allowed: the parameters of the "
                "start, unchanged. What was recorded before is kept; another recorder can go on"
            )
        self._remember()  # only modules without parameters came or went

    def _is_same(self) -> bool:
        owned = list(chain.from_iterable(map(dict.values, self._owners)))
        modules = list(chain.from_iterable(map(dict.values, self._children)))
        return (
            len(owned) == len(self._owned)
            and len(modules) == len(self._modules)
            and all(map(is_, owned, self._owned))
            and all(map(is_, modules, self._modules))
            and list(map(_LOOK, self._every)) == self._looks
        )

    def change(self) -> str | None:
        """What happened to the first parameter that is not what it was; None if all are."""
        before = dict(self._named)
        now = before if self._module is None else dict(_all_named(self._module))
        added = next((name for name in now if name not in before), None)
        if added is not None:
            return f"'{added}' was added"
        for (name, old), look in zip(self._named, self._looks, strict=True):
            if name not in now:
                return f"'{name}' was removed"
            if now[name] is not old:
                return f"'{name}' was replaced"
            trainable, dtype, device, shape = look
            if old.requires_grad != trainable:
                return f"'{name}' was {'unfrozen' if old.requires_grad else 'frozen'}"
            if old.dtype != dtype:
                return f"'{name}' was cast from {dtype} to {old.dtype}"
            if old.device != device:
                return f"'{name}' was moved from {device} to {old.device}"
            if old.shape != shape:
                return f"'{name}' was resized from {tuple(shape)} to {tuple(old.shape)}"
        return None

    def positions(self, out: torch.Tensor) -> None:
        """Copy this process's part of the present position into ``out``, (P,) of ``dtype``."""
        places = [p.data_ptr() for p in self.parameters]
        if places != self._places:  # made, moved or reassigned in place: nothing to say against
            parts = [
                _reals(shard.of(p.detach()))
                for shard, p in zip(self._shards, self.parameters, strict=True)
            ]
            lasting = not self.sharded and all(part.is_contiguous() for part in parts)
            self._places = places if lasting else []
            self._flat = [part.view(-1) for part in parts] if lasting else parts
        self._join(self._flat, out)

    def gradients(self, out: torch.Tensor) -> None:
        """Copy this process's part of the gradient into ``out``; zero where there is none."""
        found = [p.grad for p in self.parameters]
        if not self._simple:
            found = [
                None if g is None else _reals(shard.of(g.detach()))
                for shard, g in zip(self._shards, found, strict=True)
            ]
        dense = [
            self._zero.expand(size)
            if g is None
            else (g if g.layout is torch.strided else g.to_dense())
            for size, g in zip(self.local_sizes, found, strict=True)
        ]
        self._join(dense, out)

    def _join(self, tensors: list[torch.Tensor], out: torch.Tensor) -> None:
        """Flatten and join tensors of any types and strides into ``out``."""
        flat = [t if t.dim() == 1 else t.reshape(-1) for t in tensors]
        if self._together:
            torch.cat(flat, out=out)
            return
        for part, tensor in zip(out.split(self.local_sizes), flat, strict=True):
            part.copy_(tensor)

    def pieces(self, tensors: Sequence[int]) -> list[Piece]:
        """Where this process's part is among the numbers of chosen tensors.

        Args:
            tensors: their indices, in order.
        """
        starts = [0, *np.cumsum(self.local_sizes).tolist()]
        found: list[Piece] = []
        place = 0
        for i in tensors:
            shard, (start, stop) = self._shards[i], starts[i : i + 2]
            reals = 2 if self.parameters[i].is_complex() else 1
            spread = None if shard.consecutive else shard.spread
            at = place + (reals * shard.first if shard.consecutive else 0)
            place += self.sizes[i]
            if start == stop:
                continue
            last = found[-1] if found else None
            if last and spread is None and last.followed_by(start, at):
                found[-1] = replace(last, stop=stop)
            else:
                found.append(Piece(start, stop, at, spread))
        return found

    def local(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where entries of the whole flat position are in this process's part.

        Args:
            index: (n,) flat indices over all ranks.

        Returns:
            (n,) whether this process holds and counts each, and (n,) its index there, else 0.
        """
        if not self.sharded:
            return np.ones(len(index), bool), index
        mine, inside = np.zeros(len(index), bool), np.zeros(len(index), np.int64)
        start = begin = 0
        for shard, parameter, size, local in zip(
            self._shards, self.parameters, self.sizes, self.local_sizes, strict=True
        ):
            here = (index >= start) & (index < start + size)
            parts = 2 if parameter.is_complex() else 1
            element, part = np.divmod(index[here] - start, parts)
            mine[here], found = shard.local(element)
            inside[here] = np.where(mine[here], begin + found * parts + part, 0)
            start, begin = start + size, begin + local
        return mine, inside


def _reals(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers, a complex one as a last dimension of two."""
    if not tensor.is_complex():
        return tensor
    dense = tensor if tensor.layout is torch.strided else tensor.to_dense()
    return torch.view_as_real(dense.resolve_conj())


def _all_named(walked: Walked) -> list[tuple[str, torch.Tensor]]:
    """All parameters with the names that they have without wrappers."""
    if isinstance(walked, nn.Module):
        return [(_plain(name), p) for name, p in walked.named_parameters()]
    if not isinstance(walked, Iterable):
        raise InputError(f"model: a {type(walked).__name__}; {_ALLOWED}")
    named = []
    for i, item in enumerate(walked):
        pair = isinstance(item, tuple | list) and len(item) == 2
        if not pair or not isinstance(item[0], str) or not isinstance(item[1], torch.Tensor):
            raise InputError(f"model: item {i} is a {type(item).__name__}; {_ALLOWED}")
        named.append((item[0], item[1]))
    names = [name for name, _ in named]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise InputError(f"model: two parameters are named '{twice}'; allowed: each once")
    return named


def _plain(name: str) -> str:
    changed = True
    while changed:
        changed = False
        for prefix in _WRAPPERS:
            if name.startswith(prefix):
                name, changed = name.removeprefix(prefix), True
    return name.replace("._orig_mod.", ".")


def _check_kind(name: str, parameter: torch.Tensor) -> None:
    if nn.parameter.is_lazy(parameter):
        raise InputError(
            f"model: parameter '{name}' has no size yet; allowed after a first forward pass"
        )
    known = parameter.is_floating_point() or parameter.is_complex()
    if not known or parameter.layout != torch.strided or parameter.device.type == "meta":
        raise InputError(
            f"model: parameter '{name}' is {parameter.dtype}, {parameter.layout}, on "
            f"{parameter.device}; allowed: dense floating-point or complex numbers with values"
        )
