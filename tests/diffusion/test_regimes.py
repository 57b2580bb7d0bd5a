"""Regimes of known curves and walks, and how often the intervals hold the truth."""

import cases
import numpy as np
import pytest

from sgdwalk.diffusion import regimes
from sgdwalk.diffusion.covariance import brownian_covariance, msd_covariance
from sgdwalk.diffusion.lags import logarithmic_selection
from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.diffusion.window import fit_window
from sgdwalk.errors import InputError
from sgdwalk.geometry.effective_dimension import effective_dimension


def power_law(lags, exponents, crossovers=(), scale=0.02):
    """Continuous piecewise power law."""
    x = np.log(lags)
    y = np.log(scale) + exponents[0] * x
    for before, after, crossover in zip(exponents, exponents[1:], crossovers, strict=False):
        y = y + (after - before) * np.maximum(x - np.log(crossover), 0.0)
    return np.exp(y)


def fitted_window(gram):
    lags, msd = mean_squared_displacement(gram)
    return fit_window(lags, msd, effective_dimension(gram))[0]


@pytest.mark.parametrize(
    ("hurst", "exponent"), [(0.3, 0.6), (0.5, 1.0), (0.8, 1.6)], ids=["sub", "brownian", "super"]
)
def test_a_walk_of_known_exponent_has_one_regime(hurst, exponent):
    increments = cases.fractional(np.random.default_rng(1), 499, 1000, hurst)
    fit = fitted_window(cases.gram(increments))
    assert fit.regimes == 1
    assert fit.exponent_short == fit.exponent_max == fit.exponent_long
    assert fit.exponent_long.value == pytest.approx(exponent, abs=0.01)
    crossover = fit.crossover_lag
    assert np.isnan([crossover.value, crossover.low, crossover.high]).all()
    assert fit.largest_lag == 250


def test_a_ballistic_walk_has_exponent_two():
    noise = np.random.default_rng(2).standard_normal((299, 50))
    increments = np.ones((299, 50)) + 1e-3 * noise
    fit = fitted_window(cases.gram(increments))
    assert fit.regimes == 1
    assert fit.exponent_max.value == pytest.approx(2.0, abs=0.005)


CURVES = [
    ((0.8,), ()),
    ((0.7, 1.4), (30,)),
    ((1.4, 0.7), (40,)),
    ((0.8, 1.4, 0.6), (10, 80)),
    ((1.0, 1.3, 0.9), (8, 60)),
]


@pytest.mark.parametrize(("exponents", "crossovers"), CURVES)
@pytest.mark.parametrize("given", ["whole window", "selection", "covariance"])
def test_one_to_three_regimes_are_recovered(exponents, crossovers, given):
    lags = np.arange(1, 500)
    msd = power_law(lags, exponents, crossovers)
    covariance = None
    if given != "whole window":
        chosen = logarithmic_selection(lags)
        lags, msd = lags[chosen], msd[chosen]
    if given == "covariance":
        covariance = msd_covariance(lags, msd, 1000, 500)
    fit = regimes.fit_regimes(lags, msd, covariance)
    found = [segment.exponent.value for segment in fit.segments]
    assert found == pytest.approx(exponents, abs=0.01)
    assert [segment.first_lag for segment in fit.segments[1:]] == pytest.approx(
        crossovers, rel=0.02
    )
    for segment, exponent in zip(fit.segments, exponents, strict=True):
        assert segment.exponent.low < exponent < segment.exponent.high
    if crossovers:
        low, high = fit.crossover_lag.low, fit.crossover_lag.high
        assert low < crossovers[-1] < high
    np.testing.assert_allclose(fit.fitted, power_law(fit.lags, exponents, crossovers), rtol=0.02)


def ends(estimate):
    return estimate.low, estimate.high


def test_lags_in_steps_of_a_stride_move_the_crossover_and_nothing_else():
    lags = np.arange(1, 500)
    msd = power_law(lags, (0.7, 1.4), (30,))
    one, ten = regimes.fit_regimes(lags, msd), regimes.fit_regimes(10 * lags, msd)
    assert ten.crossover_lag.value == pytest.approx(10 * one.crossover_lag.value)
    assert ends(ten.exponent_short) == pytest.approx(ends(one.exponent_short))
    gram = cases.gram(cases.brownian(np.random.default_rng(3), 199, 100))
    lags, msd = mean_squared_displacement(gram)
    one, ten = (fit_window(stride * lags, msd, 100.0)[0] for stride in (1, 10))
    assert ends(ten.exponent_long) == pytest.approx(ends(one.exponent_long))


def test_exponent_max_is_of_the_steepest_segment():
    fit = regimes.fit_regimes(np.arange(1, 500), power_law(np.arange(1, 500), *CURVES[3]))
    assert fit.exponent_max == fit.segments[1].exponent
    assert fit.crossover_lag.value == fit.segments[2].first_lag


def test_the_answer_is_repeated_for_shorter_lags():
    lags = np.arange(1, 1000)
    fit = regimes.fit_regimes(lags, power_law(lags, (0.8, 1.4, 0.6), (10, 80)))
    half, quarter = fit.shorter
    assert fit.largest_lag == 500
    assert half.largest_lag == pytest.approx(250, rel=0.16)
    assert quarter.largest_lag == pytest.approx(125, rel=0.16)
    assert (fit.regimes, half.regimes, quarter.regimes) == (3, 3, 2)
    assert quarter.exponent_long.value == pytest.approx(1.4, abs=0.05)  # 80 to 125 is no regime
    assert half.shorter == quarter.shorter == ()


def test_a_bend_below_the_model_error_is_no_regime():
    lags = np.arange(1, 500)
    bent = power_law(lags, (1.0,)) * (1 + 0.005 * np.cos(np.log(lags)))
    chosen = logarithmic_selection(lags)
    tiny = msd_covariance(lags[chosen], bent[chosen], 1e6, 500)
    assert regimes.fit_regimes(lags[chosen], bent[chosen], tiny).regimes == 1


def test_one_segment_only_where_the_lags_span_less_than_a_decade():
    lags = np.arange(1.0, 9.0)
    fit = regimes.fit_regimes(lags, power_law(lags, (0.5, 1.5), (3,)), largest_lag=8)
    assert np.isinf(fit.criterion[1:]).all()
    assert fit.regimes == 1


def test_brownian_covariance_is_that_of_a_gaussian_walk_with_linear_msd():
    lags = np.array([1, 2, 7, 30, 90, 180, 260, 299])
    np.testing.assert_allclose(
        msd_covariance(lags, 3.0 * lags, 4.0, 300), brownian_covariance(lags, 300) / 4, rtol=1e-10
    )


@pytest.mark.parametrize("hurst", [0.3, 0.8])
def test_msd_covariance_is_the_scatter_of_simulated_walks(hurst):
    """600 walks in 30 dimensions: standard deviations to 8 %, correlations to 0.1."""
    lags = np.array([1, 3, 10, 30, 60])
    rng = np.random.default_rng(4)
    walks = (cases.positions(cases.fractional(rng, 119, 30, hurst)) for _ in range(600))
    logs = np.log([cases.exact_msd(walk)[lags - 1] for walk in walks]).T
    seen = np.cov(logs)
    predicted = msd_covariance(lags, lags ** (2 * hurst), 30.0, 120)
    spread = np.sqrt(predicted.diagonal())
    np.testing.assert_allclose(spread, np.sqrt(seen.diagonal()), rtol=0.08)
    np.testing.assert_allclose(predicted / np.outer(spread, spread), np.corrcoef(logs), atol=0.1)


def test_msd_covariance_of_all_lags_agrees_with_that_of_some():
    lags = np.arange(1, 200)
    every = msd_covariance(lags, lags**0.8, 10.0, 200)
    some = np.array([0, 4, 20, 99])
    exact = msd_covariance(lags[some], lags[some] ** 0.8, 10.0, 200)
    np.testing.assert_allclose(every[np.ix_(some, some)], exact, rtol=0.05)
    assert np.linalg.eigvalsh(every)[0] > -1e-12


@pytest.mark.parametrize("dimensions", [1, 1000])
def test_intervals_hold_the_truth_at_their_nominal_rate(dimensions):
    """Windows of 200 steps, H = 0.3, 0.5 and 0.8 in equal parts.

    At 95 % fewer than 52 of 60 intervals hold the truth three times in a thousand; the errors in
    units of the claimed standard error have a spread of 1 to about 0.1.
    """
    generator = np.random.default_rng(5)
    errors, held, single = [], 0, 0
    for hurst in (0.3, 0.5, 0.8):
        for _ in range(20):
            increments = cases.fractional(generator, 199, dimensions, hurst)
            fit = fitted_window(cases.gram(increments))
            low, high = fit.exponent_long.low, fit.exponent_long.high
            held += low <= 2 * hurst <= high
            single += fit.regimes == 1
            low, high = fit.exponent_short.low, fit.exponent_short.high
            errors.append((fit.exponent_short.value - 2 * hurst) / ((high - low) / 3.92))
    assert held >= 52
    assert single >= 56
    assert 0.75 < np.sqrt(np.mean(np.square(errors))) < 1.3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([1, 2, 3, 4], [1, 2, 3]), "one length"),
        (([0, 1, 2, 3], [1, 2, 3, 4]), "positive"),
        (([1, 2, 3, 4], [1, 2, np.nan, 4]), "finite"),
        (([1, 2, 3], [1, 2, 3]), "at least 4"),
        (([10, 11, 12, 13, 15], [1, 2, 3, 4, 5]), "factor of 3"),
        (([1, 2, 4, 8], [1, 2, 3, 4], np.eye(3)), "covariance: shape"),
        (([1, 2, 4, 8], [1, 2, 3, 4], np.triu(np.ones((4, 4)))), "symmetric"),
        (([1, 2, 4, 8], [1, 2, 3, 4], np.full((4, 4), np.nan)), "finite"),
        (([1, 2, 4, 8], [1, 2, 3, 4], -np.eye(4)), "variances"),
    ],
)
def test_what_cannot_be_fitted_is_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        regimes.fit_regimes(*arguments)


def test_covariance_of_lags_outside_the_window_is_refused():
    for call, said in [
        (lambda: msd_covariance([1, 5], [1, 2], 0.5, 10), "effective_dimension"),
        (lambda: msd_covariance([1, 10], [1, 2], 2.0, 10), "within"),
        (lambda: msd_covariance([10, 25], [1, 2], 2.0, 10, stride=10), "stride"),
        (lambda: brownian_covariance([1, 10], 10), "within"),
    ]:
        with pytest.raises(InputError, match=said):
            call()
