"""Gradient noise at fixed weights: against closed forms of a linear classifier."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from sgdwalk.datasets.prepared import Dataset, read_dataset, write_dataset
from sgdwalk.errors import InputError
from sgdwalk.noise import file as noise_file
from sgdwalk.noise.minibatch import minibatch_noise
from sgdwalk.noise.run import analyse
from sgdwalk.training.batches import Batches
from sgdwalk.training.checkpoints import load_checkpoint, not_reached, save_checkpoint
from sgdwalk.training.epochs import last_batch_size
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import initial_network

SAMPLES, INPUTS, CLASSES = 300, 6, 3
ALL = np.arange((INPUTS + 1) * CLASSES)


@pytest.fixture
def problem():
    """A linear classifier, its data, and the gradient and loss of every sample by hand."""
    torch.manual_seed(0)
    x = torch.randn(SAMPLES, INPUTS)
    y = torch.randint(CLASSES, (SAMPLES,))
    model = nn.Linear(INPUTS, CLASSES)
    with torch.no_grad():
        p = model(x).softmax(1)
        residual = p - nn.functional.one_hot(y, CLASSES)
        gradient = torch.cat([(residual[:, :, None] * x[:, None, :]).flatten(1), residual], 1)
        loss = -p[torch.arange(SAMPLES), y].log()
    return model, x, y, gradient.double().numpy(), loss.double().numpy()


def sampled(variance, size):
    """Variance of the mean of a random subset, drawn without replacement."""
    return variance / size * (SAMPLES - size) / (SAMPLES - 1)


def noise(problem, size=20, draws=400, last=None, memory=10**9, coordinates=ALL, **choice):
    model, x, y, *_ = problem
    small = Batches(x, y, last, 8) if last else None
    full = Batches(x, y, size, 7, **choice)
    return minibatch_noise(model, full, small, draws, coordinates, memory, cross_entropy)


def test_trace_mean_and_loss_variance_are_those_of_random_subsets(problem):
    *_, gradient, loss = problem
    found = noise(problem)
    trace = sampled(gradient.var(axis=0).sum(), 20)
    # 400 draws: a few per cent of standard error on variances
    assert found.covariance_trace == pytest.approx(trace, rel=0.1)
    assert found.mean_gradient_norm == pytest.approx(
        np.linalg.norm(gradient.mean(0)), abs=4 * np.sqrt(trace / 400)
    )
    assert found.loss_mean == pytest.approx(loss.mean(), abs=4 * np.sqrt(loss.var() / 20 / 400))
    assert found.loss_variance == pytest.approx(sampled(loss.var(), 20), rel=0.25)


def test_with_replacement_the_variance_is_that_of_independent_samples(problem):
    *_, gradient, loss = problem
    found = noise(problem, size=150, sampling="replacement")
    trace = gradient.var(axis=0).sum() / 150  # twice that of random halves of the training set
    assert found.covariance_trace == pytest.approx(trace, rel=0.1)
    assert found.loss_variance == pytest.approx(loss.var() / 150, rel=0.25)


def test_gram_matrix_and_coordinates_are_of_the_same_gradients(problem):
    *_, gradient, _ = problem
    found = noise(problem, draws=30)
    full = found.coordinate_noise.astype(float)
    np.testing.assert_allclose(found.gram, full @ full.T, atol=1e-6)
    np.testing.assert_allclose(full.mean(0), 0, atol=1e-6)
    x = problem[1]
    batches = Batches(x, torch.arange(SAMPLES), 20, 7)  # labels that say which sample it is
    drawn = [batches.at(k * batches.per_epoch)[1].numpy() for k in range(30)]
    by_hand = np.array([gradient[chosen].mean(0) for chosen in drawn])
    np.testing.assert_allclose(full, by_hand - by_hand.mean(0), atol=1e-6)


def test_blocks_of_parameters_give_the_same_noise(problem):
    whole, blocks = noise(problem, draws=25), noise(problem, draws=25, memory=1)
    np.testing.assert_allclose(blocks.gram, whole.gram, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(blocks.coordinate_noise, whole.coordinate_noise, atol=1e-7)
    assert blocks.mean_gradient_norm == pytest.approx(whole.mean_gradient_norm)


def test_a_smaller_last_batch_counts_with_its_share(problem):
    *_, loss = problem
    found = noise(problem, size=80, last=last_batch_size(SAMPLES, 80, False, "epochs"))
    expected = 0.75 * sampled(loss.var(), 80) + 0.25 * sampled(loss.var(), 60)
    assert found.loss_variance == pytest.approx(expected, rel=0.25)
    tiny = noise(problem, size=150, last=2)  # whose variance is nearly all there is
    share = 1 / 2
    assert tiny.loss_variance == pytest.approx(share * sampled(loss.var(), 2), rel=0.3)
    assert tiny.loss.var(ddof=1) < 0.1 * tiny.loss_variance


def test_model_and_random_state_stay_as_they_were():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batches = Batches(torch.randn(100, 6), torch.randint(3, (100,)), 10, 0)
    state = torch.get_rng_state()
    first = minibatch_noise(model, batches, None, 20, np.arange(5), 10**9, cross_entropy)
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    again = minibatch_noise(model, batches, None, 20, np.arange(5), 1, cross_entropy)
    np.testing.assert_allclose(again.gram, first.gram, rtol=1e-4, atol=1e-6)
    assert all(p.grad is None for p in model.parameters())


def test_a_loss_that_is_not_finite_gives_no_noise(problem):
    model, *_ = problem
    with torch.no_grad():
        model.weight.fill_(torch.inf)
    assert noise(problem) is None


def test_one_draw_is_refused(problem):
    with pytest.raises(InputError, match="1 draws; allowed: at least 2"):
        noise(problem, draws=1)


@pytest.fixture
def run(tmp_path):
    """A dataset file, settings, and checkpoints of which the last was not reached."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(50, 1, 4, 4, generator=generator)
    labels = torch.arange(50) % 5
    write_dataset(Dataset(inputs, labels, inputs, labels, 5, name="own"), tmp_path / "data.h5")
    training = TrainingSettings("fc3", "own", 16, 0.1, 100, 0, True)
    data = read_dataset(tmp_path / "data.h5")
    model = initial_network(data, training, torch.device("cpu"))
    content = {"status": "reached", "step": 0, "model": model.state_dict()}
    save_checkpoint(tmp_path / "checkpoints" / "0.pt", content)
    save_checkpoint(tmp_path / "checkpoints" / "100.pt", not_reached(100, 40))
    return tmp_path, training


def measured(folder, training, checkpoints="checkpoints", coordinates=8):
    return analyse(
        folder / "data.h5",
        folder / checkpoints,
        training,
        draws=20,
        coordinates=coordinates,
        seed=0,
        device=torch.device("cpu"),
        memory=10**8,
    )


def test_checkpoints_become_rows_and_unreached_ones_are_undefined(run):
    folder, training = run
    result = measured(folder, training, coordinates=64)
    noise_file.write(folder / "noise.h5", result, {"run": "r"})
    found = noise_file.read(folder / "noise.h5")
    assert found.step.tolist() == [0, 100]
    assert found.origin["run"] == "r"
    assert found.loss.shape == (2, 20)
    assert found.coordinate_noise.shape == (2, 20, 64)
    assert np.all(np.diff(found.coordinate_index) > 0)
    assert 0 < found.loss_variance[0] < 0.1
    assert found.loss_mean[0] == pytest.approx(np.log(5), rel=0.2)
    trace = np.trace(found.noise_gram[0])
    assert found.covariance_trace[0] == pytest.approx(trace / 19)
    np.testing.assert_allclose((found.noise_norm[0] ** 2).sum(), trace)
    for name in ("loss_mean", "loss_variance", "covariance_trace", "noise_gram"):
        assert np.isnan(getattr(found, name)[1]).all(), name
    assert found.missing == {"100": "step 100 was not reached: diverged at step 40"}


def test_a_smaller_last_batch_counts_only_in_runs_that_have_one(run):
    folder, training = run
    training = replace(training, model="mlp2_20")  # whose losses are not all the same at first
    model = initial_network(read_dataset(folder / "data.h5"), training, torch.device("cpu"))
    content = {"status": "reached", "step": 0, "model": model.state_dict()}
    save_checkpoint(folder / "checkpoints" / "0.pt", content)
    ragged = measured(folder, training)
    assert ragged.loss_mean[0] != pytest.approx(ragged.loss[0].mean(), rel=1e-4)
    full, drawn = (
        measured(folder, replace(training, **choice))
        for choice in ({"drop_last": True}, {"sampling": "replacement"})
    )
    for found in (full, drawn):
        assert found.loss_mean[0] == pytest.approx(found.loss[0].mean(), rel=1e-12)
        assert found.loss_variance[0] == pytest.approx(found.loss[0].var(ddof=1), rel=1e-12)
    # its full batches are those of the same passes; with replacement they are others
    np.testing.assert_array_equal(full.loss, ragged.loss)
    assert (drawn.loss[0] != full.loss[0]).all()


def test_a_checkpoint_whose_loss_is_not_finite_is_undefined(run):
    folder, training = run
    path = folder / "checkpoints" / "0.pt"
    content = load_checkpoint(path)
    save_checkpoint(
        path, content | {"model": {k: v * torch.inf for k, v in content["model"].items()}}
    )
    found = measured(folder, training)
    assert found.step.tolist() == [0, 100]
    assert np.isnan(found.loss).all()
    assert found.missing["0"] == "a minibatch loss at the weights of step 0 is not finite"


def test_foreign_and_missing_checkpoints_are_named(run):
    folder, training = run
    with pytest.raises(InputError, match=r"no checkpoints; the rule train makes them"):
        measured(folder, training, checkpoints="nothing")
    content = {"status": "reached", "step": 0, "model": nn.Linear(2, 2).state_dict()}
    save_checkpoint(folder / "checkpoints" / "0.pt", content)
    with pytest.raises(InputError, match=r"0\.pt: not of this run's network"):
        measured(folder, training)
