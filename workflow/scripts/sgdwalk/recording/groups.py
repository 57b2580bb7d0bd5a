"""Groups of parameter tensors whose walks are kept beside the whole one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import h5py
import numpy as np

from sgdwalk.errors import InputError

Globs = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Group:
    """Some of the parameter tensors.

    Attributes:
        name: of the group.
        tensors: indices of its tensors, in order.
    """

    name: str
    tensors: list[int]


def chosen_groups(globs: Globs | None, names: Sequence[str], each: bool) -> list[Group]:
    """Groups by the names of their tensors.

    Args:
        globs: name of each group, and a pattern, or several, of the names of its tensors.
        names: (L,) of the parameter tensors.
        each: whether every tensor is a group of its own as well.

    Raises:
        InputError: for a group without a tensor, or two of one name.
    """
    groups = []
    if globs is not None and not isinstance(globs, Mapping):
        raise InputError(f"groups: a {type(globs).__name__}; allowed: a dict of patterns by name")
    for group, told in (globs or {}).items():
        patterns = [told] if isinstance(told, str) else told
        if not isinstance(patterns, Sequence) or not all(isinstance(p, str) for p in patterns):
            raise InputError(f"groups: {group}: {told!r}; allowed: a pattern, or a list of them")
        if not isinstance(group, str) or not group.strip(".") or "/" in group:
            raise InputError(f"groups: name {group!r}; allowed: names without '/'")
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise InputError(
                    f"groups: {group}: {pattern!r} is no parameter's; allowed: patterns of names "
                    f"as '{names[0]}'"
                )
        found = [any(fnmatchcase(name, pattern) for pattern in patterns) for name in names]
        if not any(found):
            raise InputError(f"groups: {group}: no pattern; allowed: at least one")
        groups.append(Group(group, [i for i, inside in enumerate(found) if inside]))
    if each:
        twice = next((name for name in names if name in (globs or {})), None)
        if twice is not None:
            raise InputError(f"groups: {twice}: a parameter tensor's; allowed: another name")
        groups += [Group(name.replace("/", "."), [i]) for i, name in enumerate(names)]
    return groups


def groups_of(file: h5py.File) -> list[tuple[str, list[int]]]:
    """Name, and indices of the tensors, of each group in a trajectory file."""
    if "groups" in file:
        names, inside = file["groups/name"].asstr()[()], file["groups/tensors"][()]
        found = [np.flatnonzero(row).tolist() for row in inside]
        return list(zip(map(str, names), found, strict=True))
    # files of before there were groups have one matrix per tensor, if any
    if any("layer_grams" in window for window in file["windows"].values()):
        return [(str(name), [i]) for i, name in enumerate(file["layers/name"].asstr()[()])]
    return []
