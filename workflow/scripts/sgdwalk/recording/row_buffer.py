"""Large row buffers: on the device, in host memory, or in a mapped file."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from sgdwalk.errors import InputError


class RowBuffer:
    """(N, P) rows, filled in order and emptied at once.

    Args:
        rows: N.
        columns: P.
        dtype: of the elements.
        device: where the rows come from.
        place: where to keep them: ``device``, ``host`` or ``file``.
        file: path for a mapped file; made, and all of it allocated, only if that is the place.

    Attributes:
        count: rows filled; its owner adds to it.
        saved: rows of these that are on disk as well.

    Raises:
        InputError: if the file cannot be made.
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
        self._file: Path | None = None
        self._source = device
        if place == "device":
            self.data = torch.empty(rows, columns, dtype=dtype, device=device)
        elif place == "host":
            self.data = torch.empty(rows, columns, dtype=dtype, pin_memory=device.type == "cuda")
        else:
            self._file = file
            size = rows * columns
            _allocate(file, size * dtype.itemsize)
            self.data = torch.from_file(str(file), shared=True, size=size, dtype=dtype)
            self.data = self.data.view(rows, columns)
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
        """Give the memory back, and remove the mapped file if there is one."""
        self.data = self.data[:0].clone()
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def _allocate(file: Path, size: int) -> None:
    """Take all of the disk now: a disk that is full later would be a bus error."""
    try:
        with open(file, "wb") as made:
            if size:
                os.posix_fallocate(made.fileno(), 0, size)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise InputError(f"{file}: {size / 1e9:.3g} GB cannot be kept: {error.strerror}") from error
