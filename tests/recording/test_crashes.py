"""Loops that are killed, at any moment: what they had recorded is there, or can be recovered."""

import json
import os
import random
import shutil
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest
from loops import OPTIONS, STEPS, Forks, start_of

from sgdwalk.errors import InputError
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.recover import recover
from sgdwalk.recording.trajectory import Trajectory

KILL, TERMINATE = signal.SIGKILL, signal.SIGTERM


@pytest.fixture(scope="module")
def forks():
    with Forks() as forks:
        yield forks


@pytest.fixture
def fast(tmp_path):
    """A folder in memory if there is one: to wait for a disk is most of what these loops do."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def whole(forks, tmp_path_factory):
    """The walk of a loop that nothing disturbs, and the calls that it makes."""
    folder = tmp_path_factory.mktemp("whole")
    assert not forks.run("walk", folder, calls=True).strip()
    trajectory = Trajectory(folder / "t.h5")
    assert [(w.length, w.stride) for w in trajectory.windows].count((10, 1)) == 20
    return trajectory, json.loads((folder / "calls").read_text())


def logged(folder):
    """Losses by step, of steps whose record had returned."""
    lines = (line.split() for line in (folder / "log").read_text().splitlines())
    return {int(step): float.fromhex(loss) for step, loss in lines}


def look_at_what_is_left(folder, whole):
    """Read or recover, and compare with the loop's own log and with the undisturbed walk."""
    path = folder / "t.h5"
    log = logged(folder)
    if path.exists() and not (folder / "t.h5.parts" / "recording.json").exists():
        found = Trajectory(path)
        with pytest.raises(InputError, match="it is whole already"):
            recover(path)
    elif log or has_rows(folder):
        found = recover(path)
        assert found.interrupted
    else:
        with pytest.raises(InputError, match="no such file, and no (step|cut-off)"):
            recover(path)
        assert not path.exists()
        return None
    assert found.steps in (len(log), len(log) + 1)
    assert found.loss[: len(log)].tolist() == list(log.values())
    assert_begins(whole, found)
    starts = {(w.length, w.stride, w.start) for w in found.windows}
    for w in whole.windows:
        if not w.partial and w.start + (w.length - 1) * w.stride < len(log) - 1:
            assert (w.length, w.stride, w.start) in starts
    assert not (folder / "t.h5.parts").exists()
    assert not list(folder.glob(".*"))
    return found


def has_rows(folder):
    rows = folder / "t.h5.parts" / "steps.rows"
    return rows.exists() and rows.stat().st_size > 512 + 100


def assert_begins(whole, part):
    """All that is in ``part`` is in ``whole``, bit for bit."""
    np.testing.assert_array_equal(part.loss, whole.loss[: part.steps])
    np.testing.assert_array_equal(part.gradient_norm, whole.gradient_norm[: part.steps])
    for name, rows in part.gradients.items():
        if name.startswith(("sample", "series_gradient", "series_position")):
            np.testing.assert_array_equal(rows, whole.gradients[name][: part.steps])
    for name, rows in part.epochs.items():
        if name != "mean_gradient_index":
            np.testing.assert_array_equal(rows, whole.epochs[name][: len(rows)])
    by_place = {(w.length, w.stride, w.start): w for w in whole.windows}
    for w in part.windows:
        same = by_place[w.length, w.stride, w.start]
        np.testing.assert_array_equal(w.gram, same.gram)
        np.testing.assert_array_equal(w.loss, same.loss)
    for w in part.windows[-1:]:
        layers = whole.layer_grams(by_place[w.length, w.stride, w.start])
        np.testing.assert_array_equal(part.layer_grams(w), layers)


@pytest.mark.parametrize("by", [KILL, TERMINATE], ids=["SIGKILL", "SIGTERM"])
def test_kills_at_any_time_lose_nothing_that_was_recorded(forks, whole, fast, by):
    undisturbed, _ = whole
    draw = random.Random(int(by))
    found = []
    for i in range(25):
        folder = fast / str(i)
        fork = forks.start("walk", folder)
        code = fork.wait(kill_after=draw.uniform(0, 0.6), by=by)
        assert code in (0, -by), fork.errors()
        (folder / "log").touch()
        found.append(look_at_what_is_left(folder, undisturbed))
    assert any(f is not None and f.interrupted and f.windows for f in found)


@pytest.mark.parametrize("by", [KILL, TERMINATE], ids=["SIGKILL", "SIGTERM"])
def test_kills_in_any_call_to_the_disk_lose_nothing_that_was_recorded(forks, whole, fast, by):
    """Most of them while a window is closed, the file written, or what is left over removed."""
    undisturbed, calls = whole
    draw = random.Random(int(by))
    last = max(i for i, (_, file) in enumerate(calls) if file.endswith(".rows")) + 1
    steps = [i for i, call in enumerate(calls) if call == ["pwrite", "steps.rows"]]
    closing = sorted(set(range(steps[-1])) - set(steps))
    ending = [i for i, (name, _) in enumerate(calls) if name in ("replace", "rmdir")]
    begin = next(i for i, (name, _) in enumerate(calls) if name == "create_dataset")
    numbers = draw.sample(closing, 10) + draw.sample(steps, 3) + draw.sample(range(begin, last), 8)
    numbers += ending + [0, 1, steps[0]]
    interrupted = 0
    for i, number in enumerate(numbers):
        folder = fast / str(i)
        when = draw.choice(["before", "half", "after"])
        fork = forks.start("walk", folder, die_at=(number, when, by))
        assert fork.wait() == -by, fork.errors()
        (folder / "log").touch()
        found = look_at_what_is_left(folder, undisturbed)
        interrupted += found is not None and found.interrupted
    assert interrupted > 15
