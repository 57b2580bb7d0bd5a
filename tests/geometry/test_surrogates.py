"""Walks made of a window's own steps."""

from itertools import permutations

import cases
import numpy as np
import pytest
from scipy.fft import dct

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.diffusion.window import analyse_diffusion
from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import squared_distances
from sgdwalk.geometry.surrogates import (
    DRAWS,
    random_mode_signs,
    random_orders,
    random_signs,
    shuffled_msd,
    surrogate_interval,
)

KINDS = [random_signs, random_orders, random_mode_signs]
MOVING = [w for w in cases.WALKS if mean_squared_displacement(cases.gram(w(0)))[1].all()]


def steps():
    return cases.brownian(np.random.default_rng(1), 20, 3) + 0.5


def as_vectors(walk):
    """Increments with these inner products, up to a rotation."""
    values, vectors = np.linalg.eigh(walk.values)
    return vectors * np.sqrt(np.maximum(values, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_39_that_differ_and_their_seed_decides_them(kind):
    first, second, other = (
        [walk.values for walk in kind(cases.gram(steps()), seed)] for seed in (0, 0, 1)
    )
    assert len(first) == DRAWS == 39
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], first[1])


def test_signs_keep_sizes_and_lines():
    gram = cases.gram(steps())
    for walk in random_signs(gram, 0):
        np.testing.assert_array_equal(np.abs(walk.values), np.abs(gram))
        np.testing.assert_array_equal(walk.values.diagonal(), gram.diagonal())
    mean = np.mean([walk.values for walk in random_signs(gram, 0)], axis=0)
    off = ~np.eye(len(gram), dtype=bool)
    assert np.abs(mean[off]).mean() < 0.3 * np.abs(gram[off]).mean()


def test_orders_keep_the_steps_and_where_they_lead():
    gram = cases.gram(steps())
    for walk in random_orders(gram, 0):
        np.testing.assert_array_equal(np.sort(walk.values, axis=None), np.sort(gram, axis=None))
        assert walk.values.sum() == pytest.approx(gram.sum())


def test_signs_of_modes_keep_the_power_of_every_frequency():
    gram = cases.gram(steps())
    power = (dct(steps(), axis=0, norm="ortho") ** 2).sum(axis=1)
    for walk in random_mode_signs(gram, 0):
        found = (dct(as_vectors(walk), axis=0, norm="ortho") ** 2).sum(axis=1)
        np.testing.assert_allclose(found, power, atol=1e-9)
        assert not np.allclose(walk.values, gram)


def test_what_surrogates_are_made_of_is_checked_when_they_are_made():
    for kind in KINDS:
        with pytest.raises(InputError, match="symmetric"):
            next(kind(np.triu(np.ones((5, 5))), 0))


def test_the_interval_is_the_range_of_39():
    values = np.random.default_rng(0).standard_normal(39)
    found = surrogate_interval(values)
    assert found.value == np.median(values)
    assert found.low == pytest.approx(values.min(), rel=1e-6)
    assert found.high == pytest.approx(values.max(), rel=1e-6)


def test_one_more_is_outside_in_one_of_twenty():
    rng = np.random.default_rng(0)
    out = 0
    for _ in range(4000):
        *draws, one = rng.exponential(size=40)
        found = surrogate_interval(draws)
        out += not found.low <= one <= found.high
    assert out / 4000 == pytest.approx(0.05, abs=0.012)


def test_rounding_is_not_outside():
    found = surrogate_interval([1.0] * 39)
    assert found.low < 1 - 1e-9 < 1 + 1e-9 < found.high


def test_no_interval_of_numbers_that_some_surrogates_do_not_have():
    assert not surrogate_interval([*range(38), np.nan]).defined


def test_the_mean_over_all_orders_is_exact():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), 5, 3) + 0.5)
    orders = [np.array(order) for order in permutations(range(5))]
    each = [mean_squared_displacement(gram[np.ix_(order, order)])[1] for order in orders]
    np.testing.assert_allclose(shuffled_msd(gram), np.mean(each, axis=0))


def test_random_orders_scatter_about_their_mean():
    increments = cases.fractional(np.random.default_rng(4), 200, 3, 0.8) + 0.1
    gram = cases.gram(increments)
    sampled = np.array(
        [squared_distances(w)[0, 1:] for seed in range(8) for w in random_orders(gram, seed)]
    )
    error = sampled.std(axis=0) / np.sqrt(len(sampled))
    off = np.abs(sampled.mean(axis=0) - shuffled_msd(gram))
    np.testing.assert_array_less(off, 4.5 * error + 1e-9)


def test_a_drift_stays_whatever_the_order():
    np.testing.assert_allclose(shuffled_msd(np.ones((30, 30))), np.arange(1, 31) ** 2)


def test_one_increment_has_one_order():
    np.testing.assert_array_equal(shuffled_msd([[4.0]]), [4.0])


@cases.every_walk(MOVING)
def test_it_is_one_and_the_same_wherever_it_is_a_null(walk):
    gram = cases.gram(walk(0))
    found = analyse_diffusion(gram, signs=40).shuffled_mean
    np.testing.assert_array_equal(found, shuffled_msd(gram))
