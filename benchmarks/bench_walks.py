"""What reading a walk from checkpoints costs beside a plain read of the same bytes.

Fifty checkpoints of five million float32 parameters, or with SIZE=large of a hundred million (20 GB
of disk for as long as it takes). Before either reads, the system's copy of the files is dropped.
"""

import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from sgdwalk.walks.checkpoint_names import checkpoint_series
from sgdwalk.walks.read import read_walk

CHECKPOINTS, TENSORS = 50, 20
LARGE = os.environ.get("SIZE") == "large"
PARAMETERS, ROUNDS = (10**8, 2) if LARGE else (5 * 10**6, 5)
_WRITE: dict[str, Callable[[dict, Path], None]] = {".safetensors": save_file, ".pt": torch.save}


def _write(folder: Path, suffix: str) -> None:
    rows = PARAMETERS // TENSORS // 1000
    state = {f"layer{i}.weight": torch.randn(rows, 1000) for i in range(TENSORS)}
    step = torch.randn(1000)
    for i in range(CHECKPOINTS):
        _WRITE[suffix](state, folder / f"step{i}{suffix}")
        for tensor in state.values():
            tensor.add_(step.roll(i), alpha=1e-3)


def _drop(paths: list[Path]) -> None:
    for path in paths:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _plain(paths: list[Path]) -> None:
    buffer = bytearray(2**24)
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def _measured(folder: str, suffix: str, told) -> None:
    """In a process of its own, whose memory is that of reading."""
    paths = sorted(Path(folder).glob(f"*{suffix}"))
    read: dict[str, Callable[[], object]] = {
        "plain": lambda: _plain(paths),
        "walk": lambda: read_walk(checkpoint_series(f"{folder}/*{suffix}")),
    }
    seconds: dict[str, list[float]] = {name: [] for name in read}
    for _ in range(ROUNDS):
        for name, call in read.items():
            _drop(paths)
            begin = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begin)
    told.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def measure() -> dict:
    """Ratios of the fastest rounds, and the most memory that the process had."""
    figures = {}
    spawn = multiprocessing.get_context("spawn")
    for suffix in _WRITE:
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), suffix)
            told = spawn.Queue()
            process = spawn.Process(target=_measured, args=(folder, suffix, told))
            process.start()
            seconds, memory = told.get()
            process.join()
        what = f"{CHECKPOINTS} {suffix} of {PARAMETERS:.0e} parameters"
        figures[f"{what}: over a plain read"] = min(seconds["walk"]) / min(seconds["plain"])
        figures[f"{what}: plain read, s"] = min(seconds["plain"])
        figures[f"{what}: most memory, GB"] = memory / 1e9
    return figures
