"""Positions of a series of checkpoints in blocks of parameters, each read while the last is used.

A block holds the same consecutive parameters of all checkpoints, (T, B); so memory is that of two
blocks, however many checkpoints there are and however large.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import FileIO
from itertools import accumulate

import torch
from torch import Tensor

from sgdwalk.errors import InputError
from sgdwalk.recording.room import free_host_memory
from sgdwalk.walks.checkpoint_file import open_checkpoint
from sgdwalk.walks.checkpoint_names import Checkpoint
from sgdwalk.walks.file_places import FilePlace, places_of
from sgdwalk.walks.parameters import Parameters

_CACHED = 0.5  # of the free memory that read files may take
_CHUNK = 2**20  # numbers that are read at a time where they are converted


def position_blocks(
    series: Sequence[Checkpoint], parameters: Parameters, width: int
) -> Iterator[tuple[int, Tensor]]:
    """Place of its first parameter, and positions (T, up to `width`), of one block after another.

    Args:
        series: checkpoints in order.
        parameters: what walks.
        width: B, parameters of a block.

    Raises:
        InputError: if a file is bad.
    """
    files = _Files(series, parameters)
    places = range(0, parameters.total, width)
    buffers = [
        torch.empty(len(series), min(width, parameters.total), dtype=parameters.dtype)
        for _ in places[:2]
    ]
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(files.fill, buffers[0], 0)
        for number, place in enumerate(places):
            block = waiting.result()
            if number + 1 < len(places):
                other = buffers[(number + 1) % 2]
                waiting = reader.submit(files.fill, other, places[number + 1])
            yield place, block


class _Files:
    """The files of a series. Where their numbers lie is found once; others are opened each time."""

    def __init__(self, series: Sequence[Checkpoint], parameters: Parameters):
        self._series, self._names = series, parameters.names
        self._ends = list(accumulate(parameters.sizes))
        self._places: dict[int, dict[str, FilePlace]] = {}
        size = sum(os.path.getsize(path) for checkpoint in series for path in checkpoint.paths)
        self._large = size > _CACHED * free_host_memory()

    def fill(self, buffer: Tensor, place: int) -> Tensor:
        """Read parameters from a place on into a buffer (T, B), of all checkpoints."""
        block = buffer[:, : min(buffer.shape[1], self._ends[-1] - place)]
        for number, row in enumerate(block):
            if number not in self._places and not self._found(number, place, row):
                continue
            with ExitStack() as opened:
                files: dict[str, FileIO] = {}
                for name, first, part in self._parts(place, row):
                    where = self._places[number][name]
                    if where.path not in files:
                        file = opened.enter_context(open(where.path, "rb", buffering=0))
                        files[where.path] = file
                    _read(files[where.path], where, first, part, self._large)
        return block

    def _found(self, number: int, place: int, row: Tensor) -> bool:
        """Whether places of a checkpoint are known now; what has none is copied into the row."""
        with open_checkpoint(self._series[number]) as checkpoint:
            tensors = {name: checkpoint.tensors[name] for name in self._names}
            places = {} if checkpoint.whole else places_of(tensors, self._series[number].paths)
            if len(places) == len(tensors):
                self._places[number] = places
                return True
            for name, first, part in self._parts(place, row):
                part.copy_(_flat(tensors[name])[first : first + len(part)])
        return False

    def _parts(self, place: int, row: Tensor) -> Iterator[tuple[str, int, Tensor]]:
        """Name, first number, and where in a row it is to be, of all that is in the row."""
        at = place
        for number in range(bisect_right(self._ends, place), len(self._names)):
            begin = self._ends[number - 1] if number else 0
            stop = min(self._ends[number], place + len(row))
            if at < stop:
                yield self._names[number], at - begin, row[at - place : stop - place]
            at = max(at, stop)
            if at == place + len(row):
                return


def _read(file: FileIO, place: FilePlace, first: int, part: Tensor, forgotten: bool) -> None:
    """Read numbers of a tensor, from one on, into a part of a row.

    The system keeps what was read. Where that is more than it has room for, finding room takes it
    longer than reading does: such parts are `forgotten`.
    """
    start = place.offset + first * place.dtype.itemsize
    file.seek(start)
    if part.dtype == place.dtype:
        _read_bytes(file, part)
    else:
        raw = torch.empty(min(_CHUNK, len(part)), dtype=place.dtype)
        for piece in part.split(_CHUNK):
            _read_bytes(file, raw[: len(piece)])
            piece.copy_(raw[: len(piece)])
    if forgotten:
        size = len(part) * place.dtype.itemsize
        os.posix_fadvise(file.fileno(), start, size, os.POSIX_FADV_DONTNEED)


def _read_bytes(file: FileIO, into: Tensor) -> None:
    rest = memoryview(into.view(torch.uint8).numpy().data)
    while rest:
        count = file.readinto(rest)
        if not count:
            raise InputError(f"{file.name}: has become shorter since it was opened first")
        rest = rest[count:]


def _flat(tensor: Tensor) -> Tensor:
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    return tensor.flatten()
