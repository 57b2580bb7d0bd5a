from itertools import islice

import cases
import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import squared_distances, transverse_excursion
from sgdwalk.geometry.excursions import random_fragments
from sgdwalk.geometry.surrogates import random_signs


def test_fragments_are_what_geometry_says():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), 300, 4))
    result = random_fragments(gram, 50, seed=1, fragments=40)
    distances = squared_distances(gram)
    np.testing.assert_allclose(
        result.end_to_end_squared, distances[result.start, result.start + 50]
    )
    expected = [transverse_excursion(gram, int(i), int(i) + 50) for i in result.start]
    np.testing.assert_allclose(result.excursion_squared, expected)
    assert len(set(result.start)) == 40


def test_all_fragments_are_taken_if_there_are_few():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), 120, 4))
    result = random_fragments(gram, 100, seed=1)
    np.testing.assert_array_equal(result.start, range(21))
    assert result.ratio.low < result.ratio.value < result.ratio.high


def test_excursion_of_a_brownian_bridge_in_many_dimensions():
    # Far from the chord by the bridge's own spread: largest at half length, a quarter of |chord|^2.
    gram = cases.gram(cases.brownian(np.random.default_rng(2), 999, 3000))
    ratio = random_fragments(gram, 100, seed=0).ratio
    assert ratio.value == pytest.approx(0.25, abs=0.02)


def test_a_straight_line_has_no_resolved_excursion():
    result = random_fragments(np.ones((200, 200)), 50, seed=0)
    assert np.isnan(result.excursion_squared).all()
    np.testing.assert_allclose(result.end_to_end_squared, 2500)
    assert np.isnan(result.ratio.value)


def test_a_persistent_walk_bulges_less_than_uncorrelated_steps():
    rng = np.random.default_rng(3)
    increments = cases.fractional(rng, 999, 10, 0.8)
    gram = cases.gram(increments - increments.mean(axis=0))
    ratio = random_fragments(gram, 100, seed=0).ratio
    walks = islice(random_signs(gram, seed=1), 5)
    assert ratio.high < min(random_fragments(w, 100, seed=0).ratio.value for w in walks)


def test_impossible_lengths_are_named():
    with pytest.raises(InputError, match="length 21"):
        random_fragments(np.eye(20), 21, seed=0)
