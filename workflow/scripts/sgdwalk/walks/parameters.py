"""Which tensors of a series of checkpoints walk: parameters, each once, and no buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial

import torch
from torch import Tensor

from sgdwalk.errors import InputError
from sgdwalk.walks.checkpoint_file import open_checkpoint
from sgdwalk.walks.checkpoint_names import Checkpoint

# Last parts of names of buffers with floating-point numbers; all other types are buffers too.
_BUFFERS = {
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "inv_freq",
    "original_inv_freq",
    "position_ids",
    "masked_bias",
    "cos_cached",
    "sin_cached",
    "freqs_cis",
    "causal_mask",
    "attn_mask",
    "relative_position_index",
    "n_averaged",
}
_WEIGHTS = {"weight", "qweight"}
_MOST_NAMED = 4
_LOOK = 4096  # numbers by which two tensors are seen to differ before all are compared
_WIDE = (torch.float64, torch.complex128)


@dataclass(frozen=True)
class Parameters:
    """What walks, in order.

    Attributes:
        names: of the tensors.
        shapes: of each.
        sizes: real numbers of each; a complex one counts as two.
        dtype: float32 or float64, the widest there is.
        notes: what was left out, counted once or renamed, one line each.
    """

    names: list[str]
    shapes: list[tuple[int, ...]]
    sizes: list[int]
    dtype: torch.dtype
    notes: list[str]

    @property
    def total(self) -> int:
        """P, real numbers of a position."""
        return sum(self.sizes)


def walking_parameters(
    series: Sequence[Checkpoint], select: Sequence[str] = (), names: Sequence[str] | None = None
) -> Parameters:
    """Look through a series and find what walks; only heads of files are read, and tensors alike.

    Args:
        series: checkpoints in order.
        select: patterns of names; those that match one walk. Empty for all.
        names: of the parameters of a known network, in its order; None where it is not known, and
            then all floating-point tensors walk but for buffers, which are told by their names.

    Raises:
        InputError: one line with the name of a parameter that is missing, added or of another
            shape in some checkpoint, or that is quantised; or if nothing is left.
    """
    with open_checkpoint(series[0]) as first:
        notes = [f"'{first.prefix}' taken off all names"] if first.prefix else []
        shapes = {name: tuple(t.shape) for name, t in first.tensors.items()}
        found = _known(shapes, names, series[0]) if names else _told_by_name(first.tensors, notes)
        if select:
            found = _selected(found, select)
        for name in found:
            _check_type(name, first.tensors[name], series[0])
    # patterns of what must not come later; of a known network nothing else is looked at
    wide = _check_others(series, shapes, found, [] if names else select or ["*"])
    if not names:
        found = _untied(series, found, shapes, notes)
    with open_checkpoint(series[0]) as first:
        sizes = [real_numbers(first.tensors[name]) for name in found]
    if not sum(sizes):
        raise InputError(f"{_said(series[0])}: no parameters; expected those of a network")
    dtype = torch.float64 if wide & set(found) else torch.float32
    return Parameters(found, [shapes[name] for name in found], sizes, dtype, notes)


def real_numbers(tensor: Tensor) -> int:
    """How many a tensor is: a complex number counts as two."""
    return tensor.numel() * (2 if tensor.is_complex() else 1)


def _known(
    shapes: Mapping[str, tuple[int, ...]], names: Sequence[str], checkpoint: Checkpoint
) -> list[str]:
    lacking = [name for name in names if name not in shapes]
    if lacking:
        raise InputError(
            f"{_said(checkpoint)}: no parameter {lacking[0]}, which the network has; it holds "
            f"{', '.join(list(shapes)[:_MOST_NAMED])}, .."
        )
    return list(names)


def _told_by_name(tensors: Mapping[str, Tensor], notes: list[str]) -> list[str]:
    found: list[str] = []
    buffers: list[str] = []
    for name, tensor in tensors.items():
        counts = tensor.is_floating_point() or tensor.is_complex()
        last = name.rsplit(".", 1)[-1]
        quantised = not counts and tensor.dtype != torch.bool and last in _WEIGHTS
        walks = (counts and last not in _BUFFERS) or quantised  # which is refused by its type
        (found if walks else buffers).append(name)
    if buffers:
        notes.append(f"{_listed(buffers)} left out as buffers, by their names and types")
    return found


def _check_type(name: str, tensor: Tensor, checkpoint: Checkpoint) -> None:
    if tensor.layout is not torch.strided or tensor.device.type == "meta":
        raise InputError(
            f"{_said(checkpoint)}: {name} is sparse or without numbers; allowed: dense tensors"
        )
    if not (tensor.is_complex() or tensor.is_floating_point()) or tensor.element_size() < 2:
        raise InputError(
            f"{_said(checkpoint)}: {name} is {tensor.dtype}; allowed: floating-point numbers of 16 "
            "bits or more"
        )


def _check_others(
    series: Sequence[Checkpoint],
    shapes: Mapping[str, tuple[int, ...]],
    found: Sequence[str],
    patterns: Sequence[str],
) -> set[str]:
    """Compare all checkpoints with the first; names that are anywhere of 64 bits."""
    wide: set[str] = set()
    for checkpoint in series:
        with open_checkpoint(checkpoint) as other:
            for name in found:
                if name not in other.tensors:
                    raise InputError(
                        f"{_said(checkpoint)}: no parameter {name}, which {_said(series[0])} has"
                    )
                tensor = other.tensors[name]
                if tuple(tensor.shape) != shapes[name]:
                    raise InputError(
                        f"{_said(checkpoint)}: {name} is {tuple(tensor.shape)}, and "
                        f"{shapes[name]} in {_said(series[0])}; allowed: one shape"
                    )
                _check_type(name, tensor, checkpoint)
                if tensor.dtype in _WIDE:
                    wide.add(name)
            added = [n for n in other.tensors if n not in shapes and _matches(n, patterns)]
            added = _told_by_name({name: other.tensors[name] for name in added}, [])
            if added:
                raise InputError(
                    f"{_said(checkpoint)}: parameter {added[0]}, which {_said(series[0])} has not; "
                    "allowed: the same in all, or `select` of those that are"
                )
    return wide


def _untied(
    series: Sequence[Checkpoint],
    found: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    notes: list[str],
) -> list[str]:
    """Names of tensors that are no other's: not in its place of the file, nor alike all along."""
    looked_at = [series[i] for i in sorted({0, len(series) // 2, len(series) - 1})]
    groups = _split([list(found)], shapes.__getitem__)
    for checkpoint in looked_at:
        if groups:
            with open_checkpoint(checkpoint) as opened:
                groups = _split(groups, partial(_beginning, opened.tensors))
    moving: set[str] = set()
    for checkpoint in looked_at:
        if groups:
            with open_checkpoint(checkpoint) as opened:
                groups = [_like_the_first(opened.tensors, names) for names in groups]
                groups = [names for names in groups if len(names) > 1]
                # zeros and ones are alike without being tied
                moving |= {n[0] for n in groups if not _is_constant(opened.tensors[n[0]])}
    tied = {other: names[0] for names in groups if names[0] in moving for other in names[1:]}
    if tied:
        pairs = [f"{other} = {first}" for other, first in tied.items()]
        notes.append(f"{_listed(pairs)} counted once, being tied")
    return [name for name in found if name not in tied]


def _split(groups: Sequence[Sequence[str]], key: Callable[[str], object]) -> list[list[str]]:
    """Groups of two names or more that also have a key in common."""
    found: dict[tuple[int, object], list[str]] = {}
    for number, names in enumerate(groups):
        for name in names:
            found.setdefault((number, key(name)), []).append(name)
    return [names for names in found.values() if len(names) > 1]


def _beginning(tensors: Mapping[str, Tensor], name: str) -> tuple[torch.dtype, bytes]:
    part = tensors[name].flatten()[:_LOOK].contiguous()
    return part.dtype, part.view(torch.uint8).numpy().tobytes()


def _like_the_first(tensors: Mapping[str, Tensor], names: Sequence[str]) -> list[str]:
    first = tensors[names[0]]
    alike = [
        n for n in names[1:] if _same_place(tensors[n], first) or torch.equal(tensors[n], first)
    ]
    return [names[0], *alike]


def _same_place(a: Tensor, b: Tensor) -> bool:
    return a.data_ptr() == b.data_ptr() and a.stride() == b.stride()


def _is_constant(tensor: Tensor) -> bool:
    flat = tensor.flatten()
    return not flat.numel() or bool((flat == flat[0]).all())


def _selected(found: Sequence[str], select: Sequence[str]) -> list[str]:
    for pattern in select:
        if not any(fnmatchcase(name, pattern) for name in found):
            raise InputError(
                f"select: no parameter matches {pattern!r}; there are "
                f"{', '.join(found[:_MOST_NAMED])}, .."
            )
    return [name for name in found if _matches(name, select)]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _said(checkpoint: Checkpoint) -> str:
    return checkpoint.paths[0]
