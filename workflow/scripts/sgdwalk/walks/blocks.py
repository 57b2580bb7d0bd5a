"""Positions of a series of checkpoints in blocks of parameters, each read while the last is used.

A block holds the same consecutive parameters of all checkpoints, (T, B); so memory is that of two
blocks, however many checkpoints there are and however large.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from sgdwalk.walks.checkpoint_file import open_checkpoint
from sgdwalk.walks.checkpoint_names import Checkpoint
from sgdwalk.walks.parameters import Parameters


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
    buffers = [
        torch.empty(len(series), min(width, parameters.total), dtype=parameters.dtype)
        for _ in range(min(2, -(-parameters.total // width)))
    ]
    places = range(0, parameters.total, width)
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(_fill, buffers[0], series, parameters, 0)
        for number, place in enumerate(places):
            block = waiting.result()
            if number + 1 < len(places):
                other = buffers[(number + 1) % 2]
                waiting = reader.submit(_fill, other, series, parameters, places[number + 1])
            yield place, block


def _fill(
    buffer: Tensor, series: Sequence[Checkpoint], parameters: Parameters, place: int
) -> Tensor:
    """Read parameters from a place on into a buffer, of all checkpoints."""
    stop = min(place + buffer.shape[1], parameters.total)
    block = buffer[:, : stop - place]
    for row, checkpoint in zip(block, series, strict=True):
        with open_checkpoint(checkpoint) as opened:
            begin = 0
            for name, size in zip(parameters.names, parameters.sizes, strict=True):
                first, last = max(place, begin), min(stop, begin + size)
                if first < last:
                    flat = _flat(opened.tensors[name])
                    row[first - place : last - place] = flat[first - begin : last - begin]
                begin += size
    return block


def _flat(tensor: Tensor) -> Tensor:
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    return tensor.flatten()
