from pathlib import Path

import cases
import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import contour_lengths, squared_distances
from sgdwalk.geometry.path_dimension import (
    contour_against_displacement,
    contour_against_lag,
    msd_against_contour,
    path_dimension,
    shuffled_path,
)

REFERENCE = Path(__file__).parents[1] / "data" / "trajectory_statistics.npz"


def dimension(increments):
    gram = cases.gram(increments)
    return path_dimension(msd_against_contour(contour_lengths(gram), squared_distances(gram)))


@pytest.mark.parametrize("space", [2, 20, 200])
def test_a_brownian_path_has_dimension_two(space):
    rng = np.random.default_rng(space)
    estimates = [dimension(cases.brownian(rng, 999, space)) for _ in range(8)]
    assert np.mean([e.value for e in estimates]) == pytest.approx(2, abs=0.15)
    assert sum(e.low < 2 < e.high for e in estimates) >= 6


def test_a_fractional_path_has_dimension_one_over_hurst():
    estimate = dimension(cases.fractional(np.random.default_rng(1), 999, 50, 0.75))
    assert estimate.value == pytest.approx(4 / 3, abs=0.06)


def test_a_straight_path_has_dimension_one():
    gram = np.ones((500, 500))
    contour, squares = contour_lengths(gram), squared_distances(gram)
    estimate = path_dimension(msd_against_contour(contour, squares))
    assert estimate.value == pytest.approx(1, abs=0.01)
    against = contour_against_displacement(contour, squares)
    assert against.fit.exponent.value == pytest.approx(1, abs=1e-6)


def test_contour_grows_as_displacement_to_the_dimension():
    gram = cases.gram(cases.brownian(np.random.default_rng(2), 999, 200))
    curve = contour_against_displacement(
        contour_lengths(gram), squared_distances(gram), fit_range=(20, 120)
    )
    assert curve.fit.exponent.value == pytest.approx(2, abs=0.15)


def test_contour_grows_with_lag_in_optimizer_steps():
    gram = cases.gram(cases.brownian(np.random.default_rng(3), 999, 20))
    contour = contour_lengths(gram)
    curve = contour_against_lag(contour, stride=10)
    assert curve.fit.exponent.value == pytest.approx(1, abs=0.02)
    assert curve.abscissa[0] == 10
    assert curve.mean[0] == pytest.approx(np.sqrt(gram.diagonal()).mean())


def test_shuffling_keeps_drift_and_loses_memory():
    rng = np.random.default_rng(4)
    increments = cases.fractional(rng, 200, 3, 0.8) + 0.1
    contour, msd = shuffled_path(cases.gram(increments))
    sampled = np.zeros((300, 200))
    for row in sampled:
        squares = squared_distances(cases.gram(increments[rng.permutation(200)]))
        row[:] = squares[0, 1:]
    error = sampled.std(axis=0) / np.sqrt(300)
    np.testing.assert_array_less(np.abs(sampled.mean(axis=0) - msd), 4.5 * error + 1e-9)
    assert contour[-1] == pytest.approx(np.linalg.norm(increments, axis=1).sum())
    assert msd[-1] == pytest.approx(np.sum(increments.sum(axis=0) ** 2))


def test_the_original_leads_into_the_fragment():
    """The original's mean contour length is ours plus the increment before each fragment."""
    with np.load(REFERENCE) as data:
        weights, original = data["weights"], data["mean_contour_length"]
    gram = cases.gram_of_positions(weights)
    norms = np.sqrt(gram.diagonal())
    contour = contour_lengths(gram)
    lags = np.arange(1, 40)
    ours = np.array([contour.diagonal(lag).mean() for lag in lags])
    # The first fragment of each lag has no increment before it.
    extra = np.array([norms[: 40 - lag - 1].sum() / (40 - lag) for lag in lags])
    np.testing.assert_allclose(original, ours + extra, rtol=1e-4)
    assert original[0] > 1.9 * ours[0]
    curve = contour_against_lag(contour, bins=200)
    np.testing.assert_allclose(curve.mean, ours[curve.abscissa.astype(int) - 1], rtol=1e-10)


def test_a_path_that_does_not_grow_has_no_dimension():
    zigzag = np.tile([[1.0, 0.0], [-1.0, 0.0]], (100, 1))
    assert np.isnan(dimension(zigzag).value)


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"\(T, T\)"):
        msd_against_contour(np.ones((5, 5)), np.ones((6, 6)))
