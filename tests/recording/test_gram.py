"""Gram matrices of increments: exact at every lag, also where prefix sums cancel."""

import cases
import numpy as np
import pytest
import torch

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.errors import InputError
from sgdwalk.recording.gram import increment_gram, plain_gram, window_gram


def brownian(draw, steps, parameters):
    return torch.randn(steps, parameters, generator=draw).cumsum(0)


def confined(draw, steps, parameters):
    return torch.randn(steps, parameters, generator=draw)


def zigzag(draw, steps, parameters):
    step = torch.randn(parameters, generator=draw)
    small = 1e-4 * torch.randn(steps, parameters, generator=draw).cumsum(0)
    return step * (torch.arange(steps) % 2)[:, None] + small


def far_away(draw, steps, parameters):
    start = torch.randn(parameters, generator=draw, dtype=torch.float64)
    increments = torch.randn(steps, parameters, generator=draw, dtype=torch.float64)
    increments *= 1e-6 * start.norm() / increments[0].norm()
    return (start + increments.cumsum(0)).float()


def period_seven(draw, steps, parameters):
    loop = torch.randn(7, parameters, generator=draw)
    small = 1e-4 * torch.randn(steps, parameters, generator=draw).cumsum(0)
    return loop[torch.arange(steps) % 7] + small


@pytest.mark.parametrize("walk", [brownian, confined, zigzag, far_away, period_seven])
def test_msd_is_exact_at_every_lag(walk):
    positions = walk(torch.Generator().manual_seed(1), 300, 5000)
    _, msd = mean_squared_displacement(increment_gram(positions))
    np.testing.assert_allclose(msd, cases.exact_msd(positions.double().numpy()), rtol=1e-5)


@pytest.mark.parametrize(
    ("walk", "expected"), [(brownian, False), (zigzag, True), (period_seven, True)]
)
def test_float64_products_are_made_only_where_needed(walk, expected):
    gram = window_gram(walk(torch.Generator().manual_seed(1), 300, 5000))
    assert gram.float64_products is expected
    assert (gram.error > 1e-5) is expected


def test_a_walk_at_rest_has_a_zero_gram():
    gram = window_gram(torch.ones(5, 4))
    assert not gram.matrix.any()
    assert gram.error == 0


def test_two_positions_are_enough():
    assert increment_gram(np.array([[0.0, 0.0], [3.0, 4.0]])) == np.array([[25.0]])


def test_layers_add_up_to_the_whole():
    positions = brownian(torch.Generator().manual_seed(2), 40, 30)
    gram = window_gram(positions, sizes=[4, 20, 6])
    np.testing.assert_allclose(gram.layers.sum(0), gram.matrix, rtol=1e-12)
    np.testing.assert_allclose(gram.layers[1], increment_gram(positions[:, 4:24]), rtol=1e-6)


def test_products_ignore_lowered_matmul_precision_and_autocast():
    positions = brownian(torch.Generator().manual_seed(3), 100, 2000)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            gram = window_gram(positions)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert gram.error < 1e-6
    assert not gram.float64_products


def test_plain_gram_is_the_matrix_of_inner_products():
    rows = torch.randn(9, 50, generator=torch.Generator().manual_seed(4))
    np.testing.assert_allclose(plain_gram(rows), rows.double() @ rows.double().T, atol=1e-5)


@pytest.mark.parametrize("bad", [np.zeros((1, 3)), np.zeros(3), np.zeros((4, 3), int)])
def test_bad_positions_are_refused(bad):
    with pytest.raises(InputError, match=r"allowed: floating point \(T, P\)"):
        increment_gram(bad)
