"""The command: what it says of a file, and one line and exit code 2 for a bad one."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

import sgdwalk
from sgdwalk.command_line import main
from sgdwalk.walks.checkpoint_names import checkpoint_series
from sgdwalk.walks.file import write as write_walk
from sgdwalk.walks.read import read_walk


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    path = tmp_path_factory.mktemp("walk") / "trajectory.h5"
    model = torch.nn.Linear(50, 1, bias=False)
    draw = np.random.default_rng(0)
    with sgdwalk.TrajectoryRecorder(model, path, window=[(100, 1), (50, 4)]) as recorder:
        for _ in range(300):
            model.weight.grad = torch.zeros_like(model.weight)
            recorder.record(0.0)
            with torch.no_grad():
                model.weight += torch.from_numpy(draw.standard_normal((1, 50)).astype(np.float32))
    return path


def test_info(walk, capsys):
    assert main(["info", str(walk)]) == 0
    said = capsys.readouterr().out
    assert "a whole trajectory file" in said
    assert "300 steps of a walk in 50 parameters" in said
    assert "3 windows of 100 positions, one every step" in said
    assert "1 window of 50 positions, one every 4 steps" in said


def test_info_of_a_walk_from_checkpoints(tmp_path, capsys):
    steps = [0, 1, 2, 4, 8]
    for step in steps:
        np.savez(tmp_path / f"{step}.npz", x=np.full(3, float(step)), running_mean=np.ones(2))
    record = read_walk(checkpoint_series(str(tmp_path / "*.npz")))
    write_walk(tmp_path / "walk.h5", record, {})
    assert main(["info", str(tmp_path / "walk.h5")]) == 0
    said = capsys.readouterr().out
    assert "5 checkpoints of a walk in 3 parameters" in said
    assert "1 window of 5 positions, at unequal steps" in said
    assert "running_mean left out as buffers" in said


def test_analyse_of_checkpoints(tmp_path, capsys):
    for step, place in enumerate(np.random.default_rng(0).standard_normal((30, 8)).cumsum(axis=0)):
        np.savez(tmp_path / f"{step}.npz", x=place)
    paths = [str(tmp_path / f"{step}.npz") for step in range(30)]  # as a shell gives a pattern
    assert main(["analyse", *paths, "--out", str(tmp_path / "out")]) == 0
    assert "1-30" in capsys.readouterr().out
    assert (tmp_path / "out" / "trajectory.h5").exists()
    assert main(["analyse", str(tmp_path / "none*")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_analyse(walk, capsys):
    assert main(["analyse", str(walk)]) == 0
    *lines, where = capsys.readouterr().out.splitlines()
    folder = walk.with_name(f"{walk.stem}-analysis")
    assert where == f"Tables and figures: {folder}"
    assert (folder / "exponents.csv").exists()
    assert (folder / "fig2_superdiffusion.png").exists()
    assert main(["analyse", str(walk), "--out", str(walk.parent)]) == 2
    assert "not empty, and not of an earlier analysis" in capsys.readouterr().err
    rows = [re.split("  +", line) for line in lines]
    head = next(i for i, row in enumerate(rows) if row[0] == "steps")
    first = [row for row in rows[head + 1 :] if row[0]]  # of each window
    assert [row[:3] for row in first] == [
        ["1-100", "1", "1"],
        ["101-200", "1", "1"],
        ["201-300", "1", "1"],
        ["1-197", "4", "4"],
    ]
    for row in first:  # Brownian motion
        cells = dict(zip(rows[head], row, strict=True))
        assert float(cells["exponent"].split()[0]) == pytest.approx(1, abs=0.2)
        assert float(cells["null exponent"].split()[0]) == pytest.approx(1, abs=0.1)
        assert cells["misfit"].split()[1] == "%"
        assert cells["null"] in ("inside", "outside")


@pytest.mark.parametrize("command", ["info", "analyse"])
def test_a_bad_file_is_one_line(command, tmp_path, capsys):
    foreign = tmp_path / "foreign.h5"
    foreign.write_bytes(b"no such thing")
    for path, said in (
        (foreign, "not a file of sgdwalk's"),
        (tmp_path / "none.h5", "no such file"),
    ):
        assert main([command, str(path)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert str(path) in error
        assert said in error


def cut_off(path, steps):
    """What a loop leaves that is killed, from a process of its own."""
    loop = f"""
import os, torch, sgdwalk
model = torch.nn.Linear(50, 1)
recorder = sgdwalk.TrajectoryRecorder(model, {str(path)!r}, window=20)
for step in range({steps}):
    recorder.record(0.5)
    torch.nn.init.normal_(model.weight)
print("recorded", flush=True)
input()
os._exit(1)
"""
    return subprocess.Popen(
        [sys.executable, "-c", loop], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_recovering_what_a_killed_loop_left(tmp_path, capsys):
    path = tmp_path / "t.h5"
    process = cut_off(path, 47)
    assert process.stdout.readline() == "recorded\n"
    assert main(["info", str(path)]) == 0
    assert f"process {process.pid} on " in capsys.readouterr().out
    assert main(["recover", str(path)]) == 2
    assert f"process {process.pid} on " in capsys.readouterr().err
    process.communicate("go\n")
    assert main(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert f"cut off after 47 steps; `sgdwalk recover {path}` makes a file of them" in said
    assert main(["recover", str(path)]) == 0
    said = capsys.readouterr().out
    assert "47 steps of a walk in 51 parameters" in said
    assert "2 windows of 20 positions" in said
    assert "interrupted" in said
    assert main(["recover", str(path)]) == 2
    assert "it is whole already" in capsys.readouterr().err
    assert main(["recover", str(tmp_path / "none.h5")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_looking_at_a_recording_of_this_process_does_not_break_its_lock(tmp_path, capsys):
    model = torch.nn.Linear(3, 1)
    with sgdwalk.TrajectoryRecorder(model, tmp_path / "t.h5", window=5) as recorder:
        recorder.record(0.5)
        assert main(["info", str(tmp_path / "t.h5")]) == 0
        assert "this process is recording it" in capsys.readouterr().out
        other = cut_off(tmp_path / "t.h5", 3)
        assert "recorded" not in other.communicate("go")[0]


def test_a_shorter_window_is_analysed_where_there_is_no_whole_one(tmp_path, capsys):
    model = torch.nn.Linear(30, 1)
    with sgdwalk.TrajectoryRecorder(model, tmp_path / "t.h5", window=100) as recorder:
        for _ in range(40):
            recorder.record(0.5)
            torch.nn.init.normal_(model.weight)
    assert main(["info", str(tmp_path / "t.h5")]) == 0
    assert "1 window of 40 positions, one every step (shorter than" in capsys.readouterr().out
    assert main(["analyse", str(tmp_path / "t.h5")]) == 0
    assert "\n1-40 " in capsys.readouterr().out


def test_a_walk_without_a_window_is_one_line(tmp_path, capsys):
    model = torch.nn.Linear(2, 1)
    path = tmp_path / "short.h5"
    with sgdwalk.TrajectoryRecorder(model, path, window=10) as recorder:
        recorder.record(0.0)
    assert main(["analyse", str(path)]) == 2
    assert "no window of 20 positions or more" in capsys.readouterr().err


def test_it_is_installed():
    result = subprocess.run(
        [sys.executable, "-m", "sgdwalk.command_line", "--version"], capture_output=True, text=True
    )
    assert result.stdout.strip() == f"sgdwalk {sgdwalk.__version__}"
