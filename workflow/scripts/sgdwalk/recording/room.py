"""Room for what is recorded: memory and disk that are free, and what to do when they are not."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from sgdwalk.errors import InputError, first_line

_SHARE = 0.5  # of the memory that is free when recording starts; the rest is left to training
_DISK_SHARE = 0.95
_LACKS = ("allocate", "alloc_failed", "out of memory")  # as torch and CUDA say it


class Room:
    """Where buffers can be, given out in the order in which they are asked for.

    Args:
        device: of the parameters.
        folder: where mapped files would be.
        host_memory: bytes of host memory that may be taken; None for half of what is free.
    """

    def __init__(self, device: torch.device, folder: Path, host_memory: int | None):
        self._free = {
            "device": int(_SHARE * _free_on(device)),
            "host": int(_SHARE * free_host_memory()) if host_memory is None else host_memory,
            "file": int(_DISK_SHARE * shutil.disk_usage(_there(folder)).free),
        }
        self._folder = folder
        self._for_copies = _free_on(device) if device.type == "cuda" else free_host_memory()

    def place(self, rows: int, columns: int, dtype: torch.dtype) -> str:
        """``device``, ``host`` or ``file`` for a buffer, whose room is then taken.

        Args:
            rows: of the buffer.
            columns: of the buffer.
            dtype: of its elements.

        Raises:
            InputError: if there is none, with what would fit.
        """
        row = columns * dtype.itemsize
        size = rows * row
        for name in ("device", "host", "file"):
            if size <= self._free[name]:
                self._free[name] -= size
                return name
        most = max(self._free.values())
        raise InputError(
            f"window: {rows} positions of {columns} parameters need {gigabytes(size)}; free are "
            f"{gigabytes(self._free['host'])} of memory for it and {gigabytes(self._free['file'])} "
            f"in {self._folder}; allowed: windows of {most // max(1, row)} positions or fewer, or "
            "window=None with sketch=1024"
        )

    def check_copies(self, count: int, columns: int, dtype: torch.dtype) -> None:
        """See that copies of the parameters have room, on the device or the host.

        Args:
            count: copies.
            columns: parameters.
            dtype: of the copies.

        Raises:
            InputError: if there is less.
        """
        free, size = self._for_copies, count * columns * dtype.itemsize
        if size > free:
            raise InputError(
                f"sketch: {count} copies of {columns} parameters need {gigabytes(size)} of memory; "
                f"free are {gigabytes(free)}"
            )

    def keep_free(self, size: int) -> None:
        """Set aside disk for files that will be written.

        Raises:
            InputError: if there is not as much.
        """
        if size > self._free["file"]:
            raise InputError(
                f"{self._folder}: {gigabytes(self._free['file'])} free, and what is kept of a "
                f"window needs {gigabytes(size)}; allowed: a shorter window, or more room"
            )
        self._free["file"] -= size


def gigabytes(size: float) -> str:
    """A number of bytes, for people."""
    return f"{size / 1e9:.3g} GB"


def free_host_memory() -> int:
    """Bytes of host memory that this process can still take: of the machine and of its limits."""
    page = os.sysconf("SC_PAGE_SIZE")
    free = os.sysconf("SC_AVPHYS_PAGES") * page
    with suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable")) * 1024
    for group in _groups():
        with suppress(OSError, ValueError):  # "max" where there is no limit
            limit = int((group / "memory.max").read_text())
            free = min(free, limit - int((group / "memory.current").read_text()))
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * page
        free = min(free, limit - taken)
    return max(0, free)


def _groups() -> list[Path]:
    """The control group of this process and those above it, as far as they can be seen."""
    root = Path("/sys/fs/cgroup")
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    own = [root / x.removeprefix("0::/") for x in lines if x.startswith("0::/")]
    return [g for path in own for g in (path, *path.parents) if g.is_relative_to(root)] or [root]


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it: another process may still be making it."""
    folder = folder.absolute()
    return next(f for f in (folder, *folder.parents) if f.exists())


def _free_on(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


class EndingOnLack:
    """Context in which a lack of room ends the recording, and never the training.

    Args:
        end: called with the reason.
    """

    def __init__(self, end: Callable[[str], None]):
        self._end = end

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> bool:
        if error is None or not is_lack(error):
            return False
        self._end(first_line(error))
        return True


def is_lack(error: BaseException) -> bool:
    """Whether an error is a lack of memory, or of a disk that takes what is written."""
    if isinstance(error, OSError | MemoryError | torch.OutOfMemoryError):
        return True
    told = str(error).lower()
    return isinstance(error, RuntimeError) and any(word in told for word in _LACKS)
