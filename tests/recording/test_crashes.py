"""Loops that are killed, at any moment: what they had recorded is there, or can be recovered."""

import json
import os
import random
import shutil
import signal
import tempfile
import time
from contextlib import suppress
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
        with pytest.raises(InputError, match=r"no such file, and no (step|cut-off)"):
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
    assert part.steps - 1 <= len(part.sketch.increments) <= part.steps
    paths = zip(
        [part.sketch, *part.sketch.groups.values()],
        [whole.sketch, *whole.sketch.groups.values()],
        strict=True,
    )
    for path, same in paths:
        count = len(path.increments)
        np.testing.assert_array_equal(path.start, same.start)
        np.testing.assert_array_equal(path.increments, same.increments[:count])
        np.testing.assert_array_equal(path.norms, same.norms[:count])
        away = same.distance_from_start[: count + 1]
        np.testing.assert_array_equal(path.distance_from_start, away)
    by_place = {(w.length, w.stride, w.start): w for w in whole.windows}
    for w in part.windows:
        same = by_place[w.length, w.stride, w.start]
        np.testing.assert_array_equal(w.gram, same.gram)
        np.testing.assert_array_equal(w.loss, same.loss)
    for w in part.windows[-1:]:
        layers = list(whole.group_grams(by_place[w.length, w.stride, w.start]).values())
        np.testing.assert_array_equal(list(part.group_grams(w).values()), layers)


@pytest.mark.parametrize("by", [KILL, TERMINATE], ids=["SIGKILL", "SIGTERM"])
def test_kills_at_any_time_lose_nothing_that_was_recorded(forks, whole, fast, by):
    undisturbed, _ = whole
    draw = random.Random(int(by))
    found = []
    for i in range(23):
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


@pytest.fixture(scope="module")
def cut_off(forks, whole, tmp_path_factory):
    """What is left of a loop killed after 123 steps, in the middle of the row of the next."""
    folder = tmp_path_factory.mktemp("cut_off")
    rows = [i for i, call in enumerate(whole[1]) if call == ["pwrite", "steps.rows"]]
    die_at = (rows[123 + 1], "half", KILL)  # the first is the header
    assert forks.start("walk", folder, die_at=die_at).wait() == -KILL
    (folder / "log").unlink()
    return folder


@pytest.fixture(scope="module")
def ended(forks, tmp_path_factory):
    """What is left of a loop of 105 steps."""
    folder = tmp_path_factory.mktemp("ended")
    forks.run("walk", folder, steps=105)
    (folder / "log").unlink()
    return folder


def put(left, folder):
    """Copy what a loop left."""
    shutil.copytree(left, folder, dirs_exist_ok=True)
    return folder / "t.h5"


def content(folder):
    """Every byte of a folder."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "lock")
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def no_window_is_across(trajectory):
    edges = trajectory.resumed[:, 0]
    return not any(((w.step[0] < edges) & (edges <= w.step[-1])).any() for w in trajectory.windows)


def test_recover_twice(forks, cut_off, fast):
    path = put(cut_off, fast)
    assert recover(path).steps == 123
    before = path.read_bytes()
    with pytest.raises(InputError, match="whole already, and no cut-off recording is beside it"):
        recover(path)
    assert path.read_bytes() == before


def test_recover_that_is_killed_can_be_repeated(forks, cut_off, whole, fast):
    put(cut_off, fast / "counted")
    forks.run("recovered", fast / "counted", calls=True)
    calls = json.loads((fast / "counted" / "calls").read_text())
    renamed = next(i for i, (name, _) in enumerate(calls) if name == "replace")
    for number in (0, renamed // 2, *range(renamed - 1, renamed + 5), len(calls) - 1):
        folder = fast / str(number)
        path = put(cut_off, folder)
        fork = forks.start("recovered", folder, die_at=(number, "before", KILL))
        assert fork.wait() == -KILL
        with suppress(InputError):  # it was whole
            recover(path)
        found = Trajectory(path)
        assert found.steps == 123
        assert_begins(whole[0], found)
        assert [p.name for p in folder.iterdir() if "t.h5" in p.name] == ["t.h5"]


def test_recover_while_the_loop_is_alive_is_refused(forks, fast):
    fork = forks.start("walk", fast, wait=50)
    while not (fast / "waiting").exists():
        time.sleep(0.01)
    with pytest.raises(InputError, match=rf"t\.h5\.parts: process {fork.pid} on .* is recording"):
        recover(fast / "t.h5")
    (fast / "go").touch()
    assert fork.wait() == 0
    assert Trajectory(fast / "t.h5").steps == STEPS


def test_a_new_recorder_after_a_kill_is_refused_and_deletes_nothing(forks, cut_off, fast):
    path = put(cut_off, fast)
    before = content(fast)
    model, _ = start_of()
    with pytest.raises(
        InputError,
        match=r"cut off after 123 steps; allowed: `sgdwalk recover .*t\.h5`, .*, resume=True or "
        "overwrite=True",
    ):
        TrajectoryRecorder(model, path, **OPTIONS)
    assert content(fast) == before
    assert recover(path).steps == 123


def test_a_new_recorder_on_a_whole_file_is_refused_and_leaves_nothing(ended, fast):
    put(ended, fast)
    before = content(fast)
    with pytest.raises(InputError, match=r"t\.h5: exists; allowed: another path, resume=True"):
        TrajectoryRecorder(start_of()[0], fast / "t.h5", **OPTIONS)
    assert content(fast) == before
    assert not (fast / "t.h5.parts").exists()


def test_overwrite_after_a_kill_sets_aside_what_was_left(forks, cut_off, whole, fast):
    put(cut_off, fast)
    (fast / "t.1.h5").touch()  # a name that is taken
    said = forks.run("walk", fast, overwrite=True, seed=1)
    assert f"a cut-off recording was set aside; `sgdwalk recover {fast / 't.2.h5'}`" in said
    found = recover(fast / "t.2.h5")
    assert found.steps == 123
    assert_begins(whole[0], found)
    new = Trajectory(fast / "t.h5")
    assert new.steps == STEPS
    assert (new.loss != whole[0].loss).any()


def test_overwrite_keeps_a_whole_file_until_the_new_one_is_whole(forks, ended, fast):
    put(ended, fast)
    before = (fast / "t.h5").read_bytes()
    killed_again = forks.start("walk", fast, overwrite=True, seed=1, die_at=(200, "after", KILL))
    assert killed_again.wait() == -KILL
    assert (fast / "t.h5").read_bytes() == before
    with pytest.raises(InputError, match="exists, and is of another walk; allowed: after moving"):
        recover(fast / "t.h5")
    (fast / "t.h5").rename(fast / "first.h5")
    assert recover(fast / "t.h5").steps > 50


@pytest.mark.parametrize(
    ("again", "mark"),
    [
        ({"first": 100}, [123, 100]),  # from a checkpoint
        ({"first": 123}, [123, -1]),  # where the killed one was, which it could not write down
        ({"seed": 1}, [123, -1]),
    ],
    ids=["recorded", "next", "elsewhere"],
)
def test_resume_after_a_kill(forks, cut_off, whole, fast, again, mark):
    path = put(cut_off, fast)
    said = forks.run("walk", fast, steps=80, resume=True, **again)
    assert f"step {mark[0]}" in said
    found = Trajectory(path)
    assert found.resumed.tolist() == [mark]
    assert found.steps == 203
    assert found.loss[123:].tolist() == list(logged(fast).values())
    assert no_window_is_across(found)
    assert [w.start for w in found.windows if w.length == 10] == [
        *range(0, 120, 10),
        *range(123, 203, 10),
    ]
    before = [w for w in found.windows if w.start < 123]
    assert len(before) == 12 + 3
    by_place = {(w.stride, w.start): w for w in whole[0].windows}
    for w in before:
        np.testing.assert_array_equal(w.gram, by_place[w.stride, w.start].gram)
    if again == {"first": 100}:  # the same walk as before
        np.testing.assert_array_equal(found.loss[123:], whole[0].loss[100:180])


def test_resume_after_the_loop_came_to_its_end(forks, ended, whole, fast):
    put(ended, fast)
    forks.run("walk", fast, steps=100, first=105, resume=True)
    found = Trajectory(fast / "t.h5")
    assert found.resumed.tolist() == [[105, 105]]
    assert not found.interrupted
    np.testing.assert_array_equal(found.loss, whole[0].loss)
    np.testing.assert_array_equal(found.gradient_norm, whole[0].gradient_norm)
    assert no_window_is_across(found)
    by_place = {(w.stride, w.start): w for w in whole[0].windows}
    same = [w for w in found.windows if w.start < 100 and not w.partial]
    assert len(same) == 10 + 2
    for w in same:
        np.testing.assert_array_equal(w.gram, by_place[w.stride, w.start].gram)
    partial = next(w for w in found.windows if w.start == 100 and w.stride == 1)
    np.testing.assert_array_equal(partial.gram, by_place[1, 100].gram[:4, :4])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"shape": (4, 2)}, r"layers \('weight', 8\), but the walk in .* has \('weight', 12\)"),
        (
            {"window": [(12, 1), (8, 5)]},
            r"families .*\(12, 1\).*, but the walk in .* has .*\(10, 1\)",
        ),
        ({"window": 9}, r"families \[\(9, 1\)\], but the walk in .* has .*\(8, 5\)"),
        ({"samples_per_step": 3}, "samples 3, but the walk in .* has 32"),
    ],
    ids=["model", "length", "families", "samples"],
)
@pytest.mark.parametrize("left", ["cut_off", "ended"])
def test_resume_with_something_else_is_refused(request, fast, other, said, left):
    put(request.getfixturevalue(left), fast)
    before = content(fast)
    options = {**OPTIONS, **other}
    model, _ = start_of(shape=options.pop("shape", (4, 3)))
    with pytest.raises(InputError, match=f"resume: {said}"):
        TrajectoryRecorder(model, fast / "t.h5", resume=True, **options)
    assert content(fast) == before


def test_resume_where_nothing_is_begins(forks, whole, fast):
    assert forks.run("walk", fast, resume=True) == ""
    found = Trajectory(fast / "t.h5")
    assert found.resumed.shape == (0, 2)
    assert len(found.windows) == len(whole[0].windows)
    assert_begins(whole[0], found)


def test_resume_twice_with_a_kill_in_between(forks, cut_off, fast):
    path = put(cut_off, fast)
    fork = forks.start("walk", fast, first=100, resume=True, die_at=(60, "half", KILL))
    assert fork.wait() == -KILL
    (fast / "log").unlink()
    forks.run("walk", fast, first=110, steps=50, resume=True)
    found = Trajectory(path)
    second = found.steps - 50
    assert found.resumed[0].tolist() == [123, 100]
    assert found.resumed[1, 0] == second > 135
    # step 110 of the loop was recorded twice; the later record is the one that counts
    assert found.resumed[1, 1] == 123 + 10
    assert found.loss[second:].tolist() == list(logged(fast).values())
    assert no_window_is_across(found)


@pytest.fixture(scope="module")
def marked(forks, cut_off, ended, tmp_path_factory):
    """Number of the call that marks where a recording goes on, by what was left."""
    numbers = {}
    for name, left in (("cut_off", cut_off), ("ended", ended)):
        folder = tmp_path_factory.mktemp("marked")
        put(left, folder)
        forks.run("walk", folder, first=20, steps=5, resume=True, calls=True)
        calls = json.loads((folder / "calls").read_text())
        rows = [i for i, call in enumerate(calls) if call == ["pwrite", "resumed.rows"]]
        numbers[name] = rows[1]  # the first is the header
    return numbers


@pytest.mark.parametrize("later", [-2, -1, 0, 1, 2])
def test_a_kill_while_a_walk_is_taken_up_leaves_no_mark_without_its_step(
    forks, cut_off, marked, fast, later
):
    path = put(cut_off, fast)
    options = {"first": 100, "steps": 20, "resume": True}
    fork = forks.start("walk", fast, die_at=(marked["cut_off"] + later, "after", KILL), **options)
    assert fork.wait() == -KILL
    forks.run("walk", fast, **options)
    found = Trajectory(path)
    more = found.steps - 123 - 20
    assert more == max(0, later)
    expected = [[123, 100]] if not more else [[123, 100], [123 + more, 123]]
    assert found.resumed.tolist() == expected


@pytest.mark.parametrize("number", range(5))
def test_kills_while_a_recording_is_set_aside_lose_nothing(forks, cut_off, whole, fast, number):
    put(cut_off, fast)
    options = {"overwrite": True, "seed": 1}
    assert forks.start("walk", fast, die_at=(number, "after", KILL), **options).wait() == -KILL
    (name,) = {"t.h5", "t.1.h5"} & {
        folder.name.removesuffix(".parts")
        for folder in fast.glob("*.parts")
        if (folder / "gram-10x1.rows").exists()
    }
    found = recover(fast / name)
    assert found.steps == 123
    assert len(found.windows) == 12 + 3
    assert_begins(whole[0], found)


@pytest.mark.parametrize("when", ["before", "half", "after"])
@pytest.mark.parametrize(("left", "steps"), [("cut_off", 123), ("ended", 105)])
def test_kills_while_a_walk_is_taken_up_lose_nothing(
    request, forks, whole, marked, fast, left, steps, when
):
    """At calls from the first on until some steps are recorded anew."""
    mark = marked[left]
    for number in (*range(3), *range(mark - 4, mark + 3)):
        folder = fast / str(number)
        put(request.getfixturevalue(left), folder)
        fork = forks.start(
            "walk", folder, steps=40, first=20, resume=True, die_at=(number, when, KILL)
        )
        assert fork.wait() == -KILL
        log = logged(folder) if (folder / "log").exists() else {}
        parts = folder / "t.h5.parts"
        there = (parts / "recording.json").exists()
        found = recover(folder / "t.h5") if there else Trajectory(folder / "t.h5")
        assert found.steps in (steps + len(log), steps + len(log) + 1)
        np.testing.assert_array_equal(found.loss[:steps], whole[0].loss[:steps])
        assert found.loss[steps : steps + len(log)].tolist() == list(log.values())
        assert found.resumed.tolist() == ([[steps, 20]] if found.steps > steps else [])
        for w in found.windows[:2]:
            same = next(x for x in whole[0].windows if (x.stride, x.start) == (w.stride, w.start))
            np.testing.assert_array_equal(w.gram, same.gram)
        shutil.rmtree(folder)
