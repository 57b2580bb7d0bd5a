from itertools import islice

import cases
import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import squared_distances
from sgdwalk.geometry.homology_dimension import homology_dimension, spanning_tree_edges
from sgdwalk.geometry.surrogates import random_signs


def test_edges_are_those_of_the_minimum_spanning_tree():
    points = np.random.default_rng(0).standard_normal((80, 3))
    distance = cdist(points, points)
    tree = minimum_spanning_tree(distance)
    np.testing.assert_allclose(spanning_tree_edges(distance), np.sort(tree.data))


def test_coinciding_points_have_edges_of_zero():
    assert spanning_tree_edges(
        cdist([[0.0], [0.0], [2.0]], [[0.0], [0.0], [2.0]])
    ) == pytest.approx([0, 2])


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_points_that_fill_a_cube_have_its_dimension(dimension):
    points = np.random.default_rng(dimension).uniform(size=(1000, dimension))
    result = homology_dimension(cdist(points, points, "sqeuclidean"), seed=0)
    assert result.dimension == pytest.approx(dimension, rel=0.08)
    assert result.length.shape == (3, result.size.size)


def test_walks_have_the_dimension_of_their_path():
    # 2 for a Brownian walk, 1 / H for a fractional one; a thousand points come out a tenth high.
    rng = np.random.default_rng(4)
    gram = cases.gram(cases.brownian(rng, 999, 50))
    brownian = homology_dimension(squared_distances(gram), seed=0).dimension
    gram = cases.gram(cases.fractional(rng, 999, 50, 0.75))
    persistent = homology_dimension(squared_distances(gram), seed=0).dimension
    assert brownian == pytest.approx(2, rel=0.15)
    assert persistent == pytest.approx(4 / 3, rel=0.15)
    walks = islice(random_signs(gram, 0), 5)
    assert persistent < min(homology_dimension(squared_distances(w), 0).dimension for w in walks)


def test_lengths_that_grow_as_the_number_of_positions_give_no_dimension():
    """Of points at equal distances every tree has edges of one length."""
    assert np.isnan(homology_dimension(1 - np.eye(60), seed=0).dimension)


def test_power_of_the_edges_hardly_matters():
    points = np.random.default_rng(5).uniform(size=(800, 2))
    squares = cdist(points, points, "sqeuclidean")
    assert homology_dimension(squares, 0, power=0.5).dimension == pytest.approx(2, rel=0.08)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="T >= 50"):
        homology_dimension(np.ones((20, 20)), seed=0)
    with pytest.raises(InputError, match="power"):
        homology_dimension(np.ones((60, 60)), seed=0, power=0)
    with pytest.raises(InputError, match="does not move"):
        homology_dimension(np.zeros((60, 60)), seed=0)
