import numpy as np
import pytest
from scipy import stats

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import interval, jackknife_error
from sgdwalk.fits.power_law import fit_power_law, replicate_exponents


def test_an_exact_power_law_is_recovered():
    x = np.geomspace(2, 300, 12)
    fit = fit_power_law(x, 3 * x**1.7)
    assert fit.exponent.value == pytest.approx(1.7, rel=1e-10)
    assert fit.prefactor == pytest.approx(3, rel=1e-10)
    assert (fit.fit_low, fit.fit_high) == pytest.approx((2, 300))
    np.testing.assert_allclose(fit(x), 3 * x**1.7)


def test_scatter_interval_is_that_of_linear_regression():
    rng = np.random.default_rng(1)
    x = np.geomspace(1, 100, 15)
    y = x**0.8 * np.exp(0.1 * rng.standard_normal(15))
    fit = fit_power_law(x, y)
    peer = stats.linregress(np.log(x), np.log(y))
    half = stats.t.ppf(0.975, 13) * peer.stderr
    assert fit.exponent.value == pytest.approx(peer.slope, rel=1e-12)
    assert fit.exponent.high - fit.exponent.value == pytest.approx(half, rel=1e-9)


def test_jackknife_of_a_mean_is_its_standard_error():
    sample = np.random.default_rng(2).standard_normal(40)
    without = (sample.sum() - sample) / 39
    assert jackknife_error(without) == pytest.approx(stats.sem(sample), rel=1e-12)


def test_common_noise_of_all_points_leaves_the_exponent_certain():
    x = np.geomspace(1, 100, 10)
    factors = np.exp(0.2 * np.random.default_rng(3).standard_normal(8))
    fit = fit_power_law(x, x, replicates=factors[:, None] * x)
    assert fit.exponent.high - fit.exponent.low < 1e-10


def test_imprecise_points_weigh_less():
    x = np.geomspace(1, 100, 10)
    y = x.copy()
    y[0] = 10.0  # far off, and known to be uncertain
    replicates = np.repeat(y[None], 6, axis=0)
    replicates[:, 0] *= np.exp(np.linspace(-3, 3, 6))
    assert fit_power_law(x, y, replicates).exponent.value == pytest.approx(1, abs=0.01)
    assert fit_power_law(x, y).exponent.value < 0.8
    assert (
        replicate_exponents(x, y, replicates)[0] == fit_power_law(x, y, replicates).exponent.value
    )


def test_a_common_shift_widens_the_interval():
    x = np.geomspace(1, 100, 10)
    replicates = np.repeat(x[None], 6, axis=0)
    fit = fit_power_law(x, x, replicates, shift=np.full(10, 0.5))
    assert fit.exponent.high > 1.1 > fit.exponent.value


def test_too_few_points_give_nan():
    fit = fit_power_law(np.array([1.0, 2, 3]), np.array([1.0, -2, 3]))
    assert fit.points == 2
    assert np.isnan(fit.exponent.value)


def test_estimates_are_carried_through_falling_functions():
    assert Estimate(2, 1, 4).map(lambda x: 2 / x) == Estimate(1, 0.5, 2)


def test_interval_is_student_s():
    assert interval(1.0, 0.1, 9).high == pytest.approx(1 + 0.1 * stats.t.ppf(0.975, 9))


def test_shapes_are_checked():
    with pytest.raises(InputError, match="power law"):
        fit_power_law(np.ones(3), np.ones(4))
