"""Optimizers, schedules, losses and clipping do what their names say, and nothing else."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.datasets.load import load_dataset
from sgdwalk.errors import InputError
from sgdwalk.training import losses
from sgdwalk.training.batches import Batches
from sgdwalk.training.initial_run import initial_run
from sgdwalk.training.loop import TrainingRun, train
from sgdwalk.training.schedules import learning_rate_factor
from sgdwalk.training.settings import TrainingSettings

BASE = {
    "model": "fc2",
    "dataset": "digits",
    "batch_size": 100,
    "learning_rate": 0.1,
    "steps": 40,
    "seed": 0,
    "augment": False,
}
CPU = torch.device("cpu")


class Kept:
    """Loss, gradient and position of every step."""

    def __init__(self, model):
        self.model, self.loss, self.gradient, self.position = model, [], [], []

    def record(self, loss, samples):
        self.loss.append(loss)
        self.gradient.append(torch.cat([p.grad.reshape(-1).clone() for p in parameters(self)]))
        self.position.append(torch.cat([p.detach().reshape(-1).clone() for p in parameters(self)]))

    def record_epoch(self, **values):
        pass


def parameters(kept):
    return list(kept.model.parameters())


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def walk(data, **options):
    run = initial_run(data, TrainingSettings(**{**BASE, **options}), CPU)
    kept = Kept(run.model)
    train(run, run_steps(options), kept)
    gradient, position = torch.stack(kept.gradient).double(), torch.stack(kept.position).double()
    return run, np.array(kept.loss), gradient, position


def run_steps(options):
    return options.get("steps", BASE["steps"])


def test_momentum_and_weight_decay_follow_their_recursion(digits):
    """Sutskever et al. 2013 in torch's form: v <- mu v + g + lambda x, x <- x - eta v."""
    _, _, g, x = walk(digits, momentum=0.9, weight_decay=0.01)
    v = torch.zeros_like(g[0])
    for t in range(len(g) - 1):
        v = 0.9 * v + g[t] + 0.01 * x[t]
        torch.testing.assert_close(x[t + 1] - x[t], -0.1 * v, rtol=1e-3, atol=1e-7)


def test_nesterov_looks_ahead(digits):
    _, _, g, x = walk(digits, momentum=0.9, nesterov=True)
    v = torch.zeros_like(g[0])
    for t in range(len(g) - 1):
        v = 0.9 * v + g[t]
        torch.testing.assert_close(x[t + 1] - x[t], -0.1 * (g[t] + 0.9 * v), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_adam_follows_the_paper(digits, optimizer):
    """Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019 for the decay apart."""
    rate, decay = 0.001, 0.1
    options = {"optimizer": optimizer, "learning_rate": rate, "weight_decay": decay}
    _, _, g, x = walk(digits, **options)
    m, v = torch.zeros_like(g[0]), torch.zeros_like(g[0])
    for t in range(len(g) - 1):
        gradient = g[t] + (decay * x[t] if optimizer == "adam" else 0)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        step = -rate * (m / (1 - 0.9 ** (t + 1))) / ((v / (1 - 0.999 ** (t + 1))).sqrt() + 1e-8)
        if optimizer == "adamw":
            step = step - rate * decay * x[t]
        torch.testing.assert_close(x[t + 1] - x[t], step, rtol=2e-2, atol=2e-6)


def test_clipping_shortens_the_step_and_not_what_is_recorded(digits):
    _, _, free, _ = walk(digits)
    limit = 2 * float(free[0].norm())  # early gradients are shorter, later ones longer
    _, _, g, x = walk(digits, gradient_clip=limit)
    torch.testing.assert_close(g[0], free[0])
    steps = (x[1:] - x[:-1]).norm(dim=1) / 0.1
    expected = g[:-1].norm(dim=1).clamp(max=limit)
    torch.testing.assert_close(steps, expected, rtol=1e-3, atol=1e-6)
    assert (expected < limit).any()
    assert (expected == limit).any()


def test_mean_squared_error_is_of_probabilities_over_classes():
    outputs = torch.tensor([[0.0, math.log(3.0)], [math.log(4.0), 0.0]])
    labels = torch.tensor([1, 1])
    # probabilities (1/4, 3/4) and (4/5, 1/5) against (0, 1) twice
    expected = (1 / 16 + 1 / 16 + 16 / 25 + 16 / 25) / 4
    assert losses.mean_squared_error(outputs, labels).item() == pytest.approx(expected)


def test_gradients_of_mean_squared_error_are_zeroed_at_every_step(digits):
    """They are those of one batch alone, not the sum of all so far."""
    _, loss, g, x = walk(digits, loss="mse", learning_rate=1.0)
    fresh = initial_run(digits, TrainingSettings(**{**BASE, "loss": "mse"}), CPU)
    nn.utils.vector_to_parameters(x[20].float(), fresh.model.parameters())
    inputs, labels = fresh.batches.at(20)
    truth = nn.functional.one_hot(labels, 10).float()
    value = ((fresh.model(inputs).softmax(1) - truth) ** 2).mean()
    gradients = torch.autograd.grad(value, list(fresh.model.parameters()))
    alone = torch.cat([gradient.reshape(-1) for gradient in gradients]).double()
    torch.testing.assert_close(g[20], alone, rtol=1e-4, atol=1e-7)
    assert loss[20] == pytest.approx(value.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"schedule": "constant", "warmup": 4}, [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
        (
            {"schedule": "step", "milestones": (0.25, 0.75), "decay": 0.5},
            [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25],
        ),
        (
            {"schedule": "cosine", "warmup": 4},
            [0.25, 0.5, 0.75, 1, 1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2],
        ),
    ],
)
def test_schedules_in_closed_form(options, expected):
    factor = learning_rate_factor(steps=8, **options)
    assert [factor(step) for step in range(8)] == pytest.approx(expected)


def test_cosine_is_that_of_torch():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    ours = learning_rate_factor("cosine", 50)
    for step in range(50):
        assert ours(step) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        theirs.step()


def test_the_schedule_is_what_the_steps_are_made_with(digits):
    options = {"schedule": "step", "milestones": (0.5,), "warmup": 3}
    _, _, g, x = walk(digits, **options)
    rates = (x[1:] - x[:-1]).norm(dim=1) / g[:-1].norm(dim=1)
    factor = learning_rate_factor("step", 40, 3, (0.5,))
    expected = torch.tensor([0.1 * factor(t) for t in range(39)], dtype=torch.float64)
    torch.testing.assert_close(rates, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("options", [{"schedule": "linear"}, {"schedule": "constant", "warmup": 8}])
def test_bad_schedules(options):
    with pytest.raises(InputError):
        learning_rate_factor(steps=8, **options)


def test_bad_names(digits):
    for options in ({"optimizer": "lbfgs"}, {"loss": "hinge"}, {"nesterov": True}):
        with pytest.raises(InputError):
            initial_run(digits, TrainingSettings(**{**BASE, **options}), CPU)


def test_a_run_without_a_test_set_evaluates_nothing(digits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    batches = Batches(digits.train_inputs, digits.train_labels, 500, 0)
    run = TrainingRun(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, None)
    told = []

    class Told(Kept):
        def record_epoch(self, **values):
            told.append(values)

    train(run, 2 * batches.per_epoch, Told(model))
    assert told == []
    assert run.running == (0.0, 0, 0)
