"""Regimes of known curves and walks; how often intervals hold the truth is in test_coverage."""

import cases
import numpy as np
import pytest
from scipy.special import chdtri, stdtrit

from sgdwalk.diffusion.lags import logarithmic_selection
from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.diffusion.regimes import Regimes, Segment, fit_regimes, lags_to_fit, reported
from sgdwalk.diffusion.scatter import Scatter
from sgdwalk.diffusion.window import fit_window
from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate

CURVES = [
    ((0.8,), ()),
    ((0.7, 1.4), (30,)),
    ((1.4, 0.7), (40,)),
    ((0.8, 1.4, 0.6), (10, 80)),
    ((1.0, 1.3, 0.9), (8, 60)),
]
LAGS = np.arange(1, 500)


def power_law(lags, exponents, crossovers=(), scale=0.02):
    """Continuous piecewise power law."""
    x = np.log(lags)
    y = np.log(scale) + exponents[0] * x
    for before, after, crossover in zip(exponents, exponents[1:], crossovers, strict=False):
        y = y + (after - before) * np.maximum(x - np.log(crossover), 0.0)
    return np.exp(y)


def white(size, error=0.01, draws=400):
    """Scatter of points that err each for itself."""
    noise = error * np.random.default_rng(0).standard_normal((draws, size))
    return Scatter(np.full(size, error**2), noise, np.eye(size))


def ols(lags, msd, first, last):
    chosen = logarithmic_selection(lags)
    part = chosen[(lags[chosen] >= first) & (lags[chosen] <= last)]
    return np.polyfit(np.log(lags[part]), np.log(msd[part]), 1)[0]


@pytest.mark.parametrize(("exponents", "crossovers"), CURVES)
@pytest.mark.parametrize("known", [False, True], ids=["scatter unknown", "scatter known"])
def test_one_to_three_regimes_are_recovered(exponents, crossovers, known):
    msd = power_law(LAGS, exponents, crossovers)
    fit = fit_regimes(LAGS, msd, white(lags_to_fit(LAGS).size) if known else None)
    assert [s.exponent.value for s in fit.segments] == pytest.approx(exponents, abs=0.04)
    found = [s.first_lag for s in fit.segments[1:]]
    assert found == pytest.approx(crossovers, rel=0.15)  # on the nearest lag
    for segment in fit.segments:
        slope = ols(LAGS, msd, segment.first_lag, segment.last_lag)
        assert segment.exponent.value == pytest.approx(slope, abs=1e-9)
        assert segment.misfit < 0.02
        if known:
            assert segment.exponent.low < segment.exponent.value < segment.exponent.high
        else:
            assert np.isnan([segment.exponent.low, segment.misfit_expected]).all()
            assert not segment.bends
    assert fit.crossover_lag.defined is bool(crossovers)
    if known and crossovers:
        assert fit.crossover_lag.low < crossovers[-1] < fit.crossover_lag.high
    assert fit.largest_lag == 250


@pytest.mark.parametrize(
    ("exponents", "crossovers"),
    [((0.8,), ()), ((0.7, 1.4), (29,)), ((0.8, 1.4, 0.6), (10, 63)), ((1.0, 1.3, 0.9), (9, 73))],
)
@pytest.mark.parametrize("known", [False, True], ids=["scatter unknown", "scatter known"])
@pytest.mark.parametrize("stride", [1, 10])
def test_power_laws_that_change_on_a_lag_are_found_exactly(exponents, crossovers, known, stride):
    lags, msd = stride * LAGS, power_law(LAGS, exponents, crossovers)
    fit = fit_regimes(lags, msd, white(30) if known else None)
    ends = stride * np.array([1, *crossovers, 250])
    np.testing.assert_allclose([s.first_lag for s in fit.segments], ends[:-1])
    np.testing.assert_allclose([s.last_lag for s in fit.segments], ends[1:])
    np.testing.assert_allclose([s.exponent.value for s in fit.segments], exponents)
    assert float(fit.exponent_max) == pytest.approx(max(exponents))
    assert max(s.misfit for s in fit.segments) < 1e-9
    np.testing.assert_allclose(fit.fitted, msd[np.rint(fit.lags / stride).astype(int) - 1])
    if crossovers:
        assert fit.crossover_lag.value == pytest.approx(ends[-2])


def wave(size):
    """A power law and a wave of `size` about it, root mean square about its own line."""
    x = np.log(LAGS)
    shape = np.sin(2 * np.pi * x / x[249])
    chosen = lags_to_fit(LAGS)
    line = np.polyval(np.polyfit(x[chosen], shape[chosen], 1), x[chosen])
    return np.exp(x + size * shape / np.sqrt(np.mean((shape[chosen] - line) ** 2)))


def test_a_curve_of_unknown_scatter_is_one_piece_within_two_percent():
    one, more = fit_regimes(LAGS, wave(0.0195)), fit_regimes(LAGS, wave(0.0205))
    assert one.regimes == 1
    assert one.segments[0].misfit == pytest.approx(0.0195)
    assert more.regimes > 1
    assert max(segment.misfit for segment in more.segments) < 0.02


def test_a_curve_of_unknown_scatter_has_three_pieces_at_most():
    fit = fit_regimes(LAGS, wave(0.4))
    assert fit.regimes == 3
    assert max(segment.misfit for segment in fit.segments) > 0.02


def test_intervals_and_misfits_of_independent_points_are_those_of_a_straight_line():
    """`s / sqrt(Sxx)` and `s sqrt(chi2 / m)` of m - 2 degrees of freedom."""
    error, x = 0.01, np.log(LAGS[lags_to_fit(LAGS)])
    fit = fit_regimes(LAGS, power_law(LAGS, (0.9,)), white(x.size, error, draws=20_000))
    (segment,) = fit.segments
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    freedom = 4 * np.sum(weights**2) ** 2 / np.sum(weights**4)
    half = stdtrit(freedom, 0.975) * error * np.sqrt(np.sum(weights**2))
    assert segment.exponent.high - 0.9 == pytest.approx(half, rel=0.03)
    assert 0.9 - segment.exponent.low == pytest.approx(half, rel=0.03)
    expected = error * np.sqrt(chdtri(x.size - 2, 0.05) / x.size)
    assert segment.misfit_expected == pytest.approx(expected, rel=0.02)
    assert not segment.bends


def test_lags_that_somebody_selected_are_all_used_and_longest_ones_left_out():
    chosen = LAGS[lags_to_fit(LAGS)]
    some = chosen[chosen % 2 == 0]
    assert fit_regimes(some, power_law(some, (0.8,))).lags.tolist() == some.tolist()
    fit = fit_regimes(LAGS, power_law(LAGS, (0.8, 1.4), (60,)), largest_lag=50)
    assert fit.largest_lag == 50
    assert fit.exponent_max.value == pytest.approx(0.8)


def test_lags_in_steps_of_a_stride_move_the_crossover_and_nothing_else():
    gram = cases.gram(cases.with_drift(lambda r, n: r.standard_normal((n, 30)), 0.3)(
        np.random.default_rng(3), 299))  # fmt: skip
    one, ten = fit_window(gram, 1)[0], fit_window(gram, 10)[0]
    assert one.regimes == ten.regimes > 1
    assert ten.crossover_lag.value == pytest.approx(10 * one.crossover_lag.value)
    assert ten.crossover_lag.high == pytest.approx(10 * one.crossover_lag.high)
    for a, b in zip(one.segments, ten.segments, strict=True):
        assert (a.exponent.low, a.misfit) == pytest.approx((b.exponent.low, b.misfit))


@pytest.mark.parametrize(
    ("hurst", "exponent"), [(0.3, 0.6), (0.5, 1.0), (0.8, 1.6)], ids=["sub", "brownian", "super"]
)
def test_a_walk_of_known_exponent_has_one_regime(hurst, exponent):
    increments = cases.fractional(np.random.default_rng(1), 499, 1000, hurst)
    fit, scatter = fit_window(cases.gram(increments))
    assert fit.regimes == 1
    assert fit.exponent_short == fit.exponent_max == fit.exponent_long
    assert fit.exponent_long.value == pytest.approx(exponent, abs=0.02)
    assert not fit.crossover_lag.defined
    assert not scatter.drifts


def test_a_ballistic_walk_has_exponent_two():
    noise = np.random.default_rng(2).standard_normal((299, 50))
    fit, scatter = fit_window(cases.gram(np.ones((299, 50)) + 1e-3 * noise))
    assert fit.regimes == 1
    assert fit.exponent_max.value == pytest.approx(2.0, abs=0.005)
    assert scatter.drifts


def test_the_answer_is_repeated_up_to_a_quarter_of_the_window():
    fit = fit_regimes(LAGS, power_law(LAGS, (0.8, 1.4, 0.6), (10, 80)))
    assert fit.quarter.largest_lag <= 125
    assert fit.exponent_long.value < 0.7 < 1.1 < fit.quarter.exponent_long.value  # ends at 125
    assert fit.quarter.quarter is None


def test_a_curve_that_bends_says_so_and_one_that_does_not_does_not():
    """A bowl whose curve turns over 50 steps; and steps that do not know each other.

    At 5 %, more than 9 of 70 segments bend once in 400 times.
    """
    bent, straight = [], []
    for seed in range(20):
        bowl = cases.ornstein_uhlenbeck(np.random.default_rng(seed), 299, 1000, 0.02)
        bent.append([s.bends for s in fit_window(cases.gram(bowl))[0].segments])
    for seed in range(66):
        free = cases.brownian(np.random.default_rng(seed), 299, 300)
        straight += [s.bends for s in fit_window(cases.gram(free))[0].segments]
    assert all(any(segments) for segments in bent)
    assert len(straight) <= 76
    assert sum(straight) <= 9


def regimes_of(*estimates):
    segments = tuple(Segment(e, 1.0, 4.0, 0.0, 0.0) for e in estimates)
    return Regimes(segments, Estimate.undefined(), np.ones(4), np.ones(4), None)


def test_an_exponent_that_says_nothing_is_left_empty_with_its_reason():
    narrow, wide = Estimate(0.5, 0.4, 0.6), Estimate(1.8, 1.2, 2.3)
    found, missing = reported(regimes_of(narrow, wide))
    assert found["exponent_short"] == found["exponent_max"] == narrow
    assert not found["exponent_long"].defined
    assert "1.20 to 2.30" in missing["exponent_long"]
    assert set(missing) == {"exponent_long"}
    found, missing = reported(regimes_of(wide))
    assert not any(estimate.defined for estimate in found.values())
    assert set(missing) == set(found)


def test_a_walk_in_one_dimension_leaves_most_cells_empty_and_says_why():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), 100, 1))
    found, missing = reported(fit_window(gram)[0])
    assert all(estimate.defined or missing[name] for name, estimate in found.items())


def test_what_cannot_be_fitted_is_refused_in_one_line():
    for lags, msd, scatter, said in [
        ([1, 2, 3], [1, 2, 3], None, "at least 4"),
        ([1, 2, 3, 4], [1, 2, 3], None, "one length"),
        ([0, 1, 2, 3], [1, 2, 3, 4], None, "positive"),
        ([1, 2, 2, 3], [1, 2, 3, 4], None, "increasing"),
        ([1, 2, 3, 4], [1, 2, np.nan, 4], None, "finite"),
        ([10, 11, 12, 13, 15], [1, 2, 3, 4, 5], None, "factor of 3"),
        ([1, 2, 3, 4, 5], [1, 2, 0, 4, 5], None, "positive at every lag"),
        (LAGS, LAGS, white(3), "scatter: of 3 lags"),
    ]:
        with pytest.raises(InputError, match=said) as refusal:
            fit_regimes(lags, msd, scatter)
        assert "\n" not in str(refusal.value)
    lags, msd = mean_squared_displacement(np.eye(5))
    with pytest.raises(InputError, match="at least 4"):
        fit_regimes(lags, msd)
