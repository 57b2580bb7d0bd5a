"""Mean squared displacements and their nulls, against positions, closed forms and the original."""

from pathlib import Path

import cases
import numpy as np
import pytest

from sgdwalk.diffusion.msd import (
    drift_removed_msd,
    local_exponent,
    mean_squared_displacement,
    squared_displacement,
)
from sgdwalk.errors import InputError
from sgdwalk.geometry.effective_dimension import effective_dimension

REFERENCE = Path(__file__).parents[1] / "data" / "trajectory_statistics.npz"


@pytest.fixture(scope="module")
def walk():
    return np.random.default_rng(2).standard_normal((80, 6)).cumsum(axis=0)


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as data:
        return dict(data)


def test_msd_equals_that_of_the_positions(walk):
    lags, msd = mean_squared_displacement(cases.gram_of_positions(walk))
    np.testing.assert_array_equal(lags, np.arange(1, 80))
    np.testing.assert_allclose(msd, cases.exact_msd(walk), rtol=1e-12)


def test_msd_matches_the_original_code(reference):
    lags, msd = mean_squared_displacement(cases.gram_of_positions(reference["weights"]))
    np.testing.assert_array_equal(lags, reference["lag"])
    np.testing.assert_allclose(msd, reference["msd"], rtol=1e-4)


def test_squared_displacement_is_from_the_first_position(reference):
    lags, displacement = squared_displacement(cases.gram_of_positions(reference["weights"]))
    weights = reference["weights"]
    assert lags[-1] == 39
    np.testing.assert_allclose(displacement, ((weights[1:] - weights[0]) ** 2).sum(axis=1))
    np.testing.assert_allclose(displacement, reference["squared_distance"][0, 1:], rtol=1e-4)


def test_the_original_s_squared_displacement_is_no_displacement(reference):
    """It takes from every position its own first coordinate, where the first position is meant."""
    weights = reference["weights"]
    original = ((weights - weights[:, :1]) ** 2).sum(axis=1)
    np.testing.assert_allclose(reference["msd_no_average"], original, rtol=1e-4)
    ours = squared_displacement(cases.gram_of_positions(weights))[1]
    assert np.abs(reference["msd_no_average"][1:] / ours - 1).max() > 0.5


def test_lags_are_optimizer_steps(walk):
    gram = cases.gram_of_positions(walk)
    for function in (
        mean_squared_displacement,
        squared_displacement,
        drift_removed_msd,
    ):
        lags, values = function(gram, stride=10)
        np.testing.assert_array_equal(lags, 10 * np.arange(1, len(lags) + 1))
        np.testing.assert_array_equal(values, function(gram)[1])


def test_ballistic_walk_has_msd_of_lag_squared():
    lags, msd = mean_squared_displacement(
        cases.gram_of_positions(np.arange(50.0)[:, None] * [3.0, 4.0])
    )
    np.testing.assert_allclose(msd, 25.0 * lags**2)


@pytest.mark.parametrize("exponent", [0.6, 1.0, 1.6, 2.0])
def test_local_exponent_of_a_power_law_is_its_exponent(exponent):
    lags = np.arange(1, 1000)
    selected, beta = local_exponent(lags, 0.3 * lags**exponent)
    assert selected[0] == 1
    assert selected[-1] == 500
    np.testing.assert_allclose(beta, exponent, rtol=1e-9)


def test_local_exponent_follows_a_crossover():
    lags = np.unique(np.logspace(0, 4, 60).astype(int))
    selected, beta = local_exponent(lags, lags**0.5 + lags**1.5 / 100)
    expected = (0.5 * selected**0.5 + 1.5 * selected**1.5 / 100) / (
        selected**0.5 + selected**1.5 / 100
    )
    np.testing.assert_allclose(beta, expected, atol=0.06)


def test_drift_removed_msd_is_that_of_the_walk_without_drift():
    """4000 dimensions average the noise away; the drift alone is 100 times the walk at lag T/4."""
    steps = np.random.default_rng(6).standard_normal((200, 4000))
    lags, msd = drift_removed_msd((steps + 10 / np.sqrt(200)) @ (steps + 10 / np.sqrt(200)).T)
    assert lags[-1] == 50
    np.testing.assert_allclose(msd / (4000 * lags), 1.0, atol=0.02)
    np.testing.assert_allclose(msd, drift_removed_msd(steps @ steps.T)[1], rtol=1e-6)


@pytest.mark.parametrize("dimensions", [1, 30, 1000])
def test_effective_dimension_of_a_brownian_walk_is_its_dimension(dimensions):
    steps = cases.brownian(np.random.default_rng(0), 500, dimensions)
    assert effective_dimension(cases.gram(steps)) == pytest.approx(dimensions, rel=0.1)


def test_effective_dimension_of_unequal_directions():
    variances = 1.0 / np.arange(1, 201)
    steps = np.random.default_rng(7).standard_normal((500, 200)) * np.sqrt(variances)
    expected = variances.sum() ** 2 / (variances**2).sum()
    assert effective_dimension(steps @ steps.T) == pytest.approx(expected, rel=0.1)


def test_effective_dimension_is_blind_to_drift_and_to_memory():
    steps = np.random.default_rng(8).standard_normal((502, 400))
    for memory in (0.0, 0.9, -0.9):
        walk = steps[1:] + memory * steps[:-1] + 3.0
        assert effective_dimension(walk @ walk.T) == pytest.approx(400, rel=0.1)


def test_effective_dimension_of_a_pure_drift_is_one():
    assert effective_dimension(np.ones((20, 20))) == 1.0


def test_what_cannot_be_measured_is_refused():
    gram = np.eye(5)
    for call, said in [
        (lambda: mean_squared_displacement(gram, stride=0), "stride"),
        (lambda: drift_removed_msd(np.eye(2)), "at least 4"),
        (lambda: effective_dimension(np.eye(3)), "at least 4"),
        (lambda: local_exponent([1, 2, 3], [1, 0, 2]), "positive"),
        (lambda: local_exponent([1, 3, 2], [1, 1, 2]), "increasing"),
        (lambda: local_exponent([1, 2, 3], [1, 2]), "one length"),
    ]:
        with pytest.raises(InputError, match=said):
            call()
