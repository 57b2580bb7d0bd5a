"""Several processes: one records at a path, and those of one walk make one file of it."""

import errno
import fcntl
import gc
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from loops import OPTIONS, Forks, loss_at, start_of
from torch.utils.data import DataLoader

from sgdwalk.errors import InputError
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.recover import recover
from sgdwalk.recording.sketch import Sketch
from sgdwalk.recording.trajectory import Trajectory


@pytest.fixture(scope="module")
def forks():
    with Forks() as forks:
        yield forks


def recorder_at(path, **options):
    model, _ = start_of()
    return model, TrajectoryRecorder(model, path, **{**OPTIONS, "origin": {}, **options})


def record(model, recorder, steps):
    for step in range(steps):
        recorder.record(loss_at(model, step))


def fail_after(steps, model, recorder):
    record(model, recorder, steps)
    raise ZeroDivisionError


def wait_for(path):
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# ---------------------------------------------------------------- two recorders, one path


def test_a_second_recorder_of_the_same_process_is_refused(tmp_path, monkeypatch):
    model, first = recorder_at(tmp_path / "t.h5")
    record(model, first, 5)
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in (
        "t.h5",
        tmp_path / "t.h5",
        tmp_path / "link" / "t.h5",
        "link/../" + tmp_path.name + "/t.h5",
    ):
        for options in ({}, {"overwrite": True}, {"resume": True}):
            with pytest.raises(InputError, match="another recorder of this process is recording"):
                recorder_at(path, **options)
    with pytest.raises(InputError, match="another recorder of this process is recording"):
        recover(tmp_path / "t.h5")
    record(model, first, 5)
    first.close()
    assert Trajectory(tmp_path / "t.h5").steps == 10


def test_a_second_recorder_of_another_process_is_refused(forks, tmp_path):
    model, first = recorder_at(tmp_path / "t.h5")
    record(model, first, 5)
    for options in ({}, {"overwrite": True}, {"resume": True}):
        said = forks.run("refused", tmp_path, **options)
        assert f"t.h5.parts: process {os.getpid()} on " in said
        assert "is recording there; allowed: another path, or to wait" in said
    record(model, first, 5)
    first.close()
    assert Trajectory(tmp_path / "t.h5").steps == 10


def test_a_loop_of_another_process_keeps_this_one_out(forks, tmp_path):
    fork = forks.start("walk", tmp_path, wait=20)
    wait_for(tmp_path / "waiting")
    with pytest.raises(InputError, match=f"process {fork.pid} on .* is recording there"):
        recorder_at(tmp_path / "t.h5", overwrite=True)
    (tmp_path / "go").touch()
    assert fork.wait() == 0
    assert Trajectory(tmp_path / "t.h5").steps == 205


def test_a_path_is_free_again_after_close(tmp_path):
    for _ in range(2):
        model, recorder = recorder_at(tmp_path / "t.h5", overwrite=True)
        record(model, recorder, 3)
        recorder.close()
        recorder.close()
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def test_a_path_is_free_again_after_an_exception(tmp_path):
    model, recorder = recorder_at(tmp_path / "t.h5")
    with pytest.raises(ZeroDivisionError), recorder:
        fail_after(3, model, recorder)
    _, recorder = recorder_at(tmp_path / "t.h5", overwrite=True)
    recorder.close(interrupted=True)
    assert Trajectory(tmp_path / "t.h5").steps == 3


def test_a_path_is_free_again_when_its_recorder_was_dropped(tmp_path):
    model, recorder = recorder_at(tmp_path / "t.h5")
    record(model, recorder, 3)
    del recorder
    gc.collect()
    assert recover(tmp_path / "t.h5").steps == 3


def test_a_path_is_free_again_after_a_kill(forks, tmp_path):
    fork = forks.start("walk", tmp_path, die_at=(40, "before", 9))
    assert fork.wait() == -9
    model, recorder = recorder_at(tmp_path / "t.h5", overwrite=True)
    record(model, recorder, 3)
    recorder.close()
    assert Trajectory(tmp_path / "t.h5").steps == 3
    assert recover(tmp_path / "t.1.h5").steps > 10


def test_a_refused_recorder_leaves_what_others_keep_in_its_folder(tmp_path):
    model, recorder = recorder_at(tmp_path / "t.h5")
    record(model, recorder, 3)
    recorder.close()
    (tmp_path / "t.h5.parts").mkdir()
    (tmp_path / "t.h5.parts" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"t\.h5: exists"):
        recorder_at(tmp_path / "t.h5")
    recorder_at(tmp_path / "t.h5", overwrite=True)[1].close()
    assert [p.name for p in (tmp_path / "t.h5.parts").iterdir()] == ["notes.txt"]


def test_recorders_that_come_and_go_at_one_path_harm_none(forks, tmp_path):
    """Two processes, each of which is kept out until the other's file is whole."""
    both = [forks.start("come_and_go", tmp_path, seed=seed, times=25) for seed in (1, 2)]
    assert [fork.wait() for fork in both] == [0, 0], [fork.errors() for fork in both]
    assert Trajectory(tmp_path / "t.h5").steps == 4
    assert [p.name for p in tmp_path.iterdir() if "t.h5" in p.name] == ["t.h5"]


@pytest.mark.parametrize("error", [FileExistsError, FileNotFoundError])
def test_a_folder_that_another_recorder_removes_in_between_is_made_again(
    tmp_path, monkeypatch, error
):
    make, errors = Path.mkdir, [error(0, "removed")]

    def removed_once(path, *arguments, **options):
        if errors:
            raise errors.pop()
        make(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", removed_once)
    model, recorder = recorder_at(tmp_path / "t.h5")
    record(model, recorder, 3)
    recorder.close()
    assert not errors
    assert Trajectory(tmp_path / "t.h5").steps == 3


def test_a_disk_without_locks_is_said(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", fail)
    with pytest.raises(InputError, match=r"t\.h5\.parts: cannot be locked \(No locks available\)"):
        recorder_at(tmp_path / "t.h5")


# ---------------------------------------------------------------- forked children


class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, i):
        return torch.full((4,), i / 64)


def test_workers_of_a_data_loader_neither_keep_the_lock_nor_break_it(forks, tmp_path):
    model, recorder = recorder_at(tmp_path / "t.h5")
    loader = DataLoader(
        Numbers(), 4, num_workers=2, persistent_workers=True, multiprocessing_context="fork"
    )
    for inputs in loader:
        loss = model(inputs).square().mean()
        loss.backward()
        recorder.record(loss)
        break
    assert "is recording there" in forks.run("refused", tmp_path, overwrite=True)
    record(model, recorder, 4)
    recorder.close()
    # the workers are alive, with all files open that were when they came
    fork = forks.start("walk", tmp_path, overwrite=True, steps=20)
    assert fork.wait() == 0, fork.errors()
    assert Trajectory(tmp_path / "t.h5").steps == 20
    del loader


def test_a_forked_child_that_leaves_the_loop_does_not_end_the_recording(forks, tmp_path):
    fork = forks.start("fork_in_the_loop", tmp_path)
    assert fork.wait() == 0, fork.errors()
    found = Trajectory(tmp_path / "t.h5")
    assert found.steps == 30
    assert not found.interrupted


# ---------------------------------------------------------------- one walk on several processes


def together(forks, folder, kind, ranks=2, timeout=60, **options):
    """Exit codes and errors of all processes of a walk."""
    processes = [
        forks.start("rank", folder, rank=rank, kind=kind, ranks=ranks, **options)
        for rank in range(ranks)
    ]
    return [p.wait(timeout=timeout) for p in processes], [p.errors() for p in processes]


RECORDED = {"steps_per_epoch": 8, "layer_grams": True, "samples_per_step": 9, "sketch": 7}


@pytest.fixture(scope="module")
def alone(forks, tmp_path_factory):
    """The walk of one process with all of each minibatch: its file, and what it saw itself."""
    folder = tmp_path_factory.mktemp("alone")
    codes, errors = together(forks, folder, "whole", ranks=1, **RECORDED)
    assert codes == [0], errors
    with np.load(folder / "seen-0.npz") as seen:
        return Trajectory(folder / "t.h5"), dict(seen)


@pytest.mark.parametrize("hook", [False, True], ids=["by hand", "optimizer="])
@pytest.mark.parametrize("kind", ["replicas", "shards", "mixed"])
def test_a_walk_on_two_processes_is_that_of_one(forks, alone, tmp_path, kind, hook):
    codes, errors = together(forks, tmp_path, kind, hook=hook, **RECORDED)
    assert codes == [0, 0], errors
    one, seen = alone
    two = Trajectory(tmp_path / "t.h5")
    assert two.steps == one.steps == 40
    assert two.parameters == one.parameters == 19
    np.testing.assert_allclose(two.loss, one.loss, rtol=1e-4)
    assert two.batch_size.tolist() == [8] * 40
    positions, gradients = seen["positions"].astype(float), seen["gradients"].astype(float)
    np.testing.assert_allclose(two.gradient_norm, np.linalg.norm(gradients, axis=1), rtol=1e-4)
    assert [(w.start, w.length) for w in two.windows] == [(w.start, w.length) for w in one.windows]
    for w in two.windows:
        steps = np.diff(positions[w.step], axis=0)
        expected = steps @ steps.T
        np.testing.assert_allclose(w.gram, expected, atol=1e-4 * expected.max(), rtol=0)
        layers = np.split(steps, np.cumsum([12, 3, 3]), axis=1)
        assert [x.shape[1] for x in layers] == [size for _, size in two.layers]
        for found, part in zip(two.group_grams(w).values(), layers, strict=True):
            np.testing.assert_allclose(found, part @ part.T, atol=1e-4 * expected.max(), rtol=0)
    assert list(two.sketch.groups) == list(one.sketch.groups) == list(two.groups)
    for found, same in zip(
        [two.sketch, *two.sketch.groups.values()],
        [one.sketch, *one.sketch.groups.values()],
        strict=True,
    ):
        # one map, whatever the processes hold
        np.testing.assert_allclose(found.start, same.start, atol=1e-5)
        np.testing.assert_allclose(found.increments, same.increments, atol=1e-5)
        np.testing.assert_allclose(found.norms, same.norms, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(found.distance_from_start, same.distance_from_start, atol=1e-5)
    norms = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    np.testing.assert_allclose(two.sketch.norms[: len(norms)], norms, rtol=1e-3)
    found = two.gradients
    np.testing.assert_array_equal(found["sample_index"], one.gradients["sample_index"])
    drawn = np.take_along_axis(gradients, found["sample_index"], axis=1)
    np.testing.assert_allclose(found["sample_value"], drawn, atol=1e-5)
    series = found["series_index"]
    np.testing.assert_allclose(found["series_gradient"], gradients[:, series], atol=1e-5)
    np.testing.assert_allclose(found["series_position"], positions[:, series], atol=1e-5)
    np.testing.assert_allclose(found["series_end"], one.gradients["series_end"], atol=1e-5)
    for epoch in range(5):
        rows = gradients[8 * epoch : 8 * epoch + 8]
        noise = rows - rows.mean(0)
        kept = {name: values[epoch] for name, values in two.epochs.items() if "index" not in name}
        np.testing.assert_allclose(kept["noise_norm"], np.linalg.norm(noise, axis=1), rtol=1e-3)
        np.testing.assert_allclose(kept["noise_gram"], noise @ noise.T, atol=1e-5)
        np.testing.assert_allclose(kept["mean_gradient"], rows.mean(0), atol=1e-5)
        norm = np.linalg.norm(rows.mean(0))
        np.testing.assert_allclose(kept["mean_gradient_norm"], norm, rtol=1e-3)
    assert sorted(p.name for p in tmp_path.glob("*.h5*")) == ["t.h5"]


def test_shards_that_are_no_consecutive_numbers_are_sketched_as_the_whole(forks, tmp_path):
    processes = [forks.start("columns", tmp_path, rank=rank) for rank in range(2)]
    assert [p.wait(timeout=60) for p in processes] == [0, 0], [p.errors() for p in processes]
    places = np.load(tmp_path / "places-0.npy").astype(float)
    path = Trajectory(tmp_path / "t.h5").sketch
    middle = np.arange(35, 95)
    outer = np.setdiff1d(np.arange(101), middle)
    for found, own in (
        (path, np.arange(101)),
        (path.groups["outer"], outer),
        (path.groups["middle"], middle),
    ):
        mine = places[:, own]
        sketch = Sketch([torch.empty(len(own))], 9)
        images = np.array([sketch.apply([torch.from_numpy(place)]) for place in mine])
        np.testing.assert_allclose(found.start, images[0], atol=1e-5)
        np.testing.assert_allclose(found.increments, np.diff(images, axis=0), atol=1e-5)
        norms = np.linalg.norm(np.diff(mine, axis=0), axis=1)
        np.testing.assert_allclose(found.norms, norms, rtol=1e-5)
        away = np.linalg.norm(mine - mine[0], axis=1)
        np.testing.assert_allclose(found.distance_from_start, away, rtol=1e-5)


def test_shards_in_mapped_files_are_apart(forks, alone, tmp_path):
    codes, errors = together(forks, tmp_path, "shards", host_memory=0)
    assert codes == [0, 0], errors
    for one, other in zip(alone[0].windows, Trajectory(tmp_path / "t.h5").windows, strict=True):
        np.testing.assert_allclose(other.gram, one.gram, atol=1e-5 * one.gram.max(), rtol=0)


def test_losses_are_the_mean_over_processes_and_windows_are_of_the_walk(forks, alone, tmp_path):
    codes, errors = together(forks, tmp_path, "replicas", ranks=4)
    assert codes == [0] * 4, errors
    np.testing.assert_allclose(Trajectory(tmp_path / "t.h5").loss, alone[0].loss, rtol=1e-4)


@pytest.mark.parametrize("kind", ["replicas", "shards"])
def test_a_refusal_is_one_on_every_process(forks, tmp_path, kind):
    (tmp_path / "t.h5").write_text("of someone else")
    codes, errors = together(forks, tmp_path, kind, refusal=True, timeout=40)
    assert codes == [0, 0], errors
    assert "t.h5: exists; allowed: another path" in errors[0]
    assert "recording was refused on another process, which says why" in errors[1]
    assert (tmp_path / "t.h5").read_text() == "of someone else"
    assert not (tmp_path / "t.h5.parts").exists()


def test_weights_of_shards_are_refused(forks, tmp_path):
    codes, errors = together(forks, tmp_path, "shards", refusal=True, weights=True, timeout=40)
    assert codes == [0, 0], errors
    for said in errors:
        assert "weights: True; allowed: False where processes hold parts of them" in said


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("kind", ["replicas", "shards"])
def test_an_error_on_one_process_hangs_none(forks, alone, tmp_path, kind, failing):
    codes, errors = together(forks, tmp_path, kind, fail=[failing, 25], timeout=60)
    assert codes == [1, 1], errors
    assert "out of luck" in errors[failing]
    found = Trajectory(tmp_path / "t.h5")
    assert found.interrupted
    assert 25 <= found.steps <= 26
    for w in found.windows[:2]:
        same = next(x for x in alone[0].windows if (x.stride, x.start) == (w.stride, w.start))
        np.testing.assert_allclose(w.gram, same.gram, atol=1e-5 * same.gram.max(), rtol=0)


@pytest.mark.parametrize("step", [5, 9, 39])
@pytest.mark.parametrize("kind", ["replicas", "shards"])
def test_a_lack_of_room_on_the_one_that_writes_hangs_none(forks, tmp_path, kind, step):
    """In the middle of a window, in the step that fills it, and in the last one."""
    codes, errors = together(forks, tmp_path, kind, room=[0, step], timeout=60)
    assert codes == [0, 0], errors
    assert "recording ended after" in errors[0]
    assert "File too large" in errors[0]
    assert recover(tmp_path / "t.h5").steps == step


def test_a_kill_of_all_processes_loses_nothing(forks, alone, tmp_path):
    processes = [
        forks.start("rank", tmp_path, rank=rank, kind="shards", steps=100_000) for rank in (0, 1)
    ]
    closed = tmp_path / "t.h5.parts" / "closed-10x1.rows"
    wait_for(closed)
    while closed.stat().st_size < 512 + 4 * 32:
        time.sleep(0.005)
    for process in processes:
        process.wait(kill_after=0)
    found = recover(tmp_path / "t.h5")
    assert found.steps >= 40
    np.testing.assert_allclose(found.loss[:40], alone[0].loss, rtol=1e-4)
    starts = [w.start for w in found.windows if w.stride == 1]
    assert starts[:4] == [0, 10, 20, 30]
