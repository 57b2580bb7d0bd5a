"""Large row buffers: on the device if they fit, else in host memory, else in a mapped file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch

_SHARE = 0.5  # of what is free when the buffer is made; the rest is left to training


class RowBuffer:
    """(N, P) rows, filled in order and emptied at once.

    Args:
        rows: N.
        columns: P.
        dtype: of the elements.
        device: where the rows come from.
        host_memory: bytes of host memory it may take; None for half of what is free.
        file: path for a mapped file, used (and made) only if memory is too small.

    Attributes:
        place: ``device``, ``host`` or ``file``.
        count: rows filled.
        saved: rows of these that are on disk as well.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        dtype: torch.dtype,
        device: torch.device,
        host_memory: int | None,
        file: Path,
    ):
        size = rows * columns * dtype.itemsize
        self._file: Path | None = None
        if device.type == "cuda" and size <= _SHARE * torch.cuda.mem_get_info(device)[0]:
            self.place = "device"
            self.data = torch.empty(rows, columns, dtype=dtype, device=device)
        elif size <= (_SHARE * _free_host_memory() if host_memory is None else host_memory):
            self.place = "host"
            self.data = torch.empty(rows, columns, dtype=dtype, pin_memory=device.type == "cuda")
        else:
            self.place = "file"
            self._file = file
            self.data = torch.from_file(
                str(file), shared=True, size=rows * columns, dtype=dtype
            ).view(rows, columns)
        self.count = self.saved = 0

    @property
    def full(self) -> bool:
        """Whether every row is filled."""
        return self.count == len(self.data)

    def filled(self) -> torch.Tensor:
        """(count, P) view of the rows filled so far."""
        return self.data[: self.count]

    def unsaved(self) -> torch.Tensor:
        """(count - saved, P) view of the rows that are not on disk."""
        return self.data[self.saved : self.count]

    def append(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Fill the next row with tensors flattened one after the other; returns that row."""
        row = self.data[self.count]
        with torch.no_grad():
            flat = [tensor.reshape(-1) for tensor in tensors]
            if row.device == flat[0].device:
                torch.cat(flat, out=row)
            else:
                row.copy_(torch.cat(flat))
        self.count += 1
        return row

    def clear(self) -> None:
        """Forget all rows; memory is kept for the next ones."""
        self.count = self.saved = 0

    def close(self) -> None:
        """Remove the mapped file, if there is one."""
        self.data = self.data[:0].clone()
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def _free_host_memory() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
