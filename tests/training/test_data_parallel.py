"""Several processes with a share of every minibatch each walk as one process does."""

import signal
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from trainings import assert_same_run, start, train, wait_for

from sgdwalk.errors import InputError
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.training.data_parallel import Place, check_network, share

# 1437 samples: batches of 99, the last of 51; none can be cut evenly in two.
SETTINGS = {
    "training": {
        "model": "fc2",
        "batch_size": 99,
        "learning_rate": 0.5,
        "momentum": 0.9,
        "steps": 45,
    },
    "recording": {
        "weights": True,
        "windows": ({"length": 40, "stride": 1}, {"length": 12, "stride": 3}),
    },
}
TWO = {**SETTINGS, "processes": 2, "threads": 2}


@pytest.fixture(scope="module")
def two(tmp_path_factory, dataset):
    folder = tmp_path_factory.mktemp("two")
    train(folder, dataset, **TWO)
    return folder


def test_the_walk_is_that_of_one_process_to_rounding(tmp_path, dataset, two):
    train(tmp_path, dataset, **SETTINGS)
    one, other = Trajectory(tmp_path / "trajectory.h5"), Trajectory(two / "trajectory.h5")
    np.testing.assert_allclose(other.loss, one.loss, rtol=1e-5)
    assert one.loss[-1] < 0.5 * one.loss[0]
    for a, b in zip(one.windows, other.windows, strict=True):
        np.testing.assert_allclose(b.gram, a.gram, rtol=1e-3, atol=1e-5 * np.abs(a.gram).max())
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        np.testing.assert_allclose(other.epochs[name], one.epochs[name], rtol=1e-5)


def test_stopped_and_resumed_it_ends_with_the_same_bits(tmp_path, dataset, two):
    process = start(tmp_path, dataset, **TWO)
    wait_for(tmp_path, ".resume/*/point.pt")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 1, output
    assert "SIGTERM after step" in output
    assert "resumed at step" in train(tmp_path, dataset, **TWO)
    assert_same_run(tmp_path, two)


def test_another_number_of_processes_is_refused_on_resuming(tmp_path, dataset):
    start(tmp_path, dataset, kill_at_call=("fsync", 20), **TWO).communicate()
    process = start(tmp_path, dataset, **SETTINGS, threads=2)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert "made with 2 processes and this job has 1; set resources.train.gpu to 2" in output


def test_batch_normalisation_needs_gpus(tmp_path, dataset):
    process = start(tmp_path, dataset, processes=2)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert "InputError: batch normalisation over several processes needs GPUs" in output
    with pytest.raises(InputError):
        check_network(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), torch.device("cpu"))


@pytest.mark.parametrize(("size", "processes"), [(128, 2), (99, 2), (10, 3), (2, 4), (1, 2)])
def test_shares_are_a_partition(size, processes):
    ends = [share(size, Place(rank, processes, "")) for rank in range(processes)]
    assert ends[0][0] == 0
    assert ends[-1][1] == size
    assert all(a[1] == b[0] for a, b in pairwise(ends))
    sizes = [stop - first for first, stop in ends]
    assert max(sizes) - min(sizes) <= 1
