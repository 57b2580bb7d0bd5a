"""Append-only streams of rows on disk: what a killed program had recorded is still there.

A stream is a file of rows of one shape and type, written once, in order, after a header that says
which. Rows go to the system as they come, so they outlive the program; `commit` makes them outlive
the machine. A point to come back to is the list of the streams' lengths at that time: to resume is
to cut every stream to its length then. Files that a point does not know are left-overs of work
done after it and are removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sgdwalk.errors import InputError

_HEADER = 512  # bytes a header is padded to a multiple of
Lengths = Mapping[str, int]


@dataclass
class _Stream:
    path: Path
    descriptor: int
    header: int
    shape: tuple[int, ...]
    dtype: np.dtype
    rows: int
    synced: int = 0

    @property
    def row_bytes(self) -> int:
        return row_bytes(self.shape, self.dtype)


class Journal:
    """A folder of streams.

    Args:
        folder: where the streams live.
        lengths: what ``lengths()`` gave at the point to resume from; None takes up every stream
            there is with its whole rows.

    Raises:
        InputError: if a stream of the point is missing, shorter than it was, or none.
    """

    def __init__(self, folder: Path, lengths: Lengths | None = None):
        self.folder = Path(folder)
        self._streams: dict[str, _Stream] = {}
        self._kept: set[str] = set(lengths or {})
        self._dropped: set[str] = set()
        if lengths is None:
            for path in sorted(self.folder.glob("*.rows")):
                self._reopen(path.stem, None)
            return
        for path in self.folder.glob("*.rows"):
            if path.stem not in self._kept:
                path.unlink()
        for name, rows in lengths.items():
            self._reopen(name, rows)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.rows"

    def _reopen(self, name: str, rows: int | None) -> None:
        path = self._path(name)
        try:
            header, shape, dtype = read_header(path)
        except (OSError, ValueError) as error:
            if rows is None:
                return  # killed before the header was whole: no row was there either
            raise InputError(f"{path}: missing, or not a stream of rows ({error})") from error
        stream = _Stream(path, os.open(path, os.O_WRONLY), header, shape, dtype, 0)
        there = _whole_rows(path, header, shape, dtype)
        if rows is not None and there < rows:
            os.close(stream.descriptor)
            raise InputError(f"{path}: holds {there} rows; it had {rows} at the point")
        stream.rows = stream.synced = there if rows is None else rows
        os.truncate(path, header + stream.rows * stream.row_bytes)
        self._streams[name] = stream

    def append(self, name: str, row: np.ndarray | np.generic) -> None:
        """Add one row to a stream; the first row fixes the stream's shape and type."""
        self.extend(name, np.asarray(row)[None])

    def extend(self, name: str, rows: np.ndarray) -> None:
        """Add several rows, (n, *shape), to a stream.

        Raises:
            OSError: if the disk does not take them; those before are kept.
        """
        rows = np.asarray(rows, order="C")
        shape = rows.shape[1:]
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = self._begin(name, shape, rows.dtype)
        self._check(name, rows)
        # by place: rows that were written but not counted, as the program was interrupted in
        # between, or the part of a row that the disk still took, are written over
        _write(stream.descriptor, rows, stream.header + stream.rows * stream.row_bytes)
        stream.rows += len(rows)

    def _check(self, name: str, rows: np.ndarray) -> None:
        stream, shape = self._streams[name], rows.shape[1:]
        if shape != stream.shape or rows.dtype != stream.dtype:
            raise InputError(
                f"stream {name}: row {shape} {rows.dtype}; "
                f"allowed: {stream.shape} {stream.dtype} as the rows before"
            )

    def appending(self, name: str, row: np.ndarray) -> Callable[[], None]:
        """What appends one row to a stream every time it is called: as `row`, (1,), is then.

        Args:
            name: of the stream.
            row: of a structured type.

        Raises:
            InputError: if the stream there is has rows of another type.
        """
        data, size = row.view(np.uint8).data, row.nbytes
        if name in self._streams:
            self._check(name, row)

        def write() -> None:
            stream = self._streams.get(name)
            if stream is None:
                self.extend(name, row)
                return
            place = stream.header + stream.rows * size
            taken = os.pwrite(stream.descriptor, data, place)
            if taken < size:
                _write(stream.descriptor, row.view(np.uint8)[taken:], place + taken)
            stream.rows += 1

        return write

    def _begin(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> _Stream:
        described = dtype.str if dtype.names is None else dtype.descr
        line = json.dumps({"shape": list(shape), "dtype": described}).encode() + b"\n"
        header = -(-len(line) // _HEADER) * _HEADER
        path = self._path(name)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            _write(descriptor, np.frombuffer(line.ljust(header, b"\0"), np.uint8), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return _Stream(path, descriptor, header, shape, dtype, 0)

    def cut(self, name: str, rows: int) -> None:
        """Take away the rows of a stream beyond a number of them."""
        stream = self._streams.get(name)
        if stream is not None and stream.rows > rows:
            os.truncate(stream.path, stream.header + rows * stream.row_bytes)
            stream.rows = rows
            stream.synced = min(stream.synced, rows)

    def rows(self, name: str) -> int:
        """Rows a stream holds; 0 if it has none yet."""
        return self._streams[name].rows if name in self._streams else 0

    def read(self, name: str) -> np.ndarray:
        """All rows of a stream, (rows, *shape), mapped from the file and read-only."""
        stream = self._streams[name]
        shape = (stream.rows, *stream.shape)
        if stream.rows == 0 or 0 in stream.shape:
            return np.zeros(shape, stream.dtype)
        return np.memmap(stream.path, stream.dtype, mode="r", offset=stream.header, shape=shape)

    def drop(self, name: str) -> None:
        """Forget a stream; its file stays as long as the last point needs it."""
        if name not in self._streams:
            return
        if name in self._kept:
            self._dropped.add(name)
            return
        self._remove(name)

    def _remove(self, name: str) -> None:
        os.close(self._streams.pop(name).descriptor)
        self._path(name).unlink(missing_ok=True)

    def commit(self, names: Iterable[str] | None = None) -> None:
        """Wait until the disk has the rows of streams: those named, or all."""
        for name in list(self._streams) if names is None else names:
            stream = self._streams.get(name)
            if stream is None or stream.synced == stream.rows:
                continue
            os.fsync(stream.descriptor)
            if stream.synced == 0:  # the name of a new file is its folder's
                _sync_folder(self.folder)
            stream.synced = stream.rows

    def lengths(self) -> dict[str, int]:
        """What to hand back to ``Journal`` to resume here: rows by name."""
        return {n: s.rows for n, s in self._streams.items() if n not in self._dropped}

    def point_written(self) -> None:
        """Say that ``lengths()`` is now safe on disk: streams only an older point needed go."""
        for name in self._dropped:
            self._remove(name)
        self._dropped = set()
        self._kept = set(self._streams)

    def close(self) -> None:
        """Close all files; they stay on disk."""
        for stream in self._streams.values():
            os.close(stream.descriptor)
        self._streams = {}


def rows_left(folder: Path, name: str) -> int:
    """Whole rows of a stream that nobody has open; 0 if it is not there."""
    path = folder / f"{name}.rows"
    try:
        header, shape, dtype = read_header(path)
    except (OSError, ValueError):
        return 0
    return _whole_rows(path, header, shape, dtype)


def _whole_rows(path: Path, header: int, shape: tuple[int, ...], dtype: np.dtype) -> int:
    # a header that was cut off has no rows after it
    return max(0, path.stat().st_size - header) // row_bytes(shape, dtype)


def row_bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Bytes of a row of a shape and a type."""
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize


def _write(descriptor: int, rows: np.ndarray, place: int) -> None:
    """All of an array's bytes: the system may take a part at a time."""
    data = rows.reshape(-1).view(np.uint8).data
    while data:
        taken = os.pwrite(descriptor, data, place)
        data, place = data[taken:], place + taken


def read_header(path: Path) -> tuple[int, tuple[int, ...], np.dtype]:
    """Length of a stream's header, and shape and type of its rows.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no header.
    """
    with open(path, "rb") as file:
        line = file.readline(1 << 20)
    told: dict[str, Any] = json.loads(line)
    described = told["dtype"]
    if not isinstance(described, str):
        described = [(n, t, *(tuple(s) for s in rest)) for n, t, *rest in described]
    header = -(-len(line) // _HEADER) * _HEADER
    return header, tuple(told["shape"]), np.dtype(described)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
