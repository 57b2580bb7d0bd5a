import cases
import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.geometry.velocity import reversal_fraction, turning_cosine, velocity_autocorrelation


def test_a_brownian_walk_remembers_nothing():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), 999, 20))
    for curve in (velocity_autocorrelation(gram), turning_cosine(gram), reversal_fraction(gram)):
        assert np.mean(np.abs(curve.value - curve.null) < 2.26 * curve.error) > 0.88
    assert curve.null == pytest.approx(0.5, abs=0.01)
    # Independent products in 20 dimensions: 1 / sqrt(20 n).
    error = velocity_autocorrelation(gram).error
    np.testing.assert_allclose(error.mean(), 1 / np.sqrt(20 * 875), rtol=0.15)


def test_fractional_noise_has_its_known_autocorrelation():
    hurst, lag = 0.75, np.arange(1, 6)
    increments = cases.fractional(np.random.default_rng(1), 999, 300, hurst)
    gram = cases.gram(increments)
    curve = velocity_autocorrelation(gram, stride=10, largest_lag=5)
    expected = ((lag + 1) ** 1.5 + (lag - 1) ** 1.5) / 2 - lag**1.5
    np.testing.assert_allclose(curve.value, expected, atol=0.01)
    np.testing.assert_array_equal(curve.lag, 10 * lag)
    np.testing.assert_allclose(turning_cosine(gram, largest_lag=5).value, expected, atol=0.01)


def test_reversals_follow_the_arcsine_law():
    # Two Gaussians of correlation rho differ in sign with probability arccos(rho) / pi.
    increments = cases.fractional(np.random.default_rng(2), 4000, 1, 0.3)
    curve = reversal_fraction(cases.gram(increments), largest_lag=3)
    rho = 2 ** (2 * 0.3 - 1) - 1
    assert curve.value[0] == pytest.approx(np.arccos(rho) / np.pi, abs=3 * curve.error[0])
    assert curve.value[0] > curve.null + 5 * curve.error[0]


def test_a_zigzag_reverses_at_every_odd_lag():
    gram = cases.gram((-1.0) ** np.arange(101)[:, None] * np.array([[3.0, 4.0]]))
    np.testing.assert_allclose(reversal_fraction(gram, largest_lag=4).value, [1, 0, 1, 0])
    np.testing.assert_allclose(velocity_autocorrelation(gram, largest_lag=4).value, [-1, 1, -1, 1])
    np.testing.assert_allclose(turning_cosine(gram, largest_lag=4).value, [-1, 1, -1, 1])


def test_drift_is_in_the_null():
    increments = cases.brownian(np.random.default_rng(3), 499, 10) + 1.0
    curve = velocity_autocorrelation(cases.gram(increments))
    assert curve.null == pytest.approx(0.5, abs=0.05)
    assert np.mean(curve.value) == pytest.approx(curve.null, abs=0.01)


def test_nulls_are_means_over_all_pairs():
    increments = cases.brownian(np.random.default_rng(4), 40, 2)
    increments[7] = 0
    gram = cases.gram(increments)
    off = ~np.eye(40, dtype=bool)
    moving = np.maximum(np.linalg.norm(increments, axis=1), 1e-300)
    assert velocity_autocorrelation(gram).null == pytest.approx(
        gram[off].mean() / gram.diagonal().mean()
    )
    assert reversal_fraction(gram).null == pytest.approx(((1 - np.sign(gram[off])) / 2).mean())
    cosine = gram / moving / moving[:, None]
    assert turning_cosine(gram).null == pytest.approx(cosine[off].mean())


def test_bad_input_is_named():
    with pytest.raises(InputError, match="does not move"):
        velocity_autocorrelation(np.zeros((30, 30)))
    with pytest.raises(InputError, match="largest lag 30"):
        turning_cosine(np.eye(30), largest_lag=30)
