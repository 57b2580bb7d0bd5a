"""The edge of stability against what the optimizers themselves do on a quadratic loss."""

import math

import pytest
import torch

from sgdwalk.hessian.edge_of_stability import edge_of_stability


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.1},
        {"lr": 0.05, "momentum": 0.9},
        {"lr": 0.05, "momentum": 0.9, "nesterov": True},
        {"lr": 0.1, "momentum": 0.5, "weight_decay": 3.0},
    ],
)
def test_steps_shrink_below_the_edge_and_grow_above_it(options):
    for factor in (0.97, 1.03):
        x = torch.ones(1, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([x], **options)
        curvature = factor * edge_of_stability(optimizer)
        for _ in range(600):
            optimizer.zero_grad()
            (curvature / 2 * x**2).sum().backward()
            optimizer.step()
        assert (abs(x.item()) > 1) == (factor > 1)


def test_adam_has_no_such_edge():
    x = torch.ones(1, requires_grad=True)
    assert math.isnan(edge_of_stability(torch.optim.Adam([x], lr=0.1)))
    assert math.isnan(edge_of_stability(torch.optim.SGD([x], lr=0.0)))
