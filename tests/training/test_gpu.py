"""Recording and training on GPUs: the same statistics, the same bits, one GPU's walk on several."""

import numpy as np
import pytest
import torch
from trainings import assert_same_run, start, train

from sgdwalk.recording.gram import window_gram
from sgdwalk.recording.trajectory import Trajectory

GPUS = torch.cuda.device_count()
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(GPUS == 0, reason="needs a CUDA device"),
]
ON_GPU = {"device": "cuda", "training": {"model": "resnet8", "steps": 60}}


def test_gram_matrix_of_positions_on_a_gpu():
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(300, 5000, generator=generator).cumsum(0)
    expected = window_gram(positions)
    found = window_gram(positions.cuda())
    assert found.error < 1e-5
    assert not found.float64_products
    scale = float(expected.matrix.abs().max())
    torch.testing.assert_close(found.matrix, expected.matrix, rtol=0, atol=1e-6 * scale)


def test_a_resumed_training_ends_with_the_same_bits(tmp_path, dataset):
    train(tmp_path / "whole", dataset, **ON_GPU)
    start(tmp_path / "killed", dataset, kill_at_call=("fsync", 20), **ON_GPU).communicate()
    assert "resumed at step" in train(tmp_path / "killed", dataset, **ON_GPU)
    assert_same_run(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.skipif(GPUS < 2, reason="needs two CUDA devices")
def test_batch_normalisation_over_two_gpus_is_that_of_one(tmp_path, dataset):
    settings = {"model": "resnet8", "steps": 45, "batch_size": 99, "learning_rate": 0.01}
    for name, processes in (("one", 1), ("two", 2)):
        train(tmp_path / name, dataset, device="cuda", processes=processes, training=settings)
    one, two = (Trajectory(tmp_path / name / "trajectory.h5") for name in ("one", "two"))
    np.testing.assert_allclose(two.loss, one.loss, rtol=1e-3)
    for a, b in zip(one.windows, two.windows, strict=True):
        np.testing.assert_allclose(b.gram, a.gram, rtol=1e-2, atol=1e-3 * np.abs(a.gram).max())
