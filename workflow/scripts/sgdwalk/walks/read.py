"""A walk from a series of checkpoints, or from an array: Gram matrices, sketch, and losses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sgdwalk.errors import InputError
from sgdwalk.recording.gram import plain_gram, row_norms, window_gram
from sgdwalk.recording.room import free_host_memory, gigabytes
from sgdwalk.recording.sketch import Buckets
from sgdwalk.recording.sketched_path import SketchedPath
from sgdwalk.recording.trajectory import Window
from sgdwalk.recording.trajectory_writer import SKETCH_SEED
from sgdwalk.recording.window_families import LEAST_ANALYSED
from sgdwalk.walks.blocks import position_blocks
from sgdwalk.walks.checkpoint_file import open_checkpoint
from sgdwalk.walks.checkpoint_names import Checkpoint
from sgdwalk.walks.losses import losses_at, read_losses
from sgdwalk.walks.parameters import walking_parameters

LONGEST = 1000  # positions of a window
SKETCH = 1024  # numbers
_MEMORY = 2**30
_SHARE = 0.4  # of it for each of the two blocks; the rest is for products
_BLOCKS, _NARROWEST = 8, 2**16  # of a small network, and parameters of one of its blocks
_LONG, _TOLD = 2**30, 4  # numbers from which reading takes long, and blocks between words of it
# One in so many stripes of parameters is compared with displacements themselves.
_CHECKED, _STRIPE = 8, 2**12


@dataclass(frozen=True)
class WalkRecord:
    """A walk from elsewhere.

    Attributes:
        layers: name and real numbers of every tensor that walks.
        steps: (T,) optimizer steps taken before each position.
        windows: of consecutive positions; of more than `LONGEST` also of all of them thinned; of
            unequal steps also of the stretches of equal ones.
        sketch: of all positions.
        diverged_at: step of the first position that is not finite, or None.
        notes: what to know of how it was read, one line each.
    """

    layers: list[tuple[str, int]]
    steps: np.ndarray
    windows: list[Window]
    sketch: SketchedPath
    diverged_at: int | None
    notes: list[str]


def read_walk(
    series: Sequence[Checkpoint],
    *,
    select: Sequence[str] = (),
    names: Sequence[str] | None = None,
    losses: str | os.PathLike[str] | None = None,
    sketch: int = SKETCH,
    memory: int = _MEMORY,
    log: Callable[[str], None] = lambda line: None,
) -> WalkRecord:
    """Read a walk from checkpoints, in blocks of parameters.

    Args:
        series: checkpoints in the order of their steps.
        select: patterns of names of parameters; the walk of those alone. Empty for all.
        names: of the parameters of a known network, in its order.
        losses: CSV file of losses at the checkpoints.
        sketch: k, numbers of the sketch.
        memory: bytes that positions may take.
        log: told each of the notes, and how far reading is.

    Raises:
        InputError: one line for a bad file, parameters that differ between checkpoints, a file
            that cannot be mapped and does not fit into memory, or fewer than two positions that
            are finite.
    """
    table = None if losses is None else read_losses(losses)
    parameters = walking_parameters(series, select, names)
    whole = _read_whole(series)
    notes = [*parameters.notes, *whole]
    for line in notes:
        log(line)
    steps = np.array([one.step for one in series], np.int64)
    width = max(1, int(_SHARE * memory) // (len(series) * parameters.dtype.itemsize))
    if not whole:  # several, so that one is read while another is used
        width = min(width, max(parameters.total // _BLOCKS, _NARROWEST))
    blocks = position_blocks(series, parameters, width)
    layers = list(zip(parameters.names, parameters.sizes, strict=True))

    def told() -> Iterable[tuple[int, Tensor]]:
        for place, block in blocks:
            yield place, block
            done = place + block.shape[1]
            if done * len(series) > _LONG and done // width % _TOLD == 0:
                log(f"read {100 * done / parameters.total:.0f} %")

    found = _walk(told(), layers, steps, sketch)
    loss: np.ndarray | None = None
    said: list[str] = []
    if losses is not None and table is not None:
        loss, said = losses_at(found.steps.tolist(), table, losses)
    for line in [*found.notes, *said]:
        log(line)
    return replace(_with_losses(found, loss), notes=[*notes, *found.notes, *said])


def walk_of_positions(
    positions: np.ndarray | Tensor,
    steps: Sequence[int] | None = None,
    losses: Sequence[float] | None = None,
    sketch: int = SKETCH,
) -> WalkRecord:
    """A walk from an array of its positions.

    Args:
        positions: (T, P) floating-point numbers, T of 2 or more.
        steps: (T,) of each, whole numbers, increasing; None for 0, 1, 2, ...
        losses: (T,) at each; None where they are not known.
        sketch: k, numbers of the sketch.

    Raises:
        InputError: for arrays of other shapes or numbers, or fewer than two finite positions.
    """
    tensor = torch.as_tensor(positions).detach().cpu()
    if tensor.ndim != 2 or len(tensor) < 2 or not tensor.is_floating_point() or not tensor.numel():
        raise InputError(
            f"positions: shape {tuple(tensor.shape)} of {tensor.dtype}; allowed: floating-point "
            "(T, P) with T of 2 or more"
        )
    if tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()
    count = len(tensor)
    at = np.arange(count) if steps is None else np.asarray(steps)
    if at.shape != (count,) or at.dtype.kind not in "iu" or at[0] < 0 or (np.diff(at) <= 0).any():
        raise InputError(f"steps: allowed: {count} whole numbers, 0 or more, increasing")
    loss = None if losses is None else np.asarray(losses, dtype=float)
    if loss is not None and loss.shape != (count,):
        raise InputError(f"losses: shape {loss.shape}; allowed: {count} finite numbers")
    found = _walk([(0, tensor)], [("positions", tensor.shape[1])], at.astype(np.int64), sketch)
    if loss is not None and not np.isfinite(loss[: len(found.steps)]).all():
        raise InputError(f"losses: not all are finite; allowed: {count} finite numbers")
    return _with_losses(found, loss)


def _with_losses(record: WalkRecord, loss: np.ndarray | None) -> WalkRecord:
    """With losses at its positions, or more of them."""
    if loss is None:
        return record
    windows = [
        replace(window, loss=loss[np.searchsorted(record.steps, window.step)])
        for window in record.windows
    ]
    return replace(record, windows=windows)


def _read_whole(series: Sequence[Checkpoint]) -> list[str]:
    """What is to be said of files that cannot be mapped.

    Raises:
        InputError: if one does not fit into what is free.
    """
    with open_checkpoint(series[0]) as first:
        size = first.whole
    if not size:
        return []
    free = free_host_memory()
    if size > free:
        raise InputError(
            f"{series[0].paths[0]}: cannot be mapped (compressed, or of an old format) and needs "
            f"{gigabytes(size)} of memory, of which {gigabytes(free)} are free; allowed: one that "
            "can, such as .safetensors"
        )
    return [
        f"files cannot be mapped (compressed, or of an old format): they are read whole, one at a "
        f"time, in {gigabytes(size)} of memory"
    ]


def _walk(
    blocks: Iterable[tuple[int, Tensor]],
    layers: list[tuple[str, int]],
    steps: np.ndarray,
    k: int,
) -> WalkRecord:
    count, total = len(steps), sum(size for _, size in layers)
    windows = _windows(steps)
    with _own_threads() as threads, ThreadPoolExecutor(threads) as pool:
        sums = _Sums(windows, count, total, k, threads)
        for place, block in blocks:
            sums.add(place, block, pool)
    norms = np.sqrt(sums.squares)
    good = _first_bad(norms) if sums.starts else 0
    if good < 2:
        raise InputError(
            f"step {steps[good]}: a position that is not finite; allowed: two or more that are"
        )
    path = SketchedPath(
        k,
        SKETCH_SEED,
        total,
        sums.start,
        sums.sketches[: good - 1],
        norms[: good - 1],
        np.sqrt(sums.from_start[:good]),
        step=steps[:good],
    )
    found: dict[tuple[int, int | None, int], Window] = {}
    for chosen, gram in zip(windows, sums.grams, strict=True):
        if np.count_nonzero(chosen < good) > 1:
            window = _window(chosen[chosen < good], gram, steps)
            found.setdefault((window.length, window.stride, window.start), window)
    diverged = None if good == count else int(steps[good])
    notes = []
    if diverged is not None:
        notes = [f"step {diverged} is not finite: the walk ends before it"]
    return WalkRecord(layers, steps[:good], list(found.values()), path, diverged, notes)


@contextmanager
def _own_threads() -> Iterator[int]:
    """As many threads as torch may use, of which each then works alone.

    Torch's own wait for each other in every small operation, which takes long while others have the
    processors, such as the thread that reads.
    """
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("highest")  # that no thread takes it back while others go on
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)


class _Sums:
    """What is added up over blocks of parameters.

    Args:
        windows: (n,) positions of each.
        count: T, positions.
        total: P, parameters.
        k: numbers of the sketch.
        threads: that share the work.

    Attributes:
        grams: (n - 1, n - 1) inner products of the increments of each window.
        squares: (T - 1,) of the increments.
        from_start: (T,) squared distance from the first position.
        sketches: (T - 1, k) of the increments.
        start: (k,) sketch of the first position.
        starts: whether that is finite.
    """

    def __init__(self, windows: Sequence[np.ndarray], count: int, total: int, k: int, threads: int):
        self._windows, self._total, self._k = windows, total, k
        self.grams = [np.zeros((len(chosen) - 1, len(chosen) - 1)) for chosen in windows]
        self.squares, self.from_start = np.zeros(count - 1), np.zeros(count)
        self.sketches, self.start = np.zeros((count - 1, k)), np.zeros(k)
        self.starts = True
        self._rows = [rows for rows in np.array_split(np.arange(count - 1), threads) if len(rows)]
        self._start_buckets = self._made(torch.float64)
        self._row_buckets: list[Buckets] = []

    def add(self, place: int, block: Tensor, pool: Executor) -> None:
        """Add positions (T, B) of parameters from a place on."""
        if not self._row_buckets:
            self._row_buckets = [self._made(block.dtype) for _ in self._rows]
        width = max(_NARROWEST, -(-block.shape[1] // len(self._rows)))
        products = [
            (gram, pool.submit(_gram, part, chosen))
            for chosen, gram in zip(self._windows, self.grams, strict=True)
            for part in block.split(width, dim=1)
        ]
        added = [
            pool.submit(self._add_rows, rows, place, block, buckets)
            for rows, buckets in zip(self._rows, self._row_buckets, strict=True)
        ]
        self.starts = self.starts and bool(torch.isfinite(block[0]).all())
        self.start += _sketched(self._start_buckets, block[0].double(), place)
        for gram, found in products:
            gram += found.result()
        for rows_added in added:
            rows_added.result()

    def _add_rows(self, rows: np.ndarray, place: int, block: Tensor, buckets: Buckets) -> None:
        moved = torch.empty_like(block[0])
        for row in rows.tolist():
            torch.sub(block[row + 1], block[0], out=moved)
            self.from_start[row + 1] += float(row_norms(moved[None])[0]) ** 2
            torch.sub(block[row + 1], block[row], out=moved)
            self.squares[row] += float(row_norms(moved[None])[0]) ** 2
            self.sketches[row] += _sketched(buckets, moved, place)

    def _made(self, dtype: torch.dtype) -> Buckets:
        return Buckets(self._total, self._k, SKETCH_SEED, dtype, torch.device("cpu"))


def _sketched(buckets: Buckets, part: Tensor, place: int) -> np.ndarray:
    buckets.add(part, place)
    return buckets.take().double().numpy()


def _gram(block: Tensor, chosen: np.ndarray) -> np.ndarray:
    """Of the increments of chosen rows: stripes of a block say what precision all of it needs."""
    rows = _rows(block, chosen)
    stripes = rows.shape[1] // (_CHECKED * _STRIPE)
    if not stripes:
        return window_gram(rows).matrix.numpy()
    apart = rows[:, : stripes * _CHECKED * _STRIPE].unflatten(1, (stripes, -1))
    found = window_gram(apart[:, :, :_STRIPE].flatten(1))
    dtype = torch.float64 if found.float64_products else torch.float32
    return plain_gram(rows, increments=True, dtype=dtype).numpy()


def _windows(steps: np.ndarray) -> list[np.ndarray]:
    """Positions of each window: all, or about equal parts and all of them thinned.

    Of unequal steps also every stretch of equal ones that is long enough for itself: there all
    analyses are possible.
    """
    count = len(steps)
    every = np.arange(count)
    found = [every]
    if count > LONGEST:
        parts = -(-count // LONGEST)
        found = np.array_split(every, parts)
        # by one more if it could not be told from the first by its length, start and stride
        told = [(len(part), _stride(steps[part])) for part in (every[::parts], found[0])]
        found += [every[:: parts + (told[0] == told[1])]]
    apart = np.diff(steps)
    edges = np.flatnonzero(np.diff(apart)) + 1
    if not edges.size:
        return found
    for part in np.split(every[:-1], edges):
        stretch = np.append(part, part[-1] + 1)
        if len(stretch) >= LEAST_ANALYSED:
            found += np.array_split(stretch, -(-len(stretch) // LONGEST))
    return found


def _window(chosen: np.ndarray, gram: np.ndarray, steps: np.ndarray) -> Window:
    at, count = steps[chosen], len(chosen)
    return Window(
        length=count,
        stride=_stride(at),
        start=int(at[0]),
        gram=gram[: count - 1, : count - 1],
        loss=None,
        step=at,
        probe_loss=None,
    )


def _stride(at: np.ndarray) -> int | None:
    """Steps between positions at some steps; None where these differ."""
    apart = np.unique(np.diff(at))
    return int(apart[0]) if len(apart) == 1 else None


def _first_bad(norms: np.ndarray) -> int:
    """First position that is not finite, by norms of increments; one past the last if all are."""
    bad = np.flatnonzero(~np.isfinite(norms))
    return int(bad[0]) + 1 if bad.size else len(norms) + 1


def _rows(block: Tensor, chosen: np.ndarray) -> Tensor:
    if len(chosen) > 1 and (np.diff(chosen) == 1).all():
        return block[chosen[0] : chosen[-1] + 1]
    return block[torch.from_numpy(chosen)]
