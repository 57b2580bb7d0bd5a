"""Large row buffers: on the device, in host memory, or in a mapped file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import torch

from sgdwalk.errors import InputError, first_line
from sgdwalk.recording.room import gigabytes, is_lack


class RowBuffer:
    """(N, P) rows, filled in order and emptied at once.

    Args:
        rows: N.
        columns: P.
        dtype: of the elements.
        device: where the rows come from.
        place: where to keep them: ``device``, ``host`` or ``file``.
        file: beginning of the path of a mapped file, if that is the place. All of it is allocated,
            and its name is gone at once: the room is free when the process ends, however it ends.

    Attributes:
        count: rows filled; its owner adds to it.
        saved: rows of these that are on disk as well.

    Raises:
        InputError: if there is less room than was thought.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        dtype: torch.dtype,
        device: torch.device,
        place: str,
        file: Path,
    ):
        self._source = device
        try:
            if place == "device":
                self.data = torch.empty(rows, columns, dtype=dtype, device=device)
            elif place == "host":
                pinned = device.type == "cuda"
                self.data = torch.empty(rows, columns, dtype=dtype, pin_memory=pinned)
            else:
                self.data = _mapped(file, rows * columns, dtype).view(rows, columns)
        except Exception as error:
            if not is_lack(error):
                raise
            reason = getattr(error, "strerror", None) or first_line(error)
            size = gigabytes(rows * columns * dtype.itemsize)
            where = file.parent if place == "file" else f"memory ({place})"
            raise InputError(
                f"window: {rows} positions of {columns} parameters need {size} in {where}: "
                f"{reason}; allowed: a shorter window, or more room"
            ) from error
        self.count = self.saved = 0

    @property
    def full(self) -> bool:
        """Whether every row is filled."""
        return self.count == len(self.data)

    def filled(self) -> torch.Tensor:
        """(count, P) view of the rows filled so far."""
        self._settle()
        return self.data[: self.count]

    def unsaved(self) -> torch.Tensor:
        """(count - saved, P) view of the rows that are not on disk."""
        self._settle()
        return self.data[self.saved : self.count]

    def next_row(self) -> torch.Tensor:
        """(P,) view of the next row, for the caller to fill; `count` then says that it is."""
        return self.data[self.count]

    def _settle(self) -> None:
        """Wait for copies from the device that are still on their way."""
        if self._source.type == "cuda" and self.data.device.type == "cpu":
            torch.cuda.current_stream(self._source).synchronize()

    def clear(self) -> None:
        """Forget all rows; memory is kept for the next ones."""
        self.count = self.saved = 0

    def close(self) -> None:
        """Give the memory back."""
        self.data = self.data[:0].clone()


def _mapped(file: Path, size: int, dtype: torch.dtype) -> torch.Tensor:
    """(size,) tensor in a file without a name."""
    descriptor, name = tempfile.mkstemp(".map", file.name, file.parent)
    try:
        if size:
            # all of the disk now: one that is full later would be a bus error
            os.posix_fallocate(descriptor, 0, size * dtype.itemsize)
        return torch.from_file(name, shared=True, size=size, dtype=dtype)
    finally:
        os.close(descriptor)
        os.unlink(name)
