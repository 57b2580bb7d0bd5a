"""A recorded training run from its settings to its files, going on where it was stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch

from sgdwalk.datasets.prepared import read_dataset
from sgdwalk.errors import InputError
from sgdwalk.recording.probe import probe_loss
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.recording_folder import parts_folder
from sgdwalk.recording.window_families import families_that_fit
from sgdwalk.training.checkpoint_steps import checkpoint_steps
from sgdwalk.training.checkpoints import not_reached, save_checkpoint
from sgdwalk.training.initial_run import initial_run
from sgdwalk.training.loop import TrainingRun, train
from sgdwalk.training.resume_points import PointSchedule
from sgdwalk.training.run_folder import RunFolder
from sgdwalk.training.settings import Machine, RecordingSettings, TrainingSettings
from sgdwalk.training.setup import prepare_device
from sgdwalk.training.worker_processes import Job, followers


class Listener(Protocol):
    """What is told on the way; `sgdwalk.training.progress` has one for a terminal."""

    def resumed(self, step: int) -> None:
        """It goes on from a resume point."""

    def started_beside(self, others: Sequence[Path]) -> None:
        """It starts although there are other trainings of this run."""

    def after_step(self, step: int, loss: float) -> None:
        """It has made a step."""

    def diverged(self, step: int) -> None:
        """It ends at a loss that is not finite."""


def train_recorded(
    folder: RunFolder,
    dataset: str | Path,
    training: TrainingSettings,
    recording: RecordingSettings,
    machine: Machine,
    origin: Mapping[str, Any],
    progress: Listener,
) -> None:
    """Train a run to its end, from its resume point if there is one; its files are then kept.

    Args:
        folder: where the run is trained; locked by the caller.
        dataset: prepared dataset file.
        training: decides the walk.
        recording: decides what is kept of it.
        machine: how to run.
        origin: stored in the trajectory file.
        progress: told how the training comes along.

    Raises:
        InputError: bad settings or files, a resume point made with other threads or device, or no
            room for what is recorded.
        Stopped: on SIGTERM or SIGINT, after saving a resume point.
    """
    trajectory = folder.work / "trajectory.h5"
    if trajectory.exists():  # killed between the last write and the rename
        folder.finish()
        return
    device = prepare_device(machine.device, machine.own_threads, machine.deterministic)
    _check_processes(machine, device)
    point = folder.point()
    if point is not None:
        _check_machine(point, machine, device)
    run, probe = _make_run(dataset, training, recording, device)
    if point is not None:
        run.restore(point["run"])
        progress.resumed(run.step)
    elif folder.others():
        progress.started_beside(folder.others())
    wanted = checkpoint_steps(recording.checkpoints, training.steps)
    saved = folder.work / "checkpoints"
    if point is None:  # without a point, nothing can go on from what was recorded
        shutil.rmtree(parts_folder(trajectory), ignore_errors=True)
    recorder = TrajectoryRecorder(
        run.model,
        trajectory,
        _families(recording.windows, training.steps) or None,
        sketch=recording.sketch or None,
        groups=recording.groups,
        steps_per_epoch=run.batches.per_epoch,
        weights=recording.weights,
        layer_grams=recording.layer_grams,
        probe=probe,
        samples_per_step=recording.samples_per_step,
        coordinates_per_layer=recording.coordinates_per_layer,
        seed=training.seed,
        origin=origin,
        resumable=True,
        resume=False if point is None else point["recorder"],
        host_memory=machine.host_memory,
    )

    def save_point(sync: bool) -> None:
        folder.save_point(
            {
                "run": run.state(),
                "recorder": recorder.state(sync),
                "threads": machine.threads,
                "device": device.type,
                "processes": machine.processes,
                "data": origin.get("data"),
            }
        )
        recorder.state_saved()

    def keep_checkpoint(run: TrainingRun) -> None:
        if run.step in wanted:
            content = {"status": "reached", **run.state(), "training": vars(training)}
            save_checkpoint(saved / f"{run.step}.pt", content)

    points = PointSchedule(save_point, machine.resume_minutes, machine.resume_steps)

    def after_step(run: TrainingRun, loss: float) -> None:
        _check_recorded(recorder)
        progress.after_step(run.step, loss)
        points.after_step(run.step)

    resumed = str(folder.point_file) if point is not None else None
    with (
        points.listening(),
        recorder.kept_open_on_error(),
        _processes(run, str(dataset), training, machine, resumed, device),
    ):
        diverged_at = train(
            run, training.steps, recorder, before_step=keep_checkpoint, after_step=after_step
        )
    if diverged_at is not None:
        progress.diverged(diverged_at)
        for step in wanted:
            if step > diverged_at:
                save_checkpoint(saved / f"{step}.pt", not_reached(step, diverged_at))
    recorder.close(diverged_at=diverged_at)
    _check_recorded(recorder)
    folder.finish()


def _check_recorded(recorder: TrajectoryRecorder) -> None:
    """A training that is not recorded is of no use here; it goes on from its last point."""
    if recorder.ended is not None:
        raise InputError(f"{recorder.path}: {recorder.ended}")


@contextmanager
def _processes(
    run: TrainingRun,
    dataset: str,
    training: TrainingSettings,
    machine: Machine,
    point: str | None,
    device: torch.device,
) -> Iterator[None]:
    """Share the run with other processes, if it is to have more than one."""
    if machine.processes == 1:
        yield
        return
    job = Job(dataset, training, point, device.type, machine.own_threads, machine.deterministic)
    with followers(run, job, machine.processes, device):
        yield


def _check_processes(machine: Machine, device: torch.device) -> None:
    """Several processes on the CPU are asked for in so many words, and are no fallback."""
    if machine.processes == 1 or machine.device == "cpu":
        return
    found = torch.cuda.device_count() if device.type == "cuda" else 0
    if found < machine.processes:
        raise InputError(
            f"resources.train.gpu: {machine.processes}, but {found} are visible; "
            f"allowed here: at most {max(found, 1)}"
        )


def _check_machine(point: Mapping[str, Any], machine: Machine, device: torch.device) -> None:
    """A resumed run must end as if never stopped, and rounding depends on these."""
    if point["threads"] != machine.threads:
        raise InputError(
            f"the resume point was made with {point['threads']} threads and this job has "
            f"{machine.threads}; give it {point['threads']} (--cores and resources.train.threads), "
            "or remove .resume in the run's folder to start over"
        )
    if point["processes"] != machine.processes:
        raise InputError(
            f"the resume point was made with {point['processes']} processes and this job has "
            f"{machine.processes}; set resources.train.gpu to {point['processes']}, or remove "
            ".resume in the run's folder to start over"
        )
    if point["device"] != device.type:
        raise InputError(
            f"the resume point was made on {point['device']} and this job runs on {device.type}; "
            f"set resources.device to {point['device']}, or remove .resume in the run's folder"
        )


def _make_run(
    dataset: str | Path,
    training: TrainingSettings,
    recording: RecordingSettings,
    device: torch.device,
) -> tuple[TrainingRun, Callable[[], torch.Tensor] | None]:
    run = initial_run(read_dataset(dataset), training, device)
    probe = None
    if recording.probe:
        chosen = slice(min(recording.probe, len(run.batches.labels)))
        inputs, labels = run.batches.inputs[chosen], run.batches.labels[chosen]
        probe = probe_loss(run.model, inputs, labels, run.criterion)
    return run, probe


def _families(windows: tuple[Mapping[str, int], ...], steps: int) -> list[tuple[int, int]]:
    """Window families that fit into the run."""
    return [(w["length"], w["stride"]) for w in families_that_fit(windows, steps)]
