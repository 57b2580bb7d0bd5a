"""A recording that is followed from its files: the numbers, and that nobody notices."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from loops import Forks

from sgdwalk import watch
from sgdwalk.command_line import main
from sgdwalk.diffusion.msd import local_exponent
from sgdwalk.recording import live, recording_folder
from sgdwalk.recording.live import MOST, LiveRecording, walk_of_file
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.recording_folder import parts_folder
from sgdwalk.recording.row_streams import Journal
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.trajectory_writer import Layout

OPTIONS = {"window": None, "sketch": 100, "origin": {}}


@pytest.fixture(scope="module")
def forks():
    with Forks() as forks:
        yield forks


class Loop:
    """A walk of 60 parameters with some drift, and what it was."""

    def __init__(self, recorder_of, seed=0):
        self.model = torch.nn.Linear(20, 3, bias=False)
        self.recorder = recorder_of(self.model)
        self.draw = np.random.default_rng(seed)
        self.positions, self.losses = [], []

    def step(self, times=1, loss=None):
        for _ in range(times):
            told = self.draw.uniform() if loss is None else loss
            self.positions.append(self.model.weight.detach().numpy().ravel().astype(np.float64))
            self.losses.append(told)
            self.recorder.record(told)
            move = 0.1 * self.draw.standard_normal((3, 20)) + 0.01
            with torch.no_grad():
                self.model.weight += torch.from_numpy(move.astype(np.float32))


def loop_at(path, seed=0, **options):
    return Loop(lambda model: TrajectoryRecorder(model, path, **{**OPTIONS, **options}), seed)


def msd_of(positions, lag):
    moved = positions[lag:] - positions[:-lag]
    return (moved**2).sum(axis=1).mean()


def msd_of_gram(gram, lag):
    """The same from inner products of increments, as sums over blocks."""
    starts = range(len(gram) - lag + 1)
    return np.mean([gram[i : i + lag, i : i + lag].sum() for i in starts])


def assert_is_of(part, positions):
    """A part of a walk against the positions of its loop."""
    own = np.array(positions)[part.start : part.stop + 1 : part.stride]
    assert len(own) == len(part.gram) + 1
    for lag in {1, 2, len(part.gram) // 3 + 1, len(part.gram)}:
        assert msd_of_gram(part.gram, lag) == pytest.approx(msd_of(own, lag), rel=1e-5)


def tables(text):
    """Rows (lag, MSD, exponent) of every table of a block, by its title."""
    found = {}
    for block in text.split("\n\n"):
        lines = block.splitlines()
        titles = [t for t in lines[0].split("    ") if t.startswith("steps ")]
        numbers = [float(n) for line in lines[2:] for n in line.split()] if titles else []
        if len(titles) == 1:
            found[titles[0]] = np.reshape(numbers, (-1, 3))
    return found


def text_of_once(path, capsys):
    assert main(["watch", str(path), "--once"]) == 0
    return capsys.readouterr().out


# ---------------------------------------------------------------- what is read


def test_a_sketched_walk_is_that_of_the_loop_at_any_time(tmp_path):
    loop = loop_at(tmp_path / "t.h5")
    recording = LiveRecording(tmp_path / "t.h5")
    with loop.recorder:
        for steps in (1, 2, 3, 150, MOST - 1, MOST, MOST + 1, 1003, 2500, 2501, 4100):
            loop.step(steps - len(loop.losses))
            seen = recording.look()
            walk = seen.walk
            assert (seen.there, seen.holder, walk.steps) == (True, "this process", steps)
            assert walk.losses.tolist() == loop.losses[-live.LOSSES :]
            away = np.linalg.norm(loop.positions[-1] - loop.positions[0])
            assert walk.sketch.distance == pytest.approx(away, rel=1e-5)
            assert walk.sketch.exact
            assert walk.sketch.unbroken == 0
            strides = [part.stride for part in walk.parts]
            if steps < 3:
                assert strides == []
                continue
            last = walk.parts[0]
            assert (last.stride, last.stop) == (1, steps - 1)
            assert len(last.gram) + 1 == min(steps, MOST)
            for part in walk.parts:
                assert_is_of(part, loop.positions)
            if steps < MOST:
                assert strides == [1]
                continue
            whole = walk.parts[1]
            assert whole.start == 0
            assert steps - 1 - whole.stop < whole.stride
            assert MOST // 2 - 1 <= len(whole.gram) + 1 <= MOST


def test_it_is_what_the_closed_file_has(tmp_path):
    path = tmp_path / "t.h5"
    loop = loop_at(path, sketch=16)
    recording = LiveRecording(path)
    with loop.recorder:
        for _ in range(7):
            loop.step(311)
            live_walk = recording.look().walk
    assert not recording.look().there
    sketch, whole = Trajectory(path).sketch, walk_of_file(path)
    assert [part.stride for part in live_walk.parts] == [1, 4]
    for part, closed in zip(live_walk.parts, whole.parts, strict=True):
        expected = sketch.gram(part.start, len(part.gram) + 1, part.stride)
        np.testing.assert_allclose(part.gram, expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(part.gram, closed.gram)
        assert (part.start, part.stride) == (closed.start, closed.stride)
    assert whole.sketch == live_walk.sketch
    assert not whole.sketch.exact
    assert whole.steps == live_walk.steps
    np.testing.assert_array_equal(whole.losses, live_walk.losses)


def test_of_windows_the_last_whole_one_of_each_family_is_read(tmp_path):
    path = tmp_path / "t.h5"
    loop = loop_at(path, window=[(50, 1), (20, 4), (400, 1)], sketch=None)
    recording = LiveRecording(path)
    with loop.recorder:
        loop.step(49)
        assert recording.look().walk.parts == []
        loop.step(81)
        one, four = recording.look().walk.parts
        assert (one.start, one.stride, len(one.gram)) == (50, 1, 49)
        assert (four.start, four.stride, len(four.gram)) == (0, 4, 19)
        for part in (one, four):
            assert_is_of(part, loop.positions)
        loop.step(1, np.inf)  # closes shorter ones
        short = recording.look().walk.parts
        assert [(p.start, p.stride, len(p.gram)) for p in short] == [
            (50, 1, 49),
            (0, 1, 129),
            (0, 4, 19),
        ]
        np.testing.assert_array_equal(short[0].gram, one.gram)
        loop.step(169)
        seen = recording.look().walk
        assert seen.sketch is None
    windows = Trajectory(path).windows
    closed = walk_of_file(path).parts
    for part, again in zip(seen.parts, closed, strict=True):
        same = [w for w in windows if (w.start, w.stride, w.length - 1) == place(part)]
        np.testing.assert_array_equal(part.gram, same[0].gram)
        if len(part.gram) < 100:  # the longest family has another remnant at the end
            np.testing.assert_array_equal(part.gram, again.gram)


def place(part):
    return part.start, part.stride, len(part.gram)


def test_a_row_that_is_half_written_is_not_read(tmp_path):
    path = tmp_path / "t.h5"
    loop = loop_at(path)
    with loop.recorder:
        loop.step(40)
        before = LiveRecording(path).look().walk
        with open(parts_folder(path) / "steps.rows", "ab") as file:
            file.write(b"\xff" * 500)
        recording = LiveRecording(path)
        assert_same(recording.look().walk, before)
        loop.step(3)
        walk = recording.look().walk
        assert walk.steps == 43
        assert_is_of(walk.parts[0], loop.positions)


def assert_same(walk, other):
    assert walk.steps == other.steps
    for name, value in vars(other.sketch).items():
        np.testing.assert_equal(getattr(walk.sketch, name), value)
    np.testing.assert_array_equal(walk.losses, other.losses)
    for one, two in zip(walk.parts, other.parts, strict=True):
        assert (one.start, one.stride) == (two.start, two.stride)
        np.testing.assert_array_equal(one.gram, two.gram)


def test_a_header_that_is_half_written_is_no_step(tmp_path):
    loop = loop_at(tmp_path / "t.h5")
    with loop.recorder:
        loop.step(40)
        steps = parts_folder(tmp_path / "t.h5") / "steps.rows"
        whole = steps.read_bytes()
        recording = LiveRecording(tmp_path / "t.h5")
        for size in (0, 100, 600):
            os.truncate(steps, size)
            seen = recording.look()
            assert (seen.there, seen.walk) == (True, None)
        with open(steps, "r+b") as file:
            file.write(whole)
        assert recording.look().walk.steps == 40


def test_a_walk_that_was_taken_up_after_a_gap_is_that_after_it(tmp_path, capsys):
    path = tmp_path / "t.h5"
    first = loop_at(path)
    with first.recorder:
        first.step(90)
    second = loop_at(path, seed=1, resume=True)
    with second.recorder:
        recording = LiveRecording(path)
        second.step(1)
        walk = recording.look().walk
        assert (walk.steps, walk.sketch.unbroken, walk.parts) == (91, 90, [])
        second.step(1200)
        walk = recording.look().walk
        assert walk.sketch.unbroken == 90
        last, whole = walk.parts
        assert (last.stop, whole.start, whole.stride) == (1290, 90, 2)
        for part in walk.parts:
            assert_is_of(part, [*first.positions, *second.positions])
        assert_same(LiveRecording(path).look().walk, walk)
        said = text_of_once(path, capsys)
    assert "\nthe walk is broken before step 91: MSD of what comes after\n" in said
    assert "\ndistance from the start not known\n" in said  # no file has the start itself
    assert_same(walk_of_file(path), walk)


def test_a_walk_that_went_back_is_read_anew(tmp_path):
    loop = loop_at(tmp_path / "t.h5", resumable=True)
    recording = LiveRecording(tmp_path / "t.h5")
    loop.step(60)
    point = loop.recorder.state()
    loop.recorder.state_saved()
    loop.step(70)
    recording.look()
    with pytest.raises(RuntimeError), loop.recorder.kept_open_on_error():
        raise RuntimeError("of the loop")
    again = loop_at(tmp_path / "t.h5", seed=1, resumable=True, resume=point)
    with again.recorder:
        assert recording.look().walk.steps == 60
        again.step(120)
        walk = recording.look().walk
        assert walk.steps == 180
        assert_same(LiveRecording(tmp_path / "t.h5").look().walk, walk)


class Fabricated:
    """Streams of a sketched walk that nobody records, in pieces that fit into memory."""

    def __init__(self, path, k):
        folder = parts_folder(path)
        folder.mkdir()
        layout = Layout([("w", 10**6)], [], "float32", 0, False, [], [], {}, k)
        (folder / "recording.json").write_text(json.dumps(layout.described()))
        self.rows = layout.step_rows()
        self.journal, self.draw = Journal(folder, {}), np.random.default_rng(0)

    def grow(self, count):
        for first in range(0, count, 1000):
            rows = np.zeros(min(1000, count - first), self.rows)
            rows["sketch"] = self.draw.standard_normal(rows["sketch"].shape, dtype=np.float32)
            self.journal.extend("steps", rows)


def test_a_walk_that_another_recorder_took_up_earlier_is_read_anew(tmp_path, monkeypatch):
    walk = Fabricated(tmp_path / "t.h5", 5)
    recording = LiveRecording(tmp_path / "t.h5")
    walk.grow(60)
    monkeypatch.setattr(live, "holder_of", lambda folder: "process 1")
    recording.look()
    walk.journal.cut("steps", 30)
    walk.grow(60)
    monkeypatch.setattr(live, "holder_of", lambda folder: "process 2")
    assert_same(recording.look().walk, LiveRecording(tmp_path / "t.h5").look().walk)


def test_a_long_walk_takes_little_memory_and_is_read_once(tmp_path, monkeypatch):
    path, k = tmp_path / "t.h5", 64
    written = Fabricated(path, k)
    written.grow(200_000)
    recording = LiveRecording(path)
    tracemalloc.start()
    walk = recording.look().walk
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 45e6 < 200_000 * k * 4
    assert [(p.stride, len(p.gram)) for p in walk.parts] == [(1, 999), (256, 781)]
    rows = np.memmap(parts_folder(path) / "steps.rows", written.rows, "r", 512)["sketch"]
    expected = rows[1 : 1 + 781 * 256].reshape(781, 256, k).sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(walk.parts[1].gram, expected @ expected.T, rtol=1e-9, atol=1e-6)

    read, original = [], live._Rows.read
    monkeypatch.setattr(live._Rows, "read", lambda *of: read.append(original(*of)) or read[-1])
    written.grow(500)
    assert recording.look().walk.steps == 200_500
    assert sum(map(len, read)) == 500 + live.LOSSES


# ---------------------------------------------------------------- nobody notices


def test_watching_changes_nothing(tmp_path, capsys):
    loop = loop_at(tmp_path / "t.h5", window=[(20, 1)])
    with loop.recorder:
        loop.step(70)
        before = marks(tmp_path)
        text_of_once(tmp_path / "t.h5", capsys)
        assert marks(tmp_path) == before


def marks(folder):
    found = {}
    for path in [folder, *folder.rglob("*")]:
        stat = path.stat()
        found[path] = stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
    return found


def test_a_recorder_can_begin_while_another_process_asks_who_records(forks, tmp_path, monkeypatch):
    fork = forks.start("walk", tmp_path, steps=30, wait=20)
    await_file(tmp_path / "waiting")
    os.kill(fork.pid, signal.SIGKILL)
    fork.wait()
    begun, ask = [], recording_folder.fcntl.fcntl

    def slowly(*request):
        if not begun:  # while the lock's file is open
            begun.append(forks.run("walk", tmp_path, steps=30, overwrite=True))
        return ask(*request)

    monkeypatch.setattr(recording_folder.fcntl, "fcntl", slowly)
    LiveRecording(tmp_path / "t.h5").look()
    assert "was set aside" in begun[0]
    assert Trajectory(tmp_path / "t.h5").steps == 30


def await_file(path):
    while not path.exists():
        time.sleep(0.005)


# ---------------------------------------------------------------- the command


def test_what_is_shown_of_a_sketched_walk(tmp_path, capsys):
    path = tmp_path / "t.h5"
    loop = loop_at(path, sketch=200)
    with loop.recorder:
        loop.step(900)
        said = text_of_once(path, capsys)
    lines = said.splitlines()
    assert lines[:2] == [f"{path}: this process is recording it", "step 900"]
    mean = np.mean(loop.losses[-100:])
    assert lines[2] == f"loss {loop.losses[-1]:.4g}, mean of the last 100 {mean:.4g}"
    away = np.linalg.norm(loop.positions[-1] - loop.positions[0])
    assert float(lines[3].removeprefix("distance from the start ")) == pytest.approx(away, 1e-3)
    assert lines[4] == "MSD from a sketch of 200 numbers: one squared distance has no error"
    ((title, rows),) = tables(said).items()
    assert title == "steps 1-900, every step"
    positions = np.array(loop.positions)
    every = np.arange(1, 900)
    curve = dict(zip(*local_exponent(every, [msd_of(positions, a) for a in every]), strict=True))
    assert rows[:3, 0].tolist() == [1, 2, 5]
    assert 420 <= rows[-1, 0] <= 450
    assert 8 <= len(rows) <= 10
    for lag, msd, exponent in rows:
        assert msd == pytest.approx(msd_of(positions, int(lag)), rel=1e-3)
        assert exponent == pytest.approx(curve[lag], abs=0.006)


def test_the_error_of_a_sketch_is_said(tmp_path, capsys):
    loop = loop_at(tmp_path / "t.h5", sketch=50)
    with loop.recorder:
        loop.step(2)
        said = text_of_once(tmp_path / "t.h5", capsys)
    assert "a sketch of 50 numbers: one squared distance has an error of 20.0 %" in said
    assert said.endswith("too few positions for an MSD\n")


def test_two_tables_are_beside_each_other(tmp_path, capsys):
    loop = loop_at(tmp_path / "t.h5")
    with loop.recorder:
        loop.step(1500)
        said = text_of_once(tmp_path / "t.h5", capsys)
    head = said.splitlines().index("steps 501-1500, every step    steps 1-1499, every 2 steps")
    first = said.splitlines()[head + 2].split()
    assert [int(first[0]), int(first[3])] == [1, 2]
    positions = np.array(loop.positions)
    assert float(first[1]) == pytest.approx(msd_of(positions[500:], 1), rel=1e-3)
    assert float(first[4]) == pytest.approx(msd_of(positions[:1499:2], 1), rel=1e-3)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([0.5, np.inf], "loss inf, mean of the last 2 inf"),
        ([0.5, np.nan], "loss nan, mean of the last 2 nan"),
    ],
)
def test_losses_that_are_not_finite_are_shown_as_they_are(tmp_path, capsys, losses, said):
    loop = loop_at(tmp_path / "t.h5", window=20, sketch=None)
    with loop.recorder:
        for loss in losses:
            loop.step(loss=loss)
        shown = text_of_once(tmp_path / "t.h5", capsys)
    assert said in shown.splitlines()
    assert shown.endswith("no window is closed yet\n")
    assert said in text_of_once(tmp_path / "t.h5", capsys).splitlines()


def test_a_walk_whose_loss_nobody_tells(tmp_path, capsys):
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = TrajectoryRecorder(model, tmp_path / "t.h5", optimizer=optimizer, **OPTIONS)
    with recorder:
        for _ in range(4):
            model(torch.ones(3)).sum().backward()
            optimizer.step()
        assert "\nno loss was told\n" in text_of_once(tmp_path / "t.h5", capsys)
    assert "\nno loss was told\n" in text_of_once(tmp_path / "t.h5", capsys)


def test_a_walk_at_rest(tmp_path, capsys):
    model = torch.nn.Linear(3, 1)
    with TrajectoryRecorder(model, tmp_path / "t.h5", **OPTIONS) as recorder:
        for _ in range(5):
            recorder.record(0.5)
        assert "a walk at rest has none" in text_of_once(tmp_path / "t.h5", capsys)


def test_a_recorder_that_has_no_step_yet(tmp_path, capsys):
    path = tmp_path / "t.h5"
    with loop_at(path).recorder:
        said = text_of_once(path, capsys)
    assert said == f"{path}: this process is recording it\nstep 0\n"


def test_a_recording_that_goes_on_is_cut_off(forks, tmp_path, capsys, monkeypatch):
    path = tmp_path / "t.h5"
    fork = forks.start("walk", tmp_path, wait=50, window=[(10, 1)], sketch=None)
    await_file(tmp_path / "waiting")
    waited = []

    def kill(seconds):
        waited.append(seconds)
        os.kill(fork.pid, signal.SIGKILL)
        fork.wait()

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=kill, monotonic=time.monotonic))
    assert main(["watch", str(path), "--interval", "7"]) == 0
    assert waited == [7]
    going_on, cut_off = capsys.readouterr().out.split("\n\n" + str(path))
    assert going_on.startswith(f"{path}: process {fork.pid} on ")
    assert "step 51" in going_on.splitlines()
    assert "steps 41-50, every step" in going_on
    lines = cut_off.splitlines()
    assert lines[0] == f": cut off after 51 steps; `sgdwalk recover {path}` makes a file of them"
    assert lines[1] == "step 51"
    before = marks(tmp_path)
    assert main(["watch", str(path)]) == 0
    assert "cut off after 51 steps" in capsys.readouterr().out
    assert marks(tmp_path) == before


def test_a_recording_that_goes_on_is_closed(forks, tmp_path, capsys, monkeypatch):
    path = tmp_path / "t.h5"
    fork = forks.start("walk", tmp_path, wait=50, window=None, sketch=20)
    await_file(tmp_path / "waiting")

    def go_on(seconds):
        (tmp_path / "go").touch()
        assert fork.wait() == 0

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=go_on, monotonic=time.monotonic))
    assert main(["watch", str(path)]) == 0
    said = capsys.readouterr().out
    closed = said[said.index(f"{path}: closed, a whole file\nstep 205\n") :]
    assert "steps 1-205, every step" in closed
    assert said.index("steps 1-51, every step") < said.index(closed)
    assert text_of_once(path, capsys) == closed


def test_a_recording_that_ends_without_a_file_is_one_line(tmp_path, capsys, monkeypatch):
    path = tmp_path / "t.h5"
    recorder = loop_at(path).recorder

    def end(seconds):
        recorder.close(interrupted=True)

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=end, monotonic=time.monotonic))
    assert main(["watch", str(path)]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"sgdwalk: {path}: the recording has ended without a file; allowed: ")


def test_nothing_there_is_one_line(tmp_path, capsys):
    path = tmp_path / "t.h5"
    assert main(["watch", str(path)]) == 2
    said = f"sgdwalk: {path}: no recording, and no file; allowed: the path of a recorder\n"
    assert capsys.readouterr().err == said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "inf"])
def test_an_interval_that_is_none_is_one_line(tmp_path, capsys, interval):
    assert main(["watch", str(tmp_path / "t.h5"), f"--interval={interval}"]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"sgdwalk: --interval: .*; allowed: more than 0 seconds, .*\n", error)


def test_an_interrupt_ends_it_quietly(tmp_path, capsys, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=interrupt, monotonic=time.monotonic))
    loop = loop_at(tmp_path / "t.h5")
    with loop.recorder:
        loop.step(5)
        assert main(["watch", str(tmp_path / "t.h5")]) == 130
    assert capsys.readouterr().err == ""


def test_it_does_not_wait_for_torch(tmp_path):
    loop = loop_at(tmp_path / "t.h5")
    with loop.recorder:
        loop.step(30)
    code = (
        "import sys; from sgdwalk.command_line import main; main(['watch', sys.argv[1]]); "
        "print({'torch', 'scipy'} & set(sys.modules))"
    )
    call = [sys.executable, "-c", code, str(tmp_path / "t.h5")]
    result = subprocess.run(call, capture_output=True, text=True)
    assert "steps 1-30, every step" in result.stdout
    assert result.stdout.endswith("set()\n"), result.stderr


class Terminal:
    """What a screen of some size shows of a text with the sequences that are used."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.rows, self.at = [""], 0

    def take(self, text):
        for part in re.findall(r"\x1b\[\d*[A-Z]|\n|[^\x1b\n]+", text):
            if part == "\n":
                self.down()
            elif part == "\x1b[J":
                self.rows[self.at :] = [""]
            elif part.startswith("\x1b"):
                top = max(0, len(self.rows) - self.height)
                self.at = max(top, self.at - int(part[2:-1]))
                assert part[-1] == "F"
            else:
                for first in range(0, len(part), self.width):
                    if first:
                        self.down()
                    self.rows[self.at] = part[first : first + self.width]

    def down(self):
        self.at += 1
        if self.at == len(self.rows):
            self.rows.append("")


@pytest.mark.parametrize("size", [(100, 50), (30, 50), (100, 9)], ids=["wide", "narrow", "low"])
def test_on_a_terminal_it_redraws_in_place(tmp_path, capsys, monkeypatch, size):
    path = tmp_path / "t.h5"
    loop = loop_at(path, sketch=None, window=[(40, 1)])
    loop.step(10)

    def go_on(seconds):
        loop.step(40)
        if len(loop.losses) > 200:
            loop.recorder.close()

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=go_on, monotonic=time.monotonic))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(watch.shutil, "get_terminal_size", lambda: os.terminal_size(size))
    assert main(["watch", str(path)]) == 0
    text = capsys.readouterr().out
    assert text.count("\x1b[J") == text.count(str(path)) - 1 == 5
    screen, last = Terminal(*size), Terminal(*size)
    screen.take(text)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    last.take(text_of_once(path, capsys))
    assert screen.rows == last.rows


def test_elsewhere_a_block_is_after_the_other(tmp_path, capsys, monkeypatch):
    path = tmp_path / "t.h5"
    loop = loop_at(path)
    loop.step(10)

    def go_on(seconds):
        loop.step(10)
        if len(loop.losses) == 40:
            loop.recorder.close()

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=go_on, monotonic=time.monotonic))
    assert main(["watch", str(path)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    steps = [int(n) for n in re.findall(r"^step (\d+)(?:, \d+\.\d\d steps/s)?$", said, re.M)]
    assert steps == [10, 20, 30, 40]
    assert said.count(f"\n\n{path}: ") == 3
