"""Train the same small run in a process of its own, killing itself where it is told to.

python train_once.py FOLDER DATASET SETTINGS     (SETTINGS is JSON, see below)
"""

import errno
import json
import os
import signal
import sys
from pathlib import Path

from sgdwalk.errors import InputError
from sgdwalk.training import resume_points
from sgdwalk.training.progress import Progress
from sgdwalk.training.recorded_run import train_recorded
from sgdwalk.training.run_folder import RunFolder
from sgdwalk.training.settings import Machine, RecordingSettings, TrainingSettings

TRAINING = {
    "model": "resnet8",
    "dataset": "digits",
    "batch_size": 64,
    "learning_rate": 0.1,
    "steps": 150,
    "seed": 0,
    "augment": True,
}
RECORDING = {
    "windows": ({"length": 40, "stride": 1}, {"length": 14, "stride": 10}),
    "checkpoints": 4,
    "weights": False,
    "layer_grams": True,
    "probe": 16,
    "samples_per_step": 8,
    "coordinates_per_layer": 2,
}


def at_call(name: str, number: int, *, full: bool) -> None:
    """Die, as by a power cut, at the n-th call of a function of os that writing files needs.

    Or, if `full`, find the disk full there.
    """
    original, calls = getattr(os, name), 0

    def counted(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls == number and full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(os, name, counted)


def main(folder: str, dataset: str, settings: dict) -> None:
    if settings.get("kill_at_call"):
        at_call(*settings["kill_at_call"], full=False)
    if settings.get("full_at_call"):
        at_call(*settings["full_at_call"], full=True)
    training = TrainingSettings(**{**TRAINING, **settings.get("training", {})})
    run = RunFolder(folder, settings.get("identity", "same"))
    machine = Machine(
        threads=settings.get("threads", 1),
        processes=settings.get("processes", 1),
        device=settings.get("device", "cpu"),
        deterministic=True,
        resume_minutes=1000,
        resume_steps=settings.get("resume_steps", 7),
    )
    with run.locked():
        if not run.kept.exists():
            train_recorded(
                run,
                dataset,
                training,
                RecordingSettings(**{**RECORDING, **settings.get("recording", {})}),
                machine,
                {},
                Progress(print, "run", training.steps),
            )
        run.link(["trajectory.h5", "checkpoints"])


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
    except (InputError, resume_points.Stopped, OSError) as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        sys.exit(1)
    assert Path(sys.argv[1], "trajectory.h5").exists()
