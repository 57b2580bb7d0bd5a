"""Small trainings in processes of their own, and whether two of them are the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import torch
from workflow_copy import ROOT

from sgdwalk.training.checkpoints import load_checkpoint

TRAIN_ONCE = Path(__file__).with_name("train_once.py")


def start(folder, dataset, **settings) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow" / "scripts")}
    return subprocess.Popen(
        [sys.executable, TRAIN_ONCE, folder, dataset, json.dumps(settings)],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def train(folder, dataset, **settings) -> str:
    process = start(folder, dataset, **settings)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def wait_for(folder, pattern) -> None:
    deadline = time.monotonic() + 120
    while not list(folder.glob(pattern)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_same_run(folder, expected):
    with (
        h5py.File(folder / "trajectory.h5") as one,
        h5py.File(expected / "trajectory.h5") as other,
    ):
        arrays = []
        other.visititems(lambda name, item: arrays.append(name) if hasattr(item, "shape") else None)
        assert len(arrays) > 30
        for name in arrays:
            np.testing.assert_array_equal(one[name][()], other[name][()], err_msg=name)
    names = sorted(p.name for p in (expected / "checkpoints").glob("*.pt"))
    assert names
    assert sorted(p.name for p in (folder / "checkpoints").glob("*.pt")) == names
    for name in names:
        one = load_checkpoint(folder / "checkpoints" / name)
        other = load_checkpoint(expected / "checkpoints" / name)
        assert one["status"] == other["status"] == "reached"
        for key, value in other["model"].items():
            assert torch.equal(one["model"][key], value), f"{name}: {key}"
        assert torch.equal(one["rng"], other["rng"])
    assert not list((folder / ".resume").glob("*"))
