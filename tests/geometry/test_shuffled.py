"""Increments in random order: exact means over all orders."""

from itertools import permutations

import cases
import numpy as np

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.diffusion.window import analyse_diffusion
from sgdwalk.geometry.path_dimension import shuffled_path
from sgdwalk.geometry.shuffled import shuffled, shuffled_msd, shuffled_order

MOVING = [w for w in cases.WALKS if mean_squared_displacement(cases.gram(w(0)))[1].all()]


def test_the_mean_over_all_orders_is_exact():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), 5, 3) + 0.5)
    orders = [np.array(order) for order in permutations(range(5))]
    each = [mean_squared_displacement(gram[np.ix_(order, order)])[1] for order in orders]
    np.testing.assert_allclose(shuffled_msd(gram), np.mean(each, axis=0))


def test_a_drift_stays_whatever_the_order():
    np.testing.assert_allclose(shuffled_msd(np.ones((30, 30))), np.arange(1, 31) ** 2)


def test_one_increment_has_one_order():
    np.testing.assert_array_equal(shuffled_msd([[4.0]]), [4.0])


@cases.every_walk(MOVING)
def test_it_is_one_and_the_same_wherever_it_is_a_null(walk):
    gram = cases.gram(walk(0))
    np.testing.assert_array_equal(shuffled_path(gram)[1], shuffled_msd(gram))
    found = analyse_diffusion(gram, signs=40).shuffled_mean
    np.testing.assert_array_equal(found, shuffled_msd(gram))


def test_a_shuffled_walk_has_the_same_increments():
    gram = cases.gram(cases.brownian(np.random.default_rng(1), 20, 3))
    order = shuffled_order(20, seed=3)
    found = shuffled(gram, seed=3)
    np.testing.assert_array_equal(found, gram[order][:, order])
    assert sorted(order) == list(range(20))
    assert not np.array_equal(found, gram)
