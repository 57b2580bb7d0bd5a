"""No room on disk or in memory, and folders that may not be written: never the training's harm."""

import os
import resource
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from loops import STEPS, Forks, flat, start_of
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.recover import recover
from sgdwalk.recording.room import Room, free_host_memory, is_lack
from sgdwalk.recording.trajectory import Trajectory

NOBODY = 65534


@pytest.fixture(scope="module")
def forks():
    with Forks() as forks:
        yield forks


@pytest.fixture(scope="module")
def whole(forks, tmp_path_factory):
    """The walk of a loop that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    forks.run("walk", folder)
    return Trajectory(folder / "t.h5")


@pytest.fixture
def disk(tmp_path):
    """Makes a disk of so many kB."""
    made = []

    def disk_of(size):
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("file systems cannot be mounted here")
        made.append(folder)
        return folder

    yield disk_of
    for folder in made:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def make_room(folder):
    command = ["mount", "-o", "remount,size=10m", str(folder)]
    subprocess.run(command, check=True)


def as_without_a_recorder(folder):
    """Whether the parameters at the end are those of the training alone."""
    model, _ = start_of(STEPS)
    return np.array_equal(np.load(folder / "end.npy"), flat(model))


def assert_begins(whole, part):
    np.testing.assert_array_equal(part.loss, whole.loss[: part.steps])
    by_place = {(w.length, w.stride, w.start): w for w in whole.windows}
    assert len(part.windows) >= part.steps // 10
    for w in part.windows:
        np.testing.assert_array_equal(w.gram, by_place[w.length, w.stride, w.start].gram)


def test_a_disk_that_is_full_in_the_middle(forks, whole, disk, tmp_path):
    path = disk(100) / "t.h5"
    fork = forks.start("walk", tmp_path / "loop", name=str(path))
    assert fork.wait() == 0
    ended, not_written = fork.lines()
    assert "t.h5: recording ended after 60 steps: [Errno 28] No space left on device." in ended
    assert "No space left on device" in not_written
    assert as_without_a_recorder(tmp_path / "loop")
    assert not path.exists()
    with pytest.raises(InputError, match=r"t\.h5: cannot be written .*No space left on device"):
        recover(path)
    make_room(path.parent)
    found = recover(path)
    assert found.steps == 60
    assert_begins(whole, found)
    assert [p.name for p in path.parent.iterdir()] == ["t.h5"]


@pytest.mark.parametrize("size", [300, 400, 700])
def test_a_disk_that_is_full_when_the_file_is_written(forks, whole, disk, tmp_path, size):
    path = disk(size) / "t.h5"
    fork = forks.start("walk", tmp_path / "loop", name=str(path))
    assert fork.wait() == 0
    (line,) = fork.lines()
    assert "No space left on device" in line
    assert str(path) in line
    assert as_without_a_recorder(tmp_path / "loop")
    assert [p.name for p in path.parent.iterdir()] == ["t.h5.parts"]
    with pytest.raises(InputError, match=r"t\.h5: cannot be written .*No space left on device"):
        recover(path)
    make_room(path.parent)
    found = recover(path)
    assert found.steps == STEPS
    assert len(found.windows) == len(whole.windows)
    assert_begins(whole, found)


def test_a_disk_that_is_full_at_the_start(forks, disk, tmp_path):
    folder = disk(40)
    (folder / "other").write_bytes(bytes(37 * 1024))
    fork = forks.start("walk", tmp_path / "loop", name=str(folder / "t.h5"))
    assert fork.wait() == 1
    last = fork.errors().splitlines()[-1]
    assert "InputError" in last
    assert "GB free, and what is kept of a window needs" in last
    assert [p.name for p in folder.iterdir()] == ["other"]


@pytest.mark.parametrize(
    ("limit", "room", "steps", "lines"),
    [
        # not even for the lines that say it; some Pythons write them when the limit is gone
        (0, None, 0, (0, 2)),
        (700, None, 0, (2,)),
        (40_000, None, 64, (2,)),
        (20_000, 80, 80, (2,)),
        (200_000, None, STEPS, (1,)),
    ],
    ids=["nothing", "a header", "some steps", "from step 80 on", "all but the file"],
)
def test_files_that_may_not_grow(forks, whole, tmp_path, limit, room, steps, lines):
    """As a quota: the system refuses, where a disk would have room."""
    fork = forks.start("walk", tmp_path, limits=[("FSIZE", limit)], room=room)
    assert fork.wait() == 0, fork.errors()
    said = fork.lines()
    assert len(said) in lines
    assert all("File too large" in line for line in said)
    assert as_without_a_recorder(tmp_path)
    assert not (tmp_path / "t.h5").exists()
    if not steps:
        with pytest.raises(InputError, match="no such file, and no "):
            recover(tmp_path / "t.h5")
        return
    found = recover(tmp_path / "t.h5")
    assert abs(found.steps - steps) < 40
    assert_begins(whole, found)
    assert len(list(tmp_path.glob("*t.h5*"))) == 1


def test_a_mapped_file_without_room_is_refused_with_what_would_fit(disk, tmp_path):
    folder = disk(1000)
    model = nn.Linear(100, 99)  # 40 kB a position
    with pytest.raises(
        InputError,
        match=r"window: 100 positions of 9999 parameters need 0\.004 GB; .* 0\.000\d+ GB in "
        r".*t\.h5\.parts; allowed: windows of (19|20|21) positions or fewer",
    ):
        TrajectoryRecorder(model, folder / "t.h5", window=100, host_memory=0)
    assert list(folder.iterdir()) == []
    TrajectoryRecorder(model, folder / "t.h5", window=19, host_memory=0).close()


@pytest.mark.parametrize("families", [[(100, 1)], [(5, 1), (100, 2)]])
def test_room_that_went_away_before_a_mapped_file_is_made(disk, monkeypatch, families):
    folder = disk(1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: os.statvfs_result and Plenty)
    with pytest.raises(InputError, match=r"need 0\.004 GB in .*No space left on device"):
        TrajectoryRecorder(nn.Linear(100, 99), folder / "t.h5", families, host_memory=0)
    assert list(folder.iterdir()) == []


class Plenty:
    free = 2**40


def test_a_mapped_file_leaves_nothing_after_a_kill(forks, tmp_path):
    fork = forks.start("walk", tmp_path, host_memory=0, die_at=(100, "before", 9))
    assert fork.wait() == -9
    assert not list(tmp_path.rglob("*.map*"))
    assert recover(tmp_path / "t.h5").steps > 30


def test_memory_that_a_process_may_not_take_is_an_input_error(forks, tmp_path):
    """The machine has it, the process may not: `ulimit -v`."""
    fork = forks.start("refuse_much", tmp_path, room=2**30, window=3000)
    assert fork.wait() == 0, fork.errors()
    assert "window: 3000 positions of 200000 parameters need 2.4 GB" in fork.errors()
    assert "allowed: " in fork.errors()
    assert not list(tmp_path.glob("t.h5*"))


def test_what_a_process_may_take_is_seen(monkeypatch):
    most = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (most, most))
    free = free_host_memory()
    assert free > 2**20
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    taken = pages * resource.getpagesize()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (taken + 2**20, most))
    assert free_host_memory() <= 2**20 < free


def test_a_folder_of_someone_else(forks, tmp_path):
    if os.getuid() != 0:
        pytest.skip("only the system's user can become another one")
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop").chmod(0o777)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o755)
    for parent in [tmp_path, *tmp_path.parents]:
        if parent.stat().st_uid == 0 and parent.name.startswith(("pytest", "test")):
            parent.chmod(0o755)
    fork = forks.start("walk", tmp_path / "loop", name=str(closed / "t.h5"), user=NOBODY)
    assert fork.wait() == 1
    last = fork.errors().splitlines()[-1]
    assert last == (
        f"sgdwalk.errors.InputError: {closed / 't.h5.parts'}: Permission denied; "
        "allowed: a folder that may be written"
    )
    assert list(closed.iterdir()) == []


def test_a_path_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "t.h5").mkdir()
    for options in ({}, {"overwrite": True}):
        with pytest.raises(InputError, match=r"t\.h5: a folder; allowed: the path of a file"):
            TrajectoryRecorder(nn.Linear(2, 2), tmp_path / "t.h5", **options)
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


@pytest.mark.parametrize(
    "error",
    [
        ("MemoryError", "out of it"),
        ("RuntimeError", "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=["numpy", "torch"],
)
def test_memory_that_lacks_for_a_gram_matrix_ends_the_recording_alone(
    forks, whole, tmp_path, error
):
    fork = forks.start("walk", tmp_path, memory=(73, error))
    assert fork.wait() == 0, fork.errors()
    said = fork.lines()
    assert len(said) == 1
    assert "recording ended after 76 steps" in said[0]
    assert error[1] in said[0]
    assert as_without_a_recorder(tmp_path)
    found = Trajectory(tmp_path / "t.h5") if (tmp_path / "t.h5").exists() else None
    found = found or recover(tmp_path / "t.h5")
    assert found.steps == 76
    assert sorted(w.start for w in found.windows if w.stride == 1) == list(range(0, 70, 10))
    for w in found.windows:
        same = next(x for x in whole.windows if (x.stride, x.start) == (w.stride, w.start))
        np.testing.assert_array_equal(w.gram, same.gram)


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (OSError(28, "No space left on device"), True),
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("unable to mmap 64 bytes from file </x>: Cannot allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("allocate"), False),
    ],
)
def test_what_is_a_lack(error, lack):
    assert is_lack(error) is lack


def test_other_errors_are_raised(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    recorder = TrajectoryRecorder(nn.Linear(2, 2), tmp_path / "t.h5", window=3)
    recorder.record(0.0)
    recorder.record(0.0)
    monkeypatch.setattr("sgdwalk.recording.open_window.window_gram", fail)
    with pytest.raises(RuntimeError, match="shapes cannot"):
        recorder.record(0.0)
    with pytest.raises(RuntimeError, match="shapes cannot"):
        recorder.close()
    assert recover(tmp_path / "t.h5").steps == 3  # the folder was let go


def test_room_is_given_out_once(tmp_path):
    room = Room(torch.device("cpu"), tmp_path, 100)
    assert room.place(5, 4, torch.float32) == "host"
    assert room.place(5, 4, torch.float32) == "file"
