"""Pages of mapped files: read ahead of their use, and let go after it.

A mapped file is read where it is touched, page by page, and what was touched counts as memory of
the process until the system is short of it. Both can be told (Linux): that a part of a file will be
needed, and that pages are not. Elsewhere nothing is done.
"""

from __future__ import annotations

import bisect
import ctypes
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

_DONTNEED = 4
_SLACK = 2**20  # bytes by which places in files are guessed wrong
_MAPS = Path("/proc/self/maps")


def announce(paths: Iterable[str], start: float, share: float) -> None:
    """Ask the system to read a share of each file soon, from about where it lies.

    Args:
        paths: of the files.
        start: where it begins, as a part of the file.
        share: of the file.
    """
    if start >= 1 or not hasattr(os, "posix_fadvise"):
        return
    for path in paths:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            first, length = int(start * size), int(share * size) + _SLACK
            os.posix_fadvise(file.fileno(), first, length, os.POSIX_FADV_WILLNEED)


class MappedPages:
    """The mappings that this process has of some files.

    Args:
        paths: of the files, which are mapped already.
    """

    def __init__(self, paths: Iterable[str]):
        self._ranges: list[tuple[int, int]] = []
        if not _MAPS.exists():
            return
        files = {os.path.realpath(path) for path in paths}
        for line in _MAPS.read_text(encoding="utf-8", errors="replace").splitlines():
            address, *_, name = line.split(None, 5)
            if name in files:
                start, stop = (int(end, 16) for end in address.split("-"))
                self._ranges.append((start, stop))
        self._ranges.sort()
        self._advise = ctypes.CDLL(None, use_errno=True).madvise
        self._advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def let_go(self, part: Tensor) -> None:
        """Say that the pages of a contiguous tensor are not needed, if they are of such a file.

        They are read again where they are touched again. Of other memory nothing is said: there
        its content would be lost.
        """
        size = part.numel() * part.element_size()
        first = -(-part.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
        last = (part.data_ptr() + size) // mmap.PAGESIZE * mmap.PAGESIZE
        place = bisect.bisect_right(self._ranges, (first, 2**64)) - 1
        if first < last and place >= 0 and last <= self._ranges[place][1]:
            self._advise(first, last - first, _DONTNEED)
