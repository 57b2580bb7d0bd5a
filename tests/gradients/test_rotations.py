"""Rotated noise: what a rotation keeps, what it mixes, and the rank of a number among the draws."""

import numpy as np
import pytest

from sgdwalk.gradients.rotations import (
    DRAWS,
    beside_null,
    equal_blocks,
    rotated_grams,
    rotated_rows,
    rotations,
)


@pytest.fixture
def draw():
    return np.random.default_rng(0)


@pytest.mark.parametrize("size", [2, 3, 11, 32])
def test_a_rotation_is_orthogonal_and_keeps_the_mean(draw, size):
    turn = rotations(7, size, draw)
    np.testing.assert_allclose(
        turn @ turn.transpose(0, 2, 1), np.tile(np.eye(size), (7, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(turn.sum(axis=2), 1)
    assert np.abs(turn[0] - turn[1]).max() > 0.1


def test_rotations_are_uniform(draw):
    """Squared entries of a Haar rotation of n - 1 directions, carried back to n rows."""
    turn = rotations(20_000, 5, draw) - 1 / 5
    # E (c_i . Q c_j)^2 = |c_i|^2 |c_j|^2 / 4 with |c|^2 = 4/5; no entry has a sign of its own
    np.testing.assert_allclose((turn**2).mean(axis=0), 0.16, atol=0.005)
    np.testing.assert_allclose(turn.mean(axis=0), 0, atol=0.015)


def test_blocks_are_as_equal_as_can_be():
    assert equal_blocks(0, 16) == []
    assert equal_blocks(11, 16) == [(0, 1, 11)]
    assert equal_blocks(50, 16) == [(0, 2, 17), (34, 1, 16)]
    for rows in range(1, 70):
        assert sum(count * size for _, count, size in equal_blocks(rows, 16)) == rows


def test_rotated_rows_keep_mean_and_covariance_of_every_block(draw):
    values = draw.standard_normal((50, 6)) * np.geomspace(1, 100, 50)[:, None]
    turned = rotated_rows(values, draw, shortest=16)
    for first, count, size in equal_blocks(50, 16):
        for start in range(first, first + count * size, size):
            block = slice(start, start + size)
            np.testing.assert_allclose(turned[block].mean(0), values[block].mean(0))
            np.testing.assert_allclose(np.cov(turned[block].T), np.cov(values[block].T))
    assert np.abs(turned - values).max() > 1


def test_exact_zeros_stay_and_the_rest_is_rotated_among_itself(draw):
    values = draw.standard_normal((16, 4))
    values[:, 0] = 0
    values[3:9, 1] = 0
    values[1:, 2] = 0
    turned = rotated_rows(values, draw)
    assert ((turned == 0) == (values == 0)).all()
    alive = values[:, 1] != 0
    assert turned[alive, 1].mean() == pytest.approx(values[alive, 1].mean())
    assert turned[alive, 1].var() == pytest.approx(values[alive, 1].var())
    assert np.abs(turned[alive, 1] - values[alive, 1]).max() > 0.1
    assert turned[0, 2] == pytest.approx(values[0, 2])  # one value is all there is to keep


def test_rotated_grams_are_those_of_rotated_vectors(draw):
    vectors = draw.standard_normal((3, 22, 40))
    vectors -= vectors.mean(axis=1, keepdims=True)
    grams = vectors @ vectors.transpose(0, 2, 1)
    turned = rotated_grams(grams, draw, shortest=22)
    np.testing.assert_allclose(np.linalg.eigvalsh(turned), np.linalg.eigvalsh(grams), atol=1e-9)
    np.testing.assert_allclose(turned.sum(axis=1), 0, atol=1e-9)
    halves = rotated_grams(grams, draw, shortest=11)
    for half in (slice(11), slice(11, 22)):
        assert np.trace(halves[0][half, half]) == pytest.approx(np.trace(grams[0][half, half]))
    assert np.trace(turned[0][:11, :11]) != pytest.approx(np.trace(grams[0][:11, :11]))


def test_a_number_ranks_among_the_draws():
    draws = np.arange(1.0, DRAWS + 1)
    null, share = beside_null(0.5, draws)
    assert (null.value, null.low, null.high) == (10, 1, 19)
    assert share == 1 / 20
    assert beside_null(1.0, draws)[1] == 2 / 20
    assert beside_null(40.0, draws)[1] == 1
    assert beside_null(np.inf, [*draws[:-1], np.inf])[1] == 1
    for bad in (beside_null(np.nan, draws), beside_null(1.0, [1.0, np.nan]), beside_null(1.0, [])):
        assert np.isnan([bad[0].value, bad[0].low, bad[0].high, bad[1]]).all()
