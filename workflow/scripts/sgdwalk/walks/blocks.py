"""Positions of a series of checkpoints in blocks of parameters, each read while the last is used.

A block holds the same consecutive parameters of all checkpoints, (T, B); so memory is that of two
blocks, however many checkpoints there are and however large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

from sgdwalk.walks.checkpoint_file import open_checkpoint
from sgdwalk.walks.checkpoint_names import Checkpoint
from sgdwalk.walks.mapped_pages import MappedPages, announce
from sgdwalk.walks.parameters import Parameters

_MOST_OPEN = 200_000  # tensors of checkpoints that stay open


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
    """The files of a series. Those that are mapped stay open; others are read for each block."""

    def __init__(self, series: Sequence[Checkpoint], parameters: Parameters):
        self._series, self._parameters = series, parameters
        self._paths = [path for checkpoint in series for path in checkpoint.paths]
        self._open: dict[int, dict[str, Tensor]] = {}
        self._pages: MappedPages | None = None

    def fill(self, buffer: Tensor, place: int) -> Tensor:
        """Read parameters from a place on into a buffer (T, B), of all checkpoints."""
        width, total = buffer.shape[1], self._parameters.total
        for begin in [place + width] if place else [0, width]:
            announce(self._paths, begin / total, width / total)
        block = buffer[:, : min(width, total - place)]
        for number, row in enumerate(block):
            with self._tensors(number) as tensors:
                self._copy(tensors, place, row, number in self._open)
        if self._pages is None:
            self._pages = MappedPages(self._paths)
        return block

    @contextmanager
    def _tensors(self, number: int) -> Iterator[Mapping[str, Tensor]]:
        if number in self._open:
            yield self._open[number]
            return
        names = self._parameters.names
        with open_checkpoint(self._series[number]) as found:
            if not found.whole and (len(self._open) + 1) * len(names) <= _MOST_OPEN:
                self._open[number] = {name: found.tensors[name] for name in names}
                yield self._open[number]
            else:
                yield found.tensors

    def _copy(self, tensors: Mapping[str, Tensor], place: int, row: Tensor, mapped: bool) -> None:
        begin, stop = 0, place + len(row)
        for name, size in zip(self._parameters.names, self._parameters.sizes, strict=True):
            first, last = max(place, begin), min(stop, begin + size)
            if first < last:
                tensor = tensors[name]
                part = _flat(tensor)[first - begin : last - begin]
                row[first - place : last - place] = part
                if mapped and self._pages is not None and tensor.is_contiguous():
                    self._pages.let_go(part)
            begin += size


def _flat(tensor: Tensor) -> Tensor:
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    return tensor.flatten()
