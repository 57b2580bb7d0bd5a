import cases
import numpy as np
import pytest

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.errors import InputError
from sgdwalk.geometry.ageing import ageing, ergodicity_breaking


def test_ageing_is_the_msd_of_each_window():
    rng = np.random.default_rng(0)
    grams = [cases.gram(cases.brownian(rng, 120, 3)) for _ in range(4)]
    result = ageing(grams, [0, 1200, 2400, 3600], [10, 50], stride=10)
    for window, gram in enumerate(grams):
        lags, msd = mean_squared_displacement(gram, stride=10)
        np.testing.assert_allclose(result.msd[window], msd[np.isin(lags, [10, 50])])
    np.testing.assert_allclose(result.stationary, result.msd.mean(axis=0))


def test_a_scaled_brownian_walk_ages_as_known():
    rng = np.random.default_rng(1)
    increments = cases.scaled_brownian(rng, 4000, 100, 0.3)
    grams = [cases.gram(increments[a : a + 399]) for a in range(400, 4000, 400)]
    result = ageing(grams, range(400, 4000, 400), [1, 4, 16])
    for fit in result.fits:
        assert fit.exponent.value == pytest.approx(2 * 0.3 - 1, abs=0.06)
        assert fit.exponent.high < 0


def test_errors_cover_a_stationary_walk():
    rng = np.random.default_rng(2)
    grams = [cases.gram(cases.brownian(rng, 499, 5)) for _ in range(40)]
    result = ageing(grams, range(0, 20000, 500), [1, 20])
    off = np.abs(result.msd - 5 * result.lag) / result.error
    assert np.all(np.mean(off < 2.26, axis=0) > 0.8)
    for fit in result.fits:
        assert abs(fit.exponent.value) < 0.1


def test_ergodicity_of_brownian_walks_is_as_known():
    rng = np.random.default_rng(3)
    grams = [cases.gram(cases.brownian(rng, 200, 1)) for _ in range(400)]
    result = ergodicity_breaking(grams, [2, 8, 32], stride=2)
    np.testing.assert_allclose(result.breaking, result.brownian, rtol=0.35)
    assert np.all((result.low < result.brownian) & (result.brownian < result.high))


def test_brownian_null_has_its_known_limit():
    grams = [np.eye(5000)[:10, :10]] * 3
    assert ergodicity_breaking(grams, [10]).brownian == pytest.approx(2)  # one chi-square
    grams = [cases.gram(np.ones((1000, 1)))] * 3
    result = ergodicity_breaking(grams, [1, 40], dimension=5)
    assert result.brownian[0] == pytest.approx(2 / 1000 / 5)
    assert result.brownian[1] == pytest.approx(4 * 40 / (3 * 1000) / 5, rel=0.05)
    np.testing.assert_allclose(result.breaking, 0, atol=1e-20)


def test_seeds_of_unlike_pace_break_ergodicity():
    rng = np.random.default_rng(4)
    pace = rng.lognormal(sigma=0.5, size=12)
    grams = [p * cases.gram(cases.brownian(rng, 300, 50)) for p in pace]
    result = ergodicity_breaking(grams, [1, 10], dimension=50)
    assert np.all(result.low > result.brownian)
    np.testing.assert_allclose(result.breaking, pace.var(ddof=1) / pace.mean() ** 2, rtol=0.1)


def test_bad_input_is_named():
    gram = np.eye(20)
    with pytest.raises(InputError, match="three or more"):
        ergodicity_breaking([gram, gram], [1])
    with pytest.raises(InputError, match="multiples of 10"):
        ageing([gram], [0], [15], stride=10)
    with pytest.raises(InputError, match="starts"):
        ageing([gram], [0, 100], [1])
