"""The command: what it says of a file, and one line and exit code 2 for a bad one."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

import sgdwalk
from sgdwalk.command_line import main


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


def test_analyse(walk, capsys):
    assert main(["analyse", str(walk)]) == 0
    lines = capsys.readouterr().out.splitlines()
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


def test_a_walk_without_a_whole_window_is_one_line(tmp_path, capsys):
    model = torch.nn.Linear(2, 1)
    path = tmp_path / "short.h5"
    with sgdwalk.TrajectoryRecorder(model, path, window=10) as recorder:
        recorder.record(0.0)
    assert main(["analyse", str(path)]) == 2
    assert "no whole window" in capsys.readouterr().err


def test_it_is_installed():
    result = subprocess.run(
        [sys.executable, "-m", "sgdwalk.command_line", "--version"], capture_output=True, text=True
    )
    assert result.stdout.strip() == f"sgdwalk {sgdwalk.__version__}"
