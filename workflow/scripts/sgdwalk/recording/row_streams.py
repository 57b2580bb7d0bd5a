"""Append-only streams of rows on disk: what a killed program had recorded is still there.

A stream is a file of rows of one shape and type, written once, in order. A point to come back to
is the list of the streams' lengths at that time: to resume is to cut every stream to its length
then. Files that a point does not know are left-overs of work done after it and are removed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sgdwalk.errors import InputError


@dataclass
class _Stream:
    file: BinaryIO
    shape: tuple[int, ...]
    dtype: np.dtype
    rows: int
    synced: int


class Journal:
    """A folder of streams.

    Args:
        folder: where the streams live; made if it does not exist.
        lengths: what ``lengths()`` gave at the point to resume from; None begins afresh and
            removes the streams of an earlier attempt.

    Raises:
        InputError: if a stream of the point is missing or shorter than it was.
    """

    def __init__(
        self, folder: Path, lengths: Mapping[str, tuple[int, list[int], str]] | None = None
    ):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._streams: dict[str, _Stream] = {}
        self._kept: set[str] = set(lengths or {})
        self._dropped: set[str] = set()
        for path in self.folder.glob("*.rows"):
            if path.stem not in self._kept:
                path.unlink()
        for name, (rows, shape, dtype) in (lengths or {}).items():
            self._reopen(name, rows, tuple(shape), np.dtype(dtype))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.rows"

    def _reopen(self, name: str, rows: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
        path = self._path(name)
        size = rows * _row_bytes(shape, dtype)
        if not path.exists() or path.stat().st_size < size:
            raise InputError(
                f"{path}: missing or shorter than the {size} bytes it had at the point"
            )
        os.truncate(path, size)
        file = open(path, "ab", buffering=1 << 16)  # noqa: SIM115 (closed by close)
        self._streams[name] = _Stream(file, shape, dtype, rows, rows)

    def append(self, name: str, row: np.ndarray | np.generic) -> None:
        """Add one row to a stream; the first row fixes the stream's shape and type."""
        self.extend(name, np.asarray(row)[None])

    def extend(self, name: str, rows: np.ndarray) -> None:
        """Add several rows, (n, *shape), to a stream."""
        rows = np.asarray(rows, order="C")
        shape = rows.shape[1:]
        stream = self._streams.get(name)
        if stream is None:
            file = open(self._path(name), "wb", buffering=1 << 16)  # noqa: SIM115
            stream = self._streams[name] = _Stream(file, shape, rows.dtype, 0, 0)
        if shape != stream.shape or rows.dtype != stream.dtype:
            raise InputError(
                f"stream {name}: row {shape} {rows.dtype}; "
                f"allowed: {stream.shape} {stream.dtype} as the rows before"
            )
        stream.file.write(rows.reshape(-1).view(np.uint8).data)
        stream.rows += len(rows)

    def rows(self, name: str) -> int:
        """Rows a stream holds; 0 if it has none yet."""
        return self._streams[name].rows if name in self._streams else 0

    def read(self, name: str) -> np.ndarray:
        """All rows of a stream, (rows, *shape), mapped from the file and read-only."""
        stream = self._streams[name]
        stream.file.flush()
        if stream.rows == 0 or 0 in stream.shape:
            return np.zeros((stream.rows, *stream.shape), stream.dtype)
        shape = (stream.rows, *stream.shape)
        return np.memmap(self._path(name), stream.dtype, mode="r", shape=shape)

    def drop(self, name: str) -> None:
        """Forget a stream; its file stays as long as the last point needs it."""
        if name not in self._streams:
            return
        if name in self._kept:
            self._dropped.add(name)
            return
        self._remove(name)

    def _remove(self, name: str) -> None:
        self._streams.pop(name).file.close()
        self._path(name).unlink(missing_ok=True)

    def flush(self, sync: bool) -> None:
        """Hand all rows to the system; with sync also to the disk, as far as they are new."""
        for stream in self._streams.values():
            stream.file.flush()
            if sync and stream.synced < stream.rows:
                os.fsync(stream.file.fileno())
                stream.synced = stream.rows

    def lengths(self) -> dict[str, tuple[int, list[int], str]]:
        """What to hand back to ``Journal`` to resume here: name -> (rows, shape, dtype)."""
        return {
            name: (stream.rows, list(stream.shape), stream.dtype.str)
            for name, stream in self._streams.items()
            if name not in self._dropped
        }

    def point_written(self) -> None:
        """Say that ``lengths()`` is now safe on disk: streams only an older point needed go."""
        for name in self._dropped:
            self._remove(name)
        self._dropped = set()
        self._kept = set(self._streams)

    def close(self) -> None:
        """Close all files; they stay on disk."""
        for stream in self._streams.values():
            stream.file.close()
        self._streams = {}


def _row_bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
