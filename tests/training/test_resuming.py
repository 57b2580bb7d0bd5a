"""Killed at any moment, a training goes on and ends with the same bits."""

from __future__ import annotations

import random
import signal
import subprocess
import time

import numpy as np
import pytest
from trainings import assert_same_run, start, train, wait_for

from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.training.checkpoints import load_checkpoint


@pytest.fixture(scope="module")
def whole(tmp_path_factory, dataset):
    """The run that nobody interrupted, with how long it took from start to end."""
    folder = tmp_path_factory.mktemp("whole")
    begin = time.monotonic()
    train(folder, dataset)
    return folder, time.monotonic() - begin


def test_killed_at_random_moments_many_times(tmp_path, dataset, whole):
    expected, seconds = whole
    draw = random.Random(5)
    kills, resumed = 0, 0
    for attempt in range(60):
        process = start(tmp_path, dataset)
        # later attempts get more time, so that the run comes to its end
        patience = draw.uniform(0.45, 1.0) * seconds * (1 + 0.1 * attempt)
        if attempt == 0:  # whatever the machine's speed, one kill comes between start and end
            wait_for(tmp_path, ".resume/*/point.pt")
            patience = 0
        try:
            output, _ = process.communicate(timeout=patience)
            assert process.returncode == 0, output
            break
        except subprocess.TimeoutExpired:
            process.send_signal(draw.choice([signal.SIGKILL, signal.SIGTERM]))
            output, _ = process.communicate()
            kills += process.returncode != 0
            resumed += "resumed at step" in output
    assert kills >= 1
    assert_same_run(tmp_path, expected)


def test_a_disk_that_fills_stops_the_training_and_keeps_its_point(tmp_path, dataset, whole):
    process = start(tmp_path, dataset, full_at_call=("pwrite", 90))
    output, _ = process.communicate()
    assert process.returncode == 1
    assert "InputError: " in output
    assert "No space left on device" in output
    assert "resumed at step" in train(tmp_path, dataset)
    assert_same_run(tmp_path, whole[0])


@pytest.mark.parametrize(
    "call", [("fsync", 3), ("fsync", 17), ("fsync", 40), ("replace", 2), ("replace", 9)]
)
def test_killed_while_a_file_is_written(tmp_path, dataset, whole, call):
    process = start(tmp_path, dataset, kill_at_call=call)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    train(tmp_path, dataset)
    assert_same_run(tmp_path, whole[0])


@pytest.mark.parametrize("before_the_end", [0, 1, 2, 3])
def test_killed_during_the_last_writes(tmp_path, dataset, whole, before_the_end):
    """The last renames: trajectory file, whole folder, and the two links of the outputs."""
    saved = len(list((whole[0] / "checkpoints").glob("*.pt")))
    last = saved + 1 + 4  # checkpoints, one resume point, and these
    options = {"resume_steps": 149}
    process = start(tmp_path, dataset, kill_at_call=("replace", last - before_the_end), **options)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    train(tmp_path, dataset, **options)
    assert_same_run(tmp_path, whole[0])


def test_no_more_than_the_interval_is_lost(tmp_path, dataset):
    process = start(tmp_path, dataset, kill_at_call=("fsync", 60))
    process.communicate()
    (point,) = (tmp_path / ".resume").glob("*/point.pt")
    before = load_checkpoint(point)["run"]["step"]
    assert before > 0
    assert before % 7 == 0
    assert f"resumed at step {before}" in train(tmp_path, dataset)


def test_sigterm_saves_the_step_it_came_at(tmp_path, dataset, whole):
    """Between resume points, with a window open across the stop."""
    process = start(tmp_path, dataset, resume_steps=100000)
    wait_for(tmp_path, ".resume/*/trajectory.h5.parts/steps.rows")
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert "SIGTERM after step" in output
    step = int(output.split("SIGTERM after step ")[1].split(":")[0])
    assert f"resumed at step {step}" in train(tmp_path, dataset)
    assert_same_run(tmp_path, whole[0])


def test_other_settings_start_afresh_and_say_so(tmp_path, dataset, whole):
    start(tmp_path, dataset, kill_at_call=("fsync", 60)).communicate()
    output = train(
        tmp_path, dataset, identity="other", training={"learning_rate": 0.01, "steps": 50}
    )
    assert "settings or code differ from those of" in output
    assert "training from the start" in output
    train(tmp_path, dataset)  # and the first settings are still there to go on with
    assert_same_run(tmp_path, whole[0])


def test_other_threads_name_the_number_needed(tmp_path, dataset, whole):
    start(tmp_path, dataset, kill_at_call=("fsync", 60)).communicate()
    process = start(tmp_path, dataset, threads=2)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert "made with 1 threads and this job has 2; give it 1" in output
    train(tmp_path, dataset)
    assert_same_run(tmp_path, whole[0])


def test_a_full_disk_is_one_clear_line_and_not_the_end(tmp_path, dataset, whole):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs more rights than there are")
    try:
        process = start(disk / "run", dataset)
        output, _ = process.communicate()
        assert process.returncode == 1
        assert "No space left on device" in output
        assert "Traceback" not in output
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        train(disk / "run", dataset)
        assert_same_run(disk / "run", whole[0])
    finally:
        subprocess.run(["umount", disk], check=True)


def test_divergence_is_a_result(tmp_path, dataset):
    output = train(tmp_path, dataset, training={"learning_rate": 1e6})
    assert "diverged: the loss is not finite at step" in output
    trajectory = Trajectory(tmp_path / "trajectory.h5")
    at = trajectory.diverged_at
    assert 0 < at < 150
    assert trajectory.steps == at
    assert np.isfinite(trajectory.loss).all()
    assert all(w.step[-1] < at for w in trajectory.windows)
    last = load_checkpoint(tmp_path / "checkpoints" / "150.pt")
    assert last == {"status": "not reached", "step": 150, "diverged_at": at}
    assert load_checkpoint(tmp_path / "checkpoints" / "0.pt")["status"] == "reached"


@pytest.mark.parametrize(
    "training",
    [
        {"momentum": 0.9, "nesterov": True, "schedule": "cosine", "warmup": 20},
        {"optimizer": "adamw", "learning_rate": 0.002, "weight_decay": 0.1, "loss": "mse"},
        {"drop_last": True},
        {"sampling": "replacement"},
    ],
    ids=["momentum", "adamw", "drop_last", "replacement"],
)
def test_the_state_of_optimizer_schedule_and_batches_is_resumed(tmp_path, dataset, training):
    training = {**training, "steps": 60}
    recording = {"windows": ({"length": 20, "stride": 1}, {"length": 10, "stride": 3})}
    settings = {"training": training, "recording": recording}
    train(tmp_path / "whole", dataset, **settings)
    start(tmp_path / "killed", dataset, kill_at_call=("fsync", 20), **settings).communicate()
    assert "resumed at step" in train(tmp_path / "killed", dataset, **settings)
    assert_same_run(tmp_path / "killed", tmp_path / "whole")
