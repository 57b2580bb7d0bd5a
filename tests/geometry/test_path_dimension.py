from pathlib import Path

import cases
import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.fits.pair_bins import PairBinning
from sgdwalk.geometry.distances import contour_lengths, squared_distances
from sgdwalk.geometry.path_dimension import (
    contour_against_displacement,
    contour_against_lag,
    msd_against_contour,
    path_dimension,
    path_exponent,
    uncorrelated_msd,
)
from sgdwalk.geometry.surrogates import random_signs

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
    curve = contour_against_lag(contour, 10 * np.arange(len(contour)))
    assert curve.fit.exponent.value == pytest.approx(1, abs=0.02)
    assert curve.abscissa[0] == 10
    assert curve.mean[0] == pytest.approx(np.sqrt(gram.diagonal()).mean())


def test_uncorrelated_steps_have_the_mean_over_random_signs():
    increments = np.geomspace(3, 1, 120)[:, None] * cases.brownian(np.random.default_rng(4), 120, 3)
    gram = cases.gram(increments)
    sampled = [
        msd_against_contour(contour_lengths(walk), squared_distances(walk)).mean
        for seed in range(8)
        for walk in random_signs(gram, seed)
    ]
    error = np.std(sampled, axis=0) / np.sqrt(len(sampled))
    off = np.abs(np.mean(sampled, axis=0) - uncorrelated_msd(gram))
    np.testing.assert_array_less(off, 4.5 * error + 1e-9)


def test_the_exponent_of_a_walk_is_that_of_its_curve():
    gram = cases.gram(cases.brownian(np.random.default_rng(5), 199, 5))
    contour, squares = contour_lengths(gram), squared_distances(gram)
    curve = msd_against_contour(contour, squares)
    assert path_exponent(PairBinning(contour), squares) == curve.fit.exponent.value


def test_a_brownian_path_of_changing_steps_has_another_dimension():
    """So that two is no null for it: here the steps shrink tenfold."""
    rng = np.random.default_rng(6)
    shrinking = np.geomspace(10, 1, 999)[:, None]
    found = [dimension(shrinking * cases.brownian(rng, 999, 200)).value for _ in range(4)]
    assert np.mean(found) < 1.95


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
    curve = contour_against_lag(contour, np.arange(len(contour)), bins=200)
    np.testing.assert_allclose(curve.mean, ours[curve.abscissa.astype(int) - 1], rtol=1e-10)


def test_a_path_that_does_not_grow_has_no_dimension():
    zigzag = np.tile([[1.0, 0.0], [-1.0, 0.0]], (100, 1))
    assert np.isnan(dimension(zigzag).value)


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"\(T, T\)"):
        msd_against_contour(np.ones((5, 5)), np.ones((6, 6)))
