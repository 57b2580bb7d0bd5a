"""Geometry from the Gram matrix of increments, against the positions themselves."""

from pathlib import Path

import numpy as np
import pytest
from cases import gram_of_positions
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import (
    CheckedGram,
    as_gram,
    contour_lengths,
    principal_components,
    squared_distances,
    transverse_excursion,
)

REFERENCE = Path(__file__).parents[1] / "data" / "trajectory_statistics.npz"


@pytest.fixture(scope="module")
def walk():
    return np.random.default_rng(1).standard_normal((60, 5)).cumsum(axis=0)


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as data:
        return dict(data)


def test_squared_distances_equal_those_of_the_positions(walk):
    distances = squared_distances(gram_of_positions(walk))
    np.testing.assert_allclose(distances, cdist(walk, walk, "sqeuclidean"), rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(distances, distances.T)
    assert not distances.diagonal().any()


def test_squared_distances_keep_small_steps_after_a_long_way():
    # One step of 1e6 and then steps of 1e-3: sums that start at x_0 keep four digits of the latter.
    increments = np.full((40, 1), 1e-3)
    increments[0] = 1e6
    distances = squared_distances(increments @ increments.T)
    lag = np.arange(1, 40)
    np.testing.assert_allclose(distances[1, 2:], (1e-3 * lag) ** 2, rtol=1e-13)


def test_squared_distances_are_never_negative():
    zigzag = (np.arange(50) % 2)[:, None] * np.ones((1, 3)) * 0.1
    gram = gram_of_positions(zigzag).astype(np.float32) * np.float32(1 / 3)
    distances = squared_distances(gram)
    assert distances.min() == 0.0
    assert distances[0, 1] > 0.0


def test_squared_distances_match_the_original_code(reference):
    distances = squared_distances(gram_of_positions(reference["weights"]))
    upper = np.triu_indices(len(distances), 1)
    np.testing.assert_allclose(distances[upper], reference["squared_distance"][upper], rtol=1e-4)


def test_contour_lengths_sum_the_increments_between(walk):
    norms = np.linalg.norm(np.diff(walk, axis=0), axis=1)
    lengths = contour_lengths(gram_of_positions(walk))
    assert lengths[7, 31] == pytest.approx(norms[7:31].sum(), rel=1e-12)
    assert lengths[0, 59] == pytest.approx(norms.sum(), rel=1e-12)
    assert not np.tril(lengths).any()
    assert (lengths**2 + 1e-9 >= np.triu(squared_distances(gram_of_positions(walk)))).all()


def test_contour_length_leaves_out_the_original_s_extra_increment(reference):
    """The original's contour length between i and j also holds the increment that leads into i."""
    norms = np.linalg.norm(np.diff(reference["weights"], axis=0), axis=1)
    lengths = contour_lengths(gram_of_positions(reference["weights"]))
    original = reference["contour_length_original"]
    start, stop = np.triu_indices(len(lengths), 1)
    start, stop = start[start > 0], stop[start > 0]
    ours = lengths[start, stop]
    np.testing.assert_allclose(original[start, stop], ours + norms[start - 1], rtol=1e-4)
    np.testing.assert_allclose(original[start, stop], lengths[start - 1, stop], rtol=1e-4)
    assert (original[start, stop] > 1.001 * ours).all()


def test_transverse_excursion_of_a_detour_is_its_squared_height():
    triangle = [[0, 0], [1, 2], [4, 0]]
    assert transverse_excursion(gram_of_positions(triangle), 0, 2) == pytest.approx(4.0)


def test_transverse_excursion_is_from_the_infinite_line():
    # The middle point lies beyond the chord's end: 3 from the line, 5 from the nearest end.
    overshoot = [[0, 0], [5, 3], [1, 0]]
    assert transverse_excursion(gram_of_positions(overshoot), 0, 2) == pytest.approx(9.0)


def test_transverse_excursion_of_a_fragment_equals_the_projection(walk):
    start, stop = 11, 47
    fragment = walk[start : stop + 1] - walk[start]
    direction = fragment[-1] / np.linalg.norm(fragment[-1])
    residual = fragment - np.outer(fragment @ direction, direction)
    expected = (residual**2).sum(axis=1).max()
    assert transverse_excursion(gram_of_positions(walk), start, stop) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_transverse_excursion_of_a_loop_is_from_its_end_point(dtype):
    angle = 2 * np.pi * np.arange(13) / 12
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    gram = gram_of_positions(circle).astype(dtype)
    assert transverse_excursion(gram, 0, 12) == pytest.approx(4.0, rel=1e-5)


def test_transverse_excursion_of_a_straight_line_is_unresolved():
    line = np.arange(30.0)[:, None] * np.array([[1.0, 2.0, 3.0]])
    assert np.isnan(transverse_excursion(gram_of_positions(line), 0, 29))
    line[15, 0] += 0.01  # 1e-2 off a path of 108: below a part in a thousand
    assert np.isnan(transverse_excursion(gram_of_positions(line), 0, 29))
    line[15, 0] += 1.0
    assert transverse_excursion(gram_of_positions(line), 0, 29) == pytest.approx(1.01**2 * 13 / 14)


def test_transverse_excursion_of_a_walk_at_rest_is_zero():
    assert transverse_excursion(np.zeros((4, 4)), 0, 4) == 0.0


def test_principal_components_equal_an_ordinary_pca(walk):
    coordinates, variance = principal_components(gram_of_positions(walk), 4)
    pca = PCA(4).fit(walk)
    np.testing.assert_allclose(variance, pca.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(coordinates), np.abs(pca.transform(walk)), atol=1e-9)
    largest = np.abs(coordinates).argmax(axis=0)
    assert (coordinates[largest, np.arange(4)] > 0).all()


def test_principal_variances_add_up_to_the_stated_total(walk):
    gram = gram_of_positions(walk)
    _, variance = principal_components(gram, len(gram))
    total = squared_distances(gram).sum() / (2 * 60 * 59)
    assert variance.sum() == pytest.approx(total)
    assert variance[5:].max() < 1e-12 * total  # five dimensions, so five components


def test_components_of_a_high_dimensional_walk_are_cosines_with_known_shares():
    """Shares ``6 / (pi k)^2`` in infinitely many dimensions (Antognini, Sohl-Dickstein 2018)."""
    _, variance = principal_components(np.eye(800), 3)
    shares = variance / (squared_distances(np.eye(800)).sum() / (2 * 801 * 800))
    np.testing.assert_allclose(shares, 6 / (np.pi * np.arange(1, 4)) ** 2, rtol=1e-3)


@pytest.mark.parametrize(
    ("gram", "said"),
    [
        (np.ones(3), "square"),
        (np.ones((3, 4)), "square"),
        (np.ones((0, 0)), "square"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "finite"),
        (-np.eye(3), "diagonal"),
        (np.triu(np.ones((3, 3))), "symmetric"),
        (np.eye(3) * 1j, "real"),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        squared_distances,
        contour_lengths,
        lambda gram: principal_components(gram, 1),
        CheckedGram,
    ],
)
def test_what_is_no_gram_matrix_is_refused(function, gram, said):
    with pytest.raises(InputError, match=said):
        function(gram)


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 2), (3, 1), (0, 5)])
def test_fragments_outside_the_window_are_refused(start, stop):
    with pytest.raises(InputError, match="fragment"):
        transverse_excursion(np.eye(4), start, stop)


@pytest.mark.parametrize("k", [0, 5])
def test_component_numbers_out_of_range_are_refused(k):
    with pytest.raises(InputError, match="k:"):
        principal_components(np.eye(4), k)


def test_a_checked_matrix_gives_what_the_matrix_gives(walk):
    gram = gram_of_positions(walk)
    checked = CheckedGram.of(gram)
    assert CheckedGram.of(checked) is checked
    assert as_gram(checked) is checked.values
    assert squared_distances(checked) is squared_distances(checked)
    for function in (squared_distances, contour_lengths, np.asarray):
        np.testing.assert_array_equal(function(checked), function(gram))
        np.testing.assert_array_equal(function(checked.part(7, 30)), function(gram[7:30, 7:30]))
        order = np.random.default_rng(0).permutation(59)
        other = gram[order][:, order]
        np.testing.assert_array_equal(function(checked.in_order(order)), function(other))
    assert transverse_excursion(checked, 7, 30) == transverse_excursion(gram, 7, 30)


def test_distances_that_are_shared_cannot_be_spoilt(walk):
    with pytest.raises(ValueError, match="read-only"):
        squared_distances(CheckedGram(gram_of_positions(walk)))[0, 1] = 0.0
