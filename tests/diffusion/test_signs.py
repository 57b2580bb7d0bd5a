"""Random signs: against walks flipped by hand, sums over all signs, and walks of known kinds."""

import warnings
from itertools import product

import cases
import numpy as np
import pytest

import sgdwalk.diffusion.signs as module
from sgdwalk.diffusion.lags import logarithmic_selection
from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.diffusion.signs import sign_null
from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import CheckedGram

BOTH = pytest.mark.parametrize("keep_drift", [False, True], ids=["about_zero", "about_drift"])
STEPS, SOME = 99, np.array([1, 2, 5, 12, 50])
# Of 60 walks of a level of 0.95, 51 or more are inside with a probability above 0.999.
REALISATIONS, AT_LEAST = 60, 51


def flipped(increments, signs, keep_drift):
    """Increments (n, dimension) with other signs."""
    if not keep_drift:
        return increments * signs[:, None]
    weights = module._drift_weights(cases.gram(increments))
    drift = weights @ increments
    turned = (increments - drift) * (signs / np.sqrt(1 - weights))[:, None]
    return drift + turned - weights @ turned


def msd_of(increments, lags):
    return mean_squared_displacement(cases.gram(increments))[1][lags - 1]


def msd_at(lag, increments):
    places = cases.positions(increments)
    return np.mean(np.sum((places[lag:] - places[:-lag]) ** 2, axis=1))


def whole(count):
    return logarithmic_selection(np.arange(1, count + 1)) + 1


def signs_of(seed, draws, count):
    return np.random.default_rng(seed).integers(0, 2, (draws, count)) * 2.0 - 1.0


def of_size(sizes, dimension):
    """A way to walk: independent steps of these sizes, or as many drawn at random."""

    def walk(rng, count):
        size = sizes(rng, count) if callable(sizes) else sizes
        return size[:, None] * cases.brownian(rng, count, dimension)

    return walk


def bursts(rng, count):
    return np.abs(cases.levy_flight(rng, count, 1, 1.5))[:, 0]


def volatile(rng, count):
    return np.exp(cases.autoregressive(rng, count, 1, 0.9))[:, 0]


SHRINKING = np.geomspace(1.0, 0.1, STEPS)
SCALES = np.random.default_rng(0).lognormal(sigma=1.0, size=30)
UNCORRELATED = {
    "constant_1d": of_size(np.ones(STEPS), 1),
    "constant_30d": of_size(np.ones(STEPS), 30),
    "shrinking_1d": of_size(SHRINKING, 1),
    "shrinking_30d": of_size(SHRINKING, 30),
    "shrinking_300d": of_size(SHRINKING, 300),
    "bursts_1d": of_size(bursts, 1),
    "bursts_30d": of_size(bursts, 30),
    "volatile_300d": of_size(volatile, 300),
    "skewed_1d": lambda rng, count: rng.exponential(size=(count, 1)) - 1,
    "skewed_30d": lambda rng, count: rng.exponential(size=(count, 30)) - 1,
    "unequal_scales": lambda rng, count: SCALES * of_size(SHRINKING, 30)(rng, count),
}
DRIFTING = {
    f"{name}_{drift}": cases.with_drift(UNCORRELATED[f"{name}d"], drift)
    for name in ("constant_1", "constant_30", "shrinking_30", "shrinking_300")
    for drift in (0.1, 0.5)
}
CORRELATED = {
    "confined_30d": lambda rng, count: cases.ornstein_uhlenbeck(rng, count, 30, 0.2),
    "confined_1d": lambda rng, count: cases.ornstein_uhlenbeck(rng, count, 1, 0.5),
    "persistent_30d": lambda rng, count: cases.autoregressive(rng, count, 30, 0.5),
    "persistent_1d": lambda rng, count: cases.autoregressive(rng, count, 1, 0.8),
}


def ways(walks):
    return pytest.mark.parametrize("walk", list(walks.values()), ids=list(walks))


def found_inside(walk, keep_drift):
    """How many of 60 walks are inside the band, and how many of their exponents the interval."""
    lags, inside, usual = whole(STEPS), 0, 0
    for seed in range(REALISATIONS):
        gram = cases.gram(walk(np.random.default_rng(seed), STEPS))
        msd = mean_squared_displacement(gram)[1][lags - 1]
        null = sign_null(gram, lags, seed=seed, keep_drift=keep_drift)
        slope = null.slope(1, STEPS)
        inside += null.inside(msd)
        usual += slope.low <= null.slope_of(msd, 1, STEPS) <= slope.high
    return inside, usual


# --- what it is


@BOTH
@cases.every_walk()
def test_curves_are_those_of_flipped_walks(walk, keep_drift):
    increments = walk(seed=0, steps=60)
    if not increments.any():
        with pytest.raises(InputError, match=r"^gram: the walk does not move[^\n]*$"):
            sign_null(cases.gram(increments), [1])
        return
    lags = np.arange(1, 61)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        null = sign_null(cases.gram(increments), lags, 40, seed=5, keep_drift=keep_drift)
    for curve, signs in zip(null.curves[:3], signs_of(5, 40, 60), strict=False):
        msd = cases.exact_msd(cases.positions(flipped(increments, signs, keep_drift)))
        np.testing.assert_allclose(curve, np.maximum(msd, null.smallest), rtol=1e-6)
    for name, values in cases.numbers(null):
        assert np.isfinite(values).all(), name
    assert np.all(null.low <= null.high)


@BOTH
@pytest.mark.parametrize("largest", [1, 2, 4, 7, 9])
def test_mean_and_spread_are_those_over_all_signs(keep_drift, largest, monkeypatch):
    unequal = np.array([3.0, 2.0, 4.0, 1.0, 5.0, 2.0, 2.0, 6.0, 1.0]) / 26.0
    monkeypatch.setattr(module, "_drift_weights", lambda gram: unequal)
    steps = np.random.default_rng(3).standard_normal((9, 2)) * np.geomspace(1, 20, 9)[:, None] + 2
    lags = np.arange(1, largest + 1)
    every = [
        msd_of(flipped(steps, np.array(signs), keep_drift), lags)
        for signs in product([-1.0, 1.0], repeat=9)
    ]
    null = sign_null(cases.gram(steps), lags, 40, keep_drift=keep_drift)
    np.testing.assert_allclose(null.mean, np.mean(every, axis=0), rtol=1e-12)
    variance = null.mean**2 * np.expm1(null.spread**2)
    expected = np.var(every, axis=0)
    np.testing.assert_allclose(variance, expected, rtol=1e-9, atol=1e-12 * null.mean.max() ** 2)


def test_mean_is_that_of_the_windows_squared_steps():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), 50, 3) + 1.0)
    sums = np.concatenate([[0.0], np.cumsum(gram.diagonal())])
    expected = [(sums[lag:] - sums[:-lag]).mean() for lag in range(1, 51)]
    np.testing.assert_allclose(sign_null(gram, np.arange(1, 51), 40).mean, expected, rtol=1e-12)


def test_a_walk_with_other_signs_has_the_same_null():
    """Mean and spread are, so that a walk is one of its null curves."""
    steps = cases.brownian(np.random.default_rng(0), STEPS, 4)
    other = flipped(steps, signs_of(1, 1, STEPS)[0], keep_drift=False)
    one, two = (sign_null(cases.gram(each), SOME) for each in (steps, other))
    np.testing.assert_allclose(one.mean, two.mean, rtol=1e-12)
    np.testing.assert_allclose(one.spread, two.spread, rtol=1e-12)


def test_at_lag_one_signs_change_nothing():
    gram = cases.gram(UNCORRELATED["bursts_30d"](np.random.default_rng(0), STEPS))
    null = sign_null(gram, SOME)
    for curve in (null.low, null.high, mean_squared_displacement(gram)[1][SOME - 1]):
        assert curve[0] == pytest.approx(null.mean[0], rel=1e-12)
    assert np.all(null.low[1:] < null.mean[1:])
    assert np.all(null.mean[1:] < null.high[1:])


@pytest.mark.parametrize("drift", [0.0, 0.1])
def test_steps_weigh_in_the_drift_by_what_is_known_of_their_variance(drift):
    rng = np.random.default_rng(0)
    expected = SHRINKING**-2 / np.sum(SHRINKING**-2)
    for dimension, tolerance in [(3000, 0.15), (30, 1.0)]:
        steps = SHRINKING[:, None] * cases.brownian(rng, STEPS, dimension) + drift
        np.testing.assert_allclose(
            module._drift_weights(cases.gram(steps)), expected, rtol=tolerance
        )
    # Nothing is known where sizes are one another's equals, or in no order.
    for dimension in (1, 30, 3000):
        for walk in (of_size(np.ones(STEPS), dimension), of_size(bursts, dimension)):
            weights = module._drift_weights(cases.gram(walk(rng, STEPS) + drift))
            np.testing.assert_allclose(weights, 1 / STEPS)


def test_a_step_that_is_not_there_does_not_decide_upon_the_drift():
    steps = SHRINKING[:, None] * cases.brownian(np.random.default_rng(0), STEPS, 300) + 0.1
    before = module._drift_weights(cases.gram(steps))
    steps[40] = 0.0
    after = module._drift_weights(cases.gram(steps))
    np.testing.assert_allclose(np.delete(after / before, 40), 1.0, rtol=0.5)
    assert np.isfinite(sign_null(cases.gram(steps), SOME, keep_drift=True).curves).all()


def test_a_kept_drift_is_kept():
    """Where steps weigh alike, signs change nothing at the largest lag; nor on a straight line."""
    steps = cases.brownian(np.random.default_rng(0), STEPS, 3) + 0.7
    null = sign_null(cases.gram(steps), [1, 50, STEPS], keep_drift=True)
    end = np.sum(steps.sum(axis=0) ** 2)
    for curve in (null.mean, null.low, null.high, *null.curves):
        assert curve[-1] == pytest.approx(end, rel=1e-9)
    assert null.mean[0] == pytest.approx(np.mean(np.sum(steps**2, axis=1)))

    line = np.tile([3.0, 4.0], (STEPS, 1))
    null = sign_null(cases.gram(line), SOME, keep_drift=True)
    for curve in (null.mean, null.low, null.high, *null.curves):
        np.testing.assert_allclose(curve, 25.0 * SOME**2, rtol=1e-9)
    assert null.inside(msd_of(line, SOME))
    slope = null.slope(1, 50)
    assert slope.low < null.slope_of(msd_of(line, SOME), 1, 50) < slope.high
    assert slope.value == pytest.approx(2.0)


@BOTH
def test_a_walk_back_at_its_start_is_no_trouble(keep_drift):
    steps = cases.zigzag(np.random.default_rng(0), 20, np.array([3.0, 4.0]))
    lags = np.arange(1, 21)
    null = sign_null(cases.gram(steps), lags, keep_drift=keep_drift)
    msd = msd_of(steps, lags)
    assert msd[-1] == 0
    assert not null.inside(msd)
    assert np.isfinite(null.deviations(msd)).all()
    assert np.isfinite(null.slope_of(msd, 1, 20))


# --- what it says


@BOTH
@ways(UNCORRELATED)
def test_uncorrelated_steps_of_any_size_are_inside_at_the_level(walk, keep_drift):
    inside, usual = found_inside(walk, keep_drift)
    assert inside >= AT_LEAST
    assert usual >= AT_LEAST


@ways(DRIFTING)
def test_steps_about_a_drift_are_inside_where_it_is_kept(walk):
    inside, usual = found_inside(walk, keep_drift=True)
    assert inside >= AT_LEAST
    assert usual >= AT_LEAST


@BOTH
@ways(CORRELATED)
def test_correlated_steps_are_outside(walk, keep_drift):
    inside, _ = found_inside(walk, keep_drift)
    assert inside <= REALISATIONS // 6


def test_a_drift_that_is_not_kept_is_correlation():
    inside, usual = found_inside(DRIFTING["constant_30_0.5"], keep_drift=False)
    assert inside == usual == 0


@pytest.mark.parametrize("name", ["shrinking_30d", "shrinking_300d"])
def test_random_order_is_no_null_of_steps_that_shrink(name):
    """It spreads large steps over the window: its band misses the walk, at a single lag already."""
    inside = 0
    for seed in range(REALISATIONS):
        rng = np.random.default_rng(seed)
        steps = UNCORRELATED[name](rng, STEPS)
        orders = [msd_at(STEPS // 8, rng.permutation(steps)) for _ in range(100)]
        low, high = np.quantile(orders, [0.025, 0.975])
        inside += low <= msd_at(STEPS // 8, steps) <= high
    assert inside < AT_LEAST


# --- how it says so


@BOTH
def test_the_band_holds_95_percent_of_whole_curves(keep_drift):
    gram = cases.gram(UNCORRELATED["shrinking_30d"](np.random.default_rng(0), STEPS))
    null = sign_null(gram, SOME, draws=200, keep_drift=keep_drift)
    rounding = 1e-9 * null.mean
    within = (null.low - rounding <= null.curves) & (null.curves <= null.high + rounding)
    inside = [null.inside(curve) for curve in null.curves]
    np.testing.assert_array_equal(inside, within.all(axis=1))
    assert sum(inside) == 191  # and so 191 of 201, with the walk that is judged
    assert within.mean(axis=0).min() > 0.955  # at each lag it is wider than a band of that lag


def test_inside_is_a_p_value_above_5_percent():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), STEPS, 5))
    null = sign_null(gram, SOME)
    others = sign_null(gram, SOME, draws=400, seed=1).curves
    p = np.array([null.p_value(curve) for curve in others])
    np.testing.assert_array_equal(p > 0.05, [null.inside(curve) for curve in others])
    assert p.min() >= 1 / 201
    assert p.max() <= 1
    assert np.mean(p) == pytest.approx(0.5, abs=0.06)
    assert null.p_value(null.mean) > 0.9


def test_deviations_are_standard_scores_above_and_below():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), STEPS, 30))
    null = sign_null(gram, SOME, draws=2000)
    found = null.deviations(null.curves)[:, 1:]
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=0.1)
    np.testing.assert_allclose(found.std(axis=0), 1.0, atol=0.1)
    assert (null.deviations(2 * null.mean) > 0).all()
    assert (null.deviations(null.mean / 2) < 0).all()


def test_slopes_are_least_squares_over_the_lags_asked_for():
    steps = cases.brownian(np.random.default_rng(0), STEPS, 5)
    null = sign_null(cases.gram(steps), SOME)
    x = np.log(SOME[1:4])
    each = np.polyfit(x, np.log(null.curves[:, 1:4]).T, 1)[0]
    slope = null.slope(2 + 1e-12, 12 - 1e-12)  # lags in steps over the stride are not exact
    assert slope.value == pytest.approx(each.mean())
    assert np.sum((each < slope.low) | (each > slope.high)) == 10
    msd = msd_of(steps, SOME)
    assert null.slope_of(msd, 2, 12) == pytest.approx(np.polyfit(x, np.log(msd[1:4]), 1)[0])
    assert null.slope_of(SOME**1.3, 1, 50) == pytest.approx(1.3)


@BOTH
def test_it_depends_on_gram_matrix_and_seed_alone(keep_drift):
    gram = cases.gram(cases.brownian(np.random.default_rng(0), STEPS, 5))
    null = sign_null(gram, SOME, 60, 3, keep_drift)
    again = sign_null(CheckedGram(gram), list(SOME), 60, 3, keep_drift)
    np.testing.assert_array_equal(null.curves, again.curves)
    np.testing.assert_array_equal(null.high, again.high)
    longer = sign_null(gram, whole(STEPS), 60, 3, keep_drift)
    at = np.isin(longer.lags, SOME)
    np.testing.assert_allclose(longer.curves[:, at], null.curves[:, np.isin(SOME, longer.lags)])
    larger = sign_null(1e-20 * gram, SOME, 60, 3, keep_drift)
    np.testing.assert_allclose(larger.high, 1e-20 * null.high, rtol=1e-6)
    assert not np.array_equal(null.curves, sign_null(gram, SOME, 60, 4, keep_drift).curves)


def test_what_cannot_be_had_is_refused():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), 20, 5))
    null = sign_null(gram, [1, 2, 4, 10])
    for call, said in [
        (lambda: sign_null(gram, [1, 2], draws=39), "draws: 39"),
        (lambda: sign_null(gram, [0, 2]), "within 1 to 20"),
        (lambda: sign_null(gram, [1, 21]), "within 1 to 20"),
        (lambda: sign_null(gram, [2, 2]), "must increase"),
        (lambda: sign_null(gram, []), "whole numbers"),
        (lambda: sign_null(gram, [1.0, 2.5]), "whole numbers"),
        (lambda: sign_null(gram, 3), "whole numbers"),
        (lambda: sign_null(gram[:5], [1]), "square"),
        (lambda: sign_null(np.zeros((5, 5)), [1]), "does not move"),
        (lambda: sign_null([[4.0]], [1], keep_drift=True), "at least 2"),
        (lambda: null.inside([1.0, 2.0]), "of 4 lags"),
        (lambda: null.p_value([1.0, 2.0, 3.0, np.nan]), "finite"),
        (lambda: null.deviations([1.0, 2.0, 3.0, -4.0]), "not negative"),
        (lambda: null.slope(3, 5), "1 lags from 3 to 5"),
        (lambda: null.slope_of([1.0, 2.0, 3.0, 4.0], 11, 20), "0 lags"),
    ]:
        with pytest.raises(InputError, match=said) as refusal:
            call()
        assert "\n" not in str(refusal.value)
