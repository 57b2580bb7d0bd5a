"""A replay's shares and variances against the positions and gradients of the same steps."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.hessian.replay import replay
from sgdwalk.training.batches import Batches
from sgdwalk.training.loop import TrainingRun, train

torch.set_num_threads(1)


def small_run(learning_rate=0.2, momentum=0.0, **choice):
    """Dropout draws from torch's own random state, batch norm has a state, epochs are short."""
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.3), nn.Tanh(), nn.Linear(5, 3)
    )
    model[0].bias.requires_grad_(False)
    inputs, labels = torch.randn(50, 6), torch.arange(50) % 3
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum)
    batches = Batches(inputs, labels, 16, seed=1, **choice)
    return TrainingRun(model, optimizer, batches, (inputs, labels))


class Everything:
    """Keeps whole positions and gradients."""

    def __init__(self, run):
        self.run, self.losses, self.gradients, self.positions = run, [], [], []

    def record(self, loss, samples):
        self.losses.append(loss)
        self.gradients.append(self.flat([p.grad for p in self.parameters()]))

    def record_epoch(self, **values):
        pass

    def position(self, run):
        self.positions.append(self.flat(self.parameters()))

    def parameters(self):
        return [p for p in self.run.model.parameters() if p.requires_grad]

    def flat(self, tensors):
        return torch.cat([t.detach().flatten() for t in tensors]).double().numpy()


@pytest.fixture
def at_checkpoint():
    """A run 7 steps in, as a checkpoint keeps it, and four orthonormal vectors."""
    run = small_run(momentum=0.8)
    train(run, 7, Everything(run))
    state = copy.deepcopy(run.state())
    dimension = sum(p.numel() for p in run.model.parameters() if p.requires_grad)
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(dimension, 4)))
    return run, state, basis


def test_a_replay_is_the_run_and_its_projections_are_those_of_the_walk(at_checkpoint):
    run, state, basis = at_checkpoint
    seen = Everything(run)
    train(run, 7 + 12, seen, before_step=seen.position)
    positions, gradients = np.array(seen.positions), np.array(seen.gradients)
    assert positions.shape == (13, basis.shape[0])

    other = small_run(momentum=0.8)
    other.restore(state)
    result = replay(other, 12, torch.tensor(basis.T, dtype=torch.float32))

    def share(vectors):
        return ((vectors @ basis) ** 2).sum(axis=-1) / (vectors**2).sum(axis=-1)

    np.testing.assert_array_equal(result.loss, seen.losses)
    np.testing.assert_allclose(result.gradient_share, share(gradients), rtol=1e-4)
    steps = np.diff(positions, axis=0)
    np.testing.assert_allclose(result.step_share, share(steps), rtol=1e-4)
    # With momentum a step is not along its gradient.
    assert np.abs(result.step_share - result.gradient_share).max() > 0.01
    assert result.displacement_share == pytest.approx(share(positions[-1] - positions[0]), rel=1e-4)
    np.testing.assert_allclose(result.variance, np.var(positions @ basis, axis=0), rtol=1e-4)
    total = np.var(positions, axis=0).sum()
    elsewhere = (total - result.variance.sum()) / (len(basis) - 4)
    assert result.variance_elsewhere == pytest.approx(elsewhere, rel=1e-4)


@pytest.mark.parametrize("choice", [{"drop_last": True}, {"sampling": "replacement"}])
def test_a_replay_draws_the_batches_of_the_run(choice):
    run = small_run(**choice)
    seen = Everything(run)
    train(run, 5, seen)
    state = copy.deepcopy(run.state())
    train(run, 14, seen)
    other = small_run(**choice)
    other.restore(state)
    dimension = sum(p.numel() for p in run.model.parameters() if p.requires_grad)
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(dimension, 2)))
    result = replay(other, 9, torch.tensor(basis.T, dtype=torch.float32))
    np.testing.assert_array_equal(result.loss, seen.losses[5:])


def test_variances_do_not_suffer_from_positions_far_from_the_origin(at_checkpoint):
    run, _, basis = at_checkpoint
    with torch.no_grad():
        run.model[0].weight.add_(1000)
    seen = Everything(run)
    start = copy.deepcopy(run.state())
    train(run, 7 + 12, seen, before_step=seen.position)
    run.restore(start)
    result = replay(run, 12, torch.tensor(basis.T, dtype=torch.float32))
    expected = np.var((np.array(seen.positions) - seen.positions[0]) @ basis, axis=0)
    np.testing.assert_allclose(result.variance, expected, rtol=1e-4)


def test_a_replay_that_diverges_says_how_far_it_came():
    run = small_run(learning_rate=1e15)
    run.model[1] = run.model[3] = nn.Identity()
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(48, 2)))
    result = replay(run, 8, torch.tensor(basis.T, dtype=torch.float32))
    taken = int(np.isfinite(result.loss).sum())
    assert 1 <= taken < 8
    assert np.isfinite(result.loss[:taken]).all()
    assert np.isnan(result.loss[taken:]).all()
    assert len(result.step_share) == len(result.gradient_share) == 8
    assert np.isnan(result.step_share[taken:]).all()
