"""Directions: normalisations by hand, reproducibility, principal plane against numpy's SVD."""

import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.landscape.directions import (
    position,
    principal_plane,
    random_direction,
    random_walk_shares,
)


@pytest.fixture
def network():
    """Two filters of 1 x 1 x 2, a scale and a shift, and a layer of two rows, numbers by hand."""
    model = nn.Sequential(nn.Conv2d(1, 2, (1, 2), bias=False), nn.BatchNorm2d(2), nn.Linear(2, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[[[3.0, 4.0]]], [[[0.0, 0.5]]]]))
        model[1].weight.copy_(torch.tensor([2.0, 1.0]))
        model[1].bias.copy_(torch.tensor([0.0, 0.0]))
        model[2].weight.copy_(torch.tensor([[1.0, 0.0], [6.0, 8.0]]))
        model[2].bias.copy_(torch.tensor([0.3, 0.4]))
    return model


def test_filters_are_scaled_one_by_one(network):
    drawn = np.random.default_rng(5).standard_normal(8)  # the two weight tensors, in order
    expected = np.zeros(14)
    for place, numbers, norm in (
        (slice(0, 2), drawn[0:2], 5.0),
        (slice(2, 4), drawn[2:4], 0.5),
        (slice(8, 10), drawn[4:6], 1.0),
        (slice(10, 12), drawn[6:8], 10.0),
    ):
        expected[place] = numbers * norm / np.hypot(*numbers)
    found = random_direction(network, 5, "filter", "fixed")
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_layers_are_scaled_as_wholes(network):
    drawn = np.random.default_rng(5).standard_normal(8)
    expected = np.zeros(14)
    expected[0:4] = drawn[:4] * np.sqrt(25.25) / np.linalg.norm(drawn[:4])
    expected[8:12] = drawn[4:] * np.sqrt(101) / np.linalg.norm(drawn[4:])
    found = random_direction(network, 5, "layer", "fixed")
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_raw_is_isotropic_with_the_weights_own_length(network):
    drawn = np.random.default_rng(5).standard_normal(8)
    found = random_direction(network, 5, "raw", "fixed").numpy()
    moved = np.r_[found[0:4], found[8:12]]
    np.testing.assert_allclose(moved, drawn * np.sqrt(126.25) / np.linalg.norm(drawn), rtol=1e-6)


def test_moved_vectors_are_scaled_like_one_filter_and_zeros_stay(network):
    found = random_direction(network, 5, "filter", "moved").numpy()
    assert np.linalg.norm(found[4:6]) == pytest.approx(np.sqrt(5), rel=1e-6)
    assert np.linalg.norm(found[12:14]) == pytest.approx(0.5, rel=1e-6)
    np.testing.assert_array_equal(found[6:8], 0)


@pytest.mark.parametrize("kind", ["filter", "layer", "raw"])
def test_all_normalisations_have_the_length_of_what_they_move(network, kind):
    assert float(random_direction(network, 1, kind).norm()) == pytest.approx(np.sqrt(126.25))


def test_seeds_decide(network):
    first, again, other = (random_direction(network, seed) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_frozen_parameters_are_left_out(network):
    network[2].weight.requires_grad_(False)
    assert position(network).shape == random_direction(network, 0).shape == (10,)


@pytest.mark.parametrize("bad", [{"normalisation": "filters"}, {"bias_and_norm": "free"}])
def test_unknown_treatments(network, bad):
    with pytest.raises(InputError, match="allowed"):
        random_direction(network, 0, **bad)


def test_nothing_to_move():
    with pytest.raises(InputError, match="no trainable weights"):
        random_direction(nn.BatchNorm1d(3), 0)


def test_principal_plane_is_that_of_the_svd():
    positions = np.random.default_rng(0).standard_normal((6, 40)).cumsum(axis=0) + 100
    plane = principal_plane(torch.tensor(positions))
    centred = positions - positions.mean(axis=0)
    left, values, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign((plane.directions.numpy() * right[:2]).sum(axis=1))
    np.testing.assert_allclose(plane.directions, signs[:, None] * right[:2], atol=1e-6)
    np.testing.assert_allclose(plane.coordinates, signs * left[:, :2] * values[:2], atol=1e-5)
    np.testing.assert_allclose(plane.explained_variance, (values**2 / sum(values**2))[:2], 1e-6)
    rest = centred - plane.coordinates @ (signs[:, None] * right[:2])
    np.testing.assert_allclose(plane.off_plane, np.linalg.norm(rest, axis=1), rtol=1e-4)
    np.testing.assert_allclose(plane.origin, positions.mean(axis=0))


def test_no_plane_from_two_positions_or_a_line():
    with pytest.raises(InputError, match="at least 3"):
        principal_plane(torch.zeros(2, 5))
    with pytest.raises(InputError, match="one line"):
        principal_plane(torch.arange(4.0)[:, None] * torch.ones(5))


def test_random_walk_seen_at_every_step_has_the_known_shares():
    shares = random_walk_shares(range(400))
    np.testing.assert_allclose(shares, 6 / (np.pi * np.arange(1, 3)) ** 2, rtol=0.01)
