"""Where in their files the numbers of mapped tensors lie.

A mapped file is read page by page where it is touched, and what was touched counts as memory of the
process. Read from its place instead, a tensor goes where it is wanted, at the speed of the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

_MAPS = Path("/proc/self/maps")  # of Linux


@dataclass(frozen=True)
class FilePlace:
    """Where the numbers of a tensor lie, one after the other.

    Attributes:
        path: of the file.
        offset: bytes before the first.
        dtype: of each; a complex one is two.
    """

    path: str
    offset: int
    dtype: torch.dtype


def places_of(tensors: Mapping[str, Tensor], paths: Iterable[str]) -> dict[str, FilePlace]:
    """Places of those tensors that are mapped from one of some files as they are, without gaps.

    Args:
        tensors: by name.
        paths: of the files.
    """
    mapped = _mappings(paths)
    found = {}
    for name, tensor in tensors.items():
        if not tensor.is_contiguous() or tensor.is_conj() or tensor.is_neg():
            continue
        real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
        first, size = real.data_ptr(), real.numel() * real.element_size()
        for start, stop, offset, path in mapped:
            if start <= first and first + size <= stop:
                found[name] = FilePlace(path, first - start + offset, real.dtype)
    return found


def _mappings(paths: Iterable[str]) -> list[tuple[int, int, int, str]]:
    """First and last address, offset in the file, and path of what is mapped of some files."""
    if not _MAPS.exists():
        return []
    files = {os.path.realpath(path): path for path in paths}
    found = []
    for line in _MAPS.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.endswith(tuple(files)):
            addresses, _, offset, _, _, name = line.split(None, 5)
            if name in files:
                start, stop = (int(end, 16) for end in addresses.split("-"))
                found.append((start, stop, int(offset, 16), files[name]))
    return found
