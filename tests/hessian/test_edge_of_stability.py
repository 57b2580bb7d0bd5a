"""The edge of stability against what torch's own optimizers do on quadratic losses."""

import math

import pytest
import torch

from sgdwalk.hessian.edge_of_stability import edge_of_stability

MOMENTA = (0.0, 0.5, 0.9, 0.99)
PLAIN = [
    {"momentum": momentum, "dampening": dampening, "weight_decay": decay, "maximize": maximize}
    for momentum in MOMENTA
    for dampening in (0.0, 0.3, 0.9, 1.5, -0.5)
    for decay in (0.0, 25.0)
    for maximize in (False, True)
]
NESTEROV = [
    {"momentum": momentum, "nesterov": True, "weight_decay": decay, "maximize": maximize}
    for momentum in (0.5, 0.9, 0.99, 1.0)
    for decay in (0.0, 25.0)
    for maximize in (False, True)
]
STEPS = 800
RATE = 0.1


def sgd(parameters, **options):
    return torch.optim.SGD(parameters, **{"lr": RATE, **options})


def growth(curvatures, steps=STEPS, **options):
    """How much further than after half the steps each of several quadratics is after all of them.

    Position and step before count: a walk through the origin is not at rest. A walk is scaled back
    when it gets far, its buffer with it, as the iteration is linear.
    """
    curvature = torch.tensor(curvatures, dtype=torch.float64)
    x = torch.ones_like(curvature, requires_grad=True)
    optimizer = sgd([x], **options)
    log_scale, halfway = torch.zeros_like(curvature), None
    before = x.detach().clone()
    for step in range(steps):
        x.grad = curvature * x.detach()
        before = x.detach().clone()
        optimizer.step()
        size = torch.hypot(x.detach(), before)
        if step == steps // 2 - 1:
            halfway = log_scale + size.log()
        if step % 50 == 49:
            factor = size.clamp(min=1e-290)
            log_scale += factor.log()
            with torch.no_grad():
                x /= factor
            buffer = optimizer.state[x].get("momentum_buffer")
            if buffer is not None:
                buffer /= factor
            before = before / factor
    return (log_scale + torch.hypot(x.detach(), before).log() - halfway).tolist()


@pytest.mark.parametrize("options", [*PLAIN, *NESTEROV])
def test_a_quadratic_diverges_beyond_the_edge_and_not_before(options):
    found = edge_of_stability(sgd([torch.ones(1, requires_grad=True)], **options))
    edge = found.eigenvalue
    assert not found.missing
    # A hundredth of the stable range of plain descent.
    nudge = 0.01 * 2 / RATE
    below, above = growth([edge - nudge, edge + nudge], **options)
    assert below <= 1e-6
    assert above > 0.5


@pytest.mark.parametrize("options", [{"momentum": 0.9, "dampening": 0.3}, {"weight_decay": 3.0}])
def test_bisection_finds_the_edge(options):
    low, high = 0.0, 200.0
    for _ in range(12):
        middle = (low + high) / 2
        (grows,) = growth([middle], 2000, **options)
        low, high = (low, middle) if grows > 1e-3 else (middle, high)
    edge = edge_of_stability(sgd([torch.ones(1, requires_grad=True)], **options)).eigenvalue
    assert low == pytest.approx(edge, rel=1e-3)


def test_momentum_one_is_undamped_up_to_its_edge():
    """Neither grows nor shrinks below 4 / eta, grows beyond."""
    edge = edge_of_stability(sgd([torch.ones(1, requires_grad=True)], momentum=1.0)).eigenvalue
    assert edge == pytest.approx(4 / RATE)
    below, above = growth([0.9 * edge, 1.01 * edge], momentum=1.0)
    assert abs(below) < 3
    assert above > 50


@pytest.mark.parametrize("momentum", [1.5, 2.0])
def test_momentum_above_one_has_no_edge(momentum):
    found = edge_of_stability(sgd([torch.ones(1, requires_grad=True)], momentum=momentum))
    assert math.isnan(found.eigenvalue)
    assert "grow at any curvature" in found.missing
    assert min(growth([-1.0, 0.01, 1.0, 10.0, 40.0], momentum=momentum)) > 1


def test_nesterov_above_one_grows_on_either_side_of_a_band():
    options = {"momentum": 1.5, "nesterov": True, "weight_decay": 0.5}
    found = edge_of_stability(sgd([torch.ones(1, requires_grad=True)], **options))
    low, high = (1 - 1 / 1.5) / RATE - 0.5, 2 * 2.5 / (RATE * 4) - 0.5
    assert math.isnan(found.eigenvalue)
    assert found.missing == f"momentum 1.5: steps grow below {low:.6g} and above {high:.6g}"
    inside = growth([1.02 * low, 0.98 * high], **options)
    outside = growth([0.98 * low, 1.02 * high], **options)
    assert max(inside) < 0 < min(outside)


def test_dampening_one_leaves_the_gradient_out():
    """Only the first step sees it: positions come to rest wherever, at any curvature."""
    options = {"momentum": 0.9, "dampening": 1.0, "weight_decay": 0.1}
    found = edge_of_stability(sgd([torch.ones(1, requires_grad=True)], **options))
    assert found.eigenvalue == math.inf
    assert found.missing.startswith("dampening 1")
    assert max(map(abs, growth([-10.0, 1e-3, 1.0, 1e6], **options))) < 1e-9
    repeated = edge_of_stability(
        sgd([torch.ones(1, requires_grad=True)], momentum=1.0, dampening=1.0)
    )
    assert math.isnan(repeated.eigenvalue)
    assert "repeated" in repeated.missing


def test_dampening_without_momentum_is_none():
    found = edge_of_stability(sgd([torch.ones(1, requires_grad=True)], dampening=0.9))
    assert found.eigenvalue == pytest.approx(2 / RATE)


def test_weight_decay_beyond_the_edge_leaves_no_positive_curvature():
    options = {"weight_decay": 25.0}
    found = edge_of_stability(sgd([torch.ones(1, requires_grad=True)], **options))
    assert found.eigenvalue == pytest.approx(-5)
    assert growth([0.0], **options)[0] > 1


def test_a_learning_rate_may_be_a_tensor_and_zero_moves_nothing():
    x = torch.ones(1, requires_grad=True)
    assert edge_of_stability(sgd([x], lr=torch.tensor(0.5), foreach=False)).eigenvalue == 4
    found = edge_of_stability(sgd([x], lr=0.0))
    assert found.eigenvalue == math.inf
    assert "learning rate is 0" in found.missing


def test_groups_of_parameters_have_an_edge_together_or_none():
    x, y = (torch.ones(1, requires_grad=True) for _ in range(2))
    frozen = torch.ones(1)
    alike = [{"params": [x]}, {"params": [y], "lr": 0.2, "weight_decay": -0.0 + 0.0}]
    found = edge_of_stability(sgd(alike, lr=0.1))
    assert math.isnan(found.eigenvalue)
    assert found.missing == "groups of parameters have different edges: 20, 10"
    same = [{"params": [x]}, {"params": [y], "dampening": 0.7}, {"params": [frozen], "lr": 9.0}]
    assert edge_of_stability(sgd(same, lr=0.1)).eigenvalue == pytest.approx(20)
    resting = [{"params": [x]}, {"params": [y], "lr": 0.0}]
    assert "20, the learning rate is 0" in edge_of_stability(sgd(resting, lr=0.1)).missing


def test_other_optimizers_have_no_edge_of_their_settings_alone():
    class Own(torch.optim.SGD):
        pass

    x = torch.ones(1, requires_grad=True)
    for optimizer in (torch.optim.Adam([x], lr=0.1), Own([x], lr=0.1)):
        found = edge_of_stability(optimizer)
        assert math.isnan(found.eigenvalue)
        assert type(optimizer).__name__ in found.missing
