"""The processes of a run beside the first one: started by it, they do as it does and keep nothing.

python -m sgdwalk.training.worker_processes < JOB      (JSON of what `followers` sends)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from sgdwalk.datasets.prepared import read_dataset
from sgdwalk.training.checkpoints import load_checkpoint
from sgdwalk.training.data_parallel import Place, joined
from sgdwalk.training.initial_run import initial_run
from sgdwalk.training.loop import TrainingRun, train
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import prepare_device


@dataclass(frozen=True)
class Job:
    """What another process needs to train the same run.

    Attributes:
        dataset: prepared dataset file.
        training: the run's settings.
        point: resume point, None for a run from its start.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads of each process.
        deterministic: only deterministic kernels on a GPU as well.
    """

    dataset: str
    training: TrainingSettings
    point: str | None
    device: str
    threads: int
    deterministic: bool


class _Silent:
    """Keeps nothing."""

    def record(self, loss: float, samples: int) -> None:
        pass

    def record_epoch(self, **values: float) -> None:
        pass


@contextmanager
def followers(run: TrainingRun, job: Job, processes: int, device: torch.device) -> Iterator[None]:
    """Train in this block on several processes: this one and others that are started.

    They end with the block, whatever happens in it, and notice when this process is killed.
    """
    folder = tempfile.TemporaryDirectory(prefix="sgdwalk-")
    started: list[subprocess.Popen[str]] = []
    with folder:
        meeting = str(Path(folder.name) / "meeting")
        try:
            for rank in range(1, processes):
                started.append(_start(job, Place(rank, processes, meeting)))
            with joined(run, Place(0, processes, meeting), device):
                yield
            for process in started:
                process.wait(timeout=60)
        finally:
            for process in started:
                process.kill()
                process.wait()


def _start(job: Job, place: Place) -> subprocess.Popen[str]:
    library = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([library, *filter(None, sys.path)])}
    process = subprocess.Popen(
        [sys.executable, "-m", "sgdwalk.training.worker_processes"],
        stdin=subprocess.PIPE,
        env=environment,
        text=True,
    )
    with process.stdin as stream:  # type: ignore[union-attr]  # a pipe was asked for
        json.dump({**asdict(job), "place": asdict(place), "parent": os.getpid()}, stream)
    return process


def follow(job: Job, place: Place) -> None:
    """Train a run in step with its first process, to its end."""
    device = prepare_device(job.device, job.threads, job.deterministic)
    if device.type == "cuda":
        device = torch.device("cuda", place.rank)
        torch.cuda.set_device(device)
    run = initial_run(read_dataset(job.dataset), job.training, device)
    run.test = None
    if job.point is not None:
        state = load_checkpoint(job.point)["run"]
        run.restore({**state, "rng_cuda": None})  # drawn anew at every step
    with joined(run, place, device):
        train(run, job.training.steps, _Silent())


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def follow_as_told() -> None:
    """Follow, as told by the standard input."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the first process saves a point, then ends this one
    told = json.load(sys.stdin)
    threading.Thread(target=_end_with, args=[told.pop("parent")], daemon=True).start()
    place = Place(**told.pop("place"))
    settings = TrainingSettings(**told.pop("training"))
    follow(Job(training=settings, **told), place)


if __name__ == "__main__":
    follow_as_told()
