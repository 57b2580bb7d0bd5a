"""Loss surfaces against point-by-point evaluation, quadratic forms and batch norm in PyTorch."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sgdwalk.errors import InputError
from sgdwalk.landscape.directions import position, random_direction
from sgdwalk.landscape.loss_surface import LossSurface
from sgdwalk.networks.build import build_network


def samples(count, shape=(1, 8, 8), seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, *shape, generator=generator)
    return inputs, torch.randint(0, 10, (count,), generator=generator)


def network(name, shape=(1, 8, 8)):
    """A network away from its first position, with running statistics of its own."""
    torch.manual_seed(1)
    model = build_network(name, shape)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model(samples(50, shape, seed=2)[0])
    return model.eval()


def at(model, vector):
    """A copy of the model at a position."""
    moved = copy.deepcopy(model)
    nn.utils.vector_to_parameters(vector.clone(), moved.parameters())
    return moved


COORDINATES = np.array([[0.0, 0.0], [0.3, -0.4], [-1.0, 0.7]])


@pytest.mark.parametrize(
    ("name", "shape"), [("fc3", (3, 8, 8)), ("resnet8", (1, 8, 8)), ("vgg9", (1, 8, 8))]
)
def test_values_are_those_of_the_network_at_each_point(name, shape):
    model = network(name, shape)
    directions = torch.stack([random_direction(model, k) for k in (0, 1)])
    train, test = samples(30, shape), samples(20, shape, seed=3)
    surface = LossSurface(model, train, test, batch_size=11)
    found = surface.values(position(model), directions, COORDINATES)
    for i, (a, b) in enumerate(COORDINATES):
        moved = at(model, position(model) + a * directions[0] + b * directions[1])
        with torch.no_grad():
            for (inputs, labels), loss, accuracy in (
                (train, found.train_loss, found.train_accuracy),
                (test, found.test_loss, found.test_accuracy),
            ):
                outputs = moved(inputs)
                expected = functional.cross_entropy(outputs.double(), labels).item()
                assert loss[i] == pytest.approx(expected, rel=2e-5)
                right = (outputs.argmax(1) == labels).double().mean().item()
                assert accuracy[i] == pytest.approx(right)


def test_radius_zero_is_the_checkpoint_and_the_model_is_untouched():
    model = network("resnet8")
    before = copy.deepcopy(model.state_dict())
    train = samples(40)
    direction = random_direction(model, 0)[None]
    found = LossSurface(model, train).values(position(model), direction, np.zeros((1, 1)))
    with torch.no_grad():
        expected = functional.cross_entropy(model(train[0]), train[1]).item()
    assert found.train_loss[0] == pytest.approx(expected, rel=1e-5)
    assert found.test_loss is None
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_layers_that_see_the_samples_are_tabulated_where_that_pays():
    def tabulated(name, shape):
        surface = LossSurface(network(name, shape), samples(16, shape))
        return [layer.in_features for layer in surface._layers._layers]

    assert tabulated("fc3", (3, 8, 8)) == [192]
    assert tabulated("fc3", (1, 8, 8)) == []  # fewer inputs than outputs
    assert tabulated("resnet8", (1, 8, 8)) == []


def test_a_quadratic_loss_gives_back_its_quadratic_form():
    torch.manual_seed(0)
    model = nn.Linear(20, 3).double()  # 63 parameters, more inputs than outputs
    inputs = torch.randn(25, 20, dtype=torch.float64)
    targets = torch.randint(0, 3, (25,))

    def squares(outputs, labels):
        return functional.mse_loss(outputs, functional.one_hot(labels, 3).to(outputs))

    def loss(vector):
        weight, bias = vector[:60].view(3, 20), vector[60:]
        return squares(inputs @ weight.T + bias, targets)

    origin = position(model)
    hessian = torch.autograd.functional.hessian(loss, origin)
    gradient = torch.autograd.functional.jacobian(loss, origin)
    directions = torch.randn(2, 63, dtype=torch.float64)
    coordinates = np.random.default_rng(0).uniform(-2, 2, (12, 2))
    surface = LossSurface(model, (inputs, targets), criterion=squares, batch_size=7)
    found = surface.values(origin, directions, coordinates).train_loss
    form = (directions @ hessian @ directions.T).numpy()
    slope = (directions @ gradient).numpy()
    expected = loss(origin).item() + coordinates @ slope
    expected += 0.5 * np.einsum("ni,ij,nj->n", coordinates, form, coordinates)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_recomputed_batch_norm_is_train_mode_for_training_and_its_statistics_for_test():
    model = network("resnet8")
    train, test = samples(40), samples(20, seed=3)
    directions = random_direction(model, 0)[None]
    surface = LossSurface(model, train, test, batch_norm="recomputed")
    found = surface.values(position(model), directions, np.array([[0.0], [0.5]]))
    for i, a in enumerate((0.0, 0.5)):
        moved = at(model, position(model) + a * directions[0]).train()
        for module in moved.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.momentum = 1.0  # running statistics become those of the batch
        with torch.no_grad():
            expected = functional.cross_entropy(moved(train[0]), train[1]).item()
            tested = functional.cross_entropy(moved.eval()(test[0]), test[1]).item()
        assert found.train_loss[i] == pytest.approx(expected, rel=1e-5)
        assert found.test_loss[i] == pytest.approx(tested, rel=1e-4)


def test_kept_and_recomputed_differ_away_from_the_statistics():
    model = network("resnet8")
    direction, train = random_direction(model, 0)[None], samples(40)
    kept, recomputed = (
        LossSurface(model, train, batch_norm=kind).values(
            position(model), direction, np.array([[1.0]])
        )
        for kind in ("kept", "recomputed")
    )
    assert abs(kept.train_loss[0] - recomputed.train_loss[0]) > 1e-3


def test_losses_that_are_not_finite_are_values():
    model = network("fc3")
    found = LossSurface(model, samples(10)).values(
        position(model), random_direction(model, 0)[None], np.array([[0.0], [1e30]])
    )
    assert np.isfinite(found.train_loss[0])
    assert not np.isfinite(found.train_loss[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"batch_norm": "fresh"}, "kept, recomputed"),
        ({"batch_size": 0}, "at least 1"),
        ({"train": (torch.zeros(3, 64), torch.zeros(2, dtype=torch.int64))}, "3 inputs and 2"),
    ],
)
def test_bad_arguments(arguments, said):
    model = network("fc3")
    with pytest.raises(InputError, match=said):
        LossSurface(model, **{"train": samples(5), **arguments})


def test_bad_shapes():
    model = network("fc3")
    surface = LossSurface(model, samples(5))
    direction = random_direction(model, 0)[None]
    with pytest.raises(InputError, match=r"must be \(n, d\)"):
        surface.values(position(model), direction, np.zeros((1, 2)))
    with pytest.raises(InputError, match="trainable parameters"):
        surface.values(position(model)[1:], direction[:, 1:], np.zeros((1, 1)))
