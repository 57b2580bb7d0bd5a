"""How an MSD scatters: against exact sums, and against the spread of many simulated walks."""

import cases
import numpy as np
import pytest
from scipy.stats import gamma, norm, t

from sgdwalk.diffusion.common_path import noise_and_path
from sgdwalk.diffusion.lags import logarithmic_selection
from sgdwalk.diffusion.local_scatter import local_inflation
from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.diffusion.pair_covariance import pair_covariance
from sgdwalk.diffusion.scatter import DRAWS, Scatter, ensemble_scatter, window_scatter
from sgdwalk.fits.pieces import slope_weights

STEPS = 199
INDEX = logarithmic_selection(np.arange(1.0, STEPS + 1)) + 1


def relaxation(rng, count, dimension, pull, far):
    """Steps of a walk of unit noise that begins `far` from the middle of the bowl it is in."""
    steps, place = np.empty((count, dimension)), np.full(dimension, far / np.sqrt(dimension))
    for step in steps:
        step[:] = rng.standard_normal(dimension) - pull * place
        place = place + step
    return steps


def kicked(rng, count, dimension, size, pulled_back=True):
    """A Brownian walk that in one step of 50 is kicked so many times as far, and pulled back."""
    steps = cases.brownian(rng, count, dimension)
    kicks = size * cases.brownian(rng, count, dimension) * (rng.random((count, 1)) < 0.02)
    kicks[-1] = 0.0
    steps += kicks
    if pulled_back:
        steps[1:] -= kicks[:-1]
    return steps


def grams(walk, count=STEPS, seeds=range(20)):
    """`walk` takes a generator and a number of steps."""
    return [cases.gram(walk(np.random.default_rng(seed), count)) for seed in seeds]


def log_msd(gram, index=INDEX):
    return np.log(mean_squared_displacement(gram)[1][index - 1])


# --- covariance of pairs


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.8])
def test_covariance_of_the_msd_is_that_of_quadratic_forms(hurst):
    """`MSD = x A x` of Gaussian positions of covariance K, so `cov = 2 tr(A K B K)`."""
    positions, index = 14, np.array([1, 2, 3, 6, 9, 13])
    curve = np.arange(2 * positions) ** (2 * hurst)
    i = np.arange(positions)
    k = (curve[i] + curve[i][:, None] - curve[np.abs(i - i[:, None])]) / 2
    forms = []
    for lag in index:
        pairs = np.eye(positions)[lag:] - np.eye(positions)[:-lag]
        forms.append(pairs.T @ pairs / (positions - lag) @ k)
    exact = [[2 * np.trace(a @ b) for b in forms] for a in forms]
    np.testing.assert_allclose(pair_covariance(index, curve, positions), exact, rtol=1e-10)


def test_covariance_of_a_brownian_walk_is_the_closed_form():
    """Qian, Sheetz and Elson 1991 at one lag; a lag and lag 1 have every step in common."""
    positions, index = 120, np.array([1, 2, 5, 17, 60])
    found = pair_covariance(index, np.arange(2.0 * positions), positions)
    pairs = positions - index
    variance = (4 * index**2 * pairs + 2 * pairs + index - index**3) / (3 * index * pairs**2)
    np.testing.assert_allclose(found.diagonal(), variance * index**2)
    np.testing.assert_allclose(found[0], 2 * index / (positions - 1))
    np.testing.assert_array_equal(found, found.T)


# --- what a fit takes from it


def normal(deviation, lags=1):
    """Scatter of errors that are normal, the same at all lags, and rest on one part."""
    draws = deviation * norm.ppf((np.arange(DRAWS) + 0.5) / DRAWS)
    each = np.ones(lags)
    return Scatter(deviation**2 * each, np.outer(draws, each), np.ones((1, lags)))


def test_an_interval_is_where_the_expectation_may_be():
    """A normal error: 1.96 deviations, but Student's 4 K degrees of freedom where K parts are."""
    for parts, factor in ((np.ones((1, 1)), t.ppf(0.975, 4)), (np.ones((1000, 1)), 1.96)):
        one = normal(0.1)
        found = Scatter(one.relative_variance, one.draws, parts).interval(3.0, np.ones(1))
        assert found.value == 3.0
        assert found.low == pytest.approx(3 - 0.1 * factor, abs=2e-3)
        assert found.high == pytest.approx(3 + 0.1 * factor, abs=2e-3)


def test_an_estimate_that_may_be_far_too_small_has_a_high_end():
    draws = np.concatenate([np.full(30, -1.0), np.linspace(-0.1, 0.1, 570)])[:, None]
    found = Scatter(np.ones(1), draws, np.ones((10**6, 1))).interval(0.0, np.ones(1))
    assert found.high == pytest.approx(1.0, abs=1e-3)
    assert found.low == pytest.approx(-0.1, abs=0.01)


def test_points_weigh_by_the_variance_of_their_logarithm():
    """Of a gamma variable of that relative variance; none is trusted to better than 1 %."""
    variance = np.array([0.0, 1e-4, 0.01, 0.3, 1.5])
    rng = np.random.default_rng(0)
    logs = [np.log(gamma.rvs(1 / v, scale=v, size=40000, random_state=rng)) for v in variance[1:]]
    weights = Scatter(variance, np.zeros((2, 5)), np.ones((1, 5))).weights
    assert weights[0] == pytest.approx(1e4, rel=1e-6)
    np.testing.assert_allclose(1 / weights[1:] - 1e-4, np.var(logs, axis=1), rtol=0.05)


def test_some_lags_of_a_scatter_are_those_lags():
    found = window_scatter(grams(lambda rng, n: cases.brownian(rng, n, 10))[0], INDEX)
    some = found.at(np.array([2, 5]))
    np.testing.assert_array_equal(some.draws, found.draws[:, [2, 5]])
    np.testing.assert_array_equal(some.weights, found.weights[[2, 5]])
    np.testing.assert_array_equal(some.parts, found.parts[:, [2, 5]])
    assert some.drifts is found.drifts


# --- one window

WALKS = {
    "brownian_1d": lambda rng, n: cases.brownian(rng, n, 1),
    "brownian_30d": lambda rng, n: cases.brownian(rng, n, 30),
    "brownian_1000d": lambda rng, n: cases.brownian(rng, n, 1000),
    "fractional_0.7": lambda rng, n: cases.fractional(rng, n, 100, 0.7),
    "confined": lambda rng, n: cases.ornstein_uhlenbeck(rng, n, 30, 0.1),
    "persistent": lambda rng, n: cases.autoregressive(rng, n, 30, 0.8),
    "drift": lambda rng, n: cases.brownian(rng, n, 30) + 0.3,
}


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_one_window_tells_how_windows_scatter(walk):
    """Standard deviations over 300 walks: of log MSD at each lag, of its slopes over some."""
    every = grams(walk, seeds=range(300))
    logs = np.array([log_msd(gram) for gram in every])
    draws = [window_scatter(gram, INDEX).draws for gram in every[:30]]
    for part in (slice(0, 7), slice(8, 15), slice(0, len(INDEX))):
        weights = slope_weights(np.log(INDEX[part]))
        said = np.mean([(one[:, part] @ weights).std() for one in draws])
        assert said == pytest.approx(np.std(logs[:, part] @ weights), rel=0.25)
    said = np.mean([one.std(axis=0) for one in draws], axis=0)
    one_dimension = (
        np.linalg.matrix_rank(every[0]) == 1
    )  # a tail of few squares is not that well known
    np.testing.assert_allclose(said, logs.std(axis=0), rtol=0.4 if one_dimension else 0.25)


def test_draws_are_of_gamma_variables():
    """As a sum of squares nearly is: of mean 1, the more skewed the fewer it has."""
    found = window_scatter(cases.gram(cases.brownian(np.random.default_rng(0), 49, 1)), INDEX[:12])
    few = found.relative_variance > 0.25
    assert few.any()
    assert not few.all()
    factors = np.exp(found.draws)
    np.testing.assert_allclose(factors.mean(axis=0), 1.0, atol=0.1)
    variance = found.relative_variance
    for shape, values in zip(1 / variance, found.draws.T, strict=True):
        wanted = np.log(gamma.ppf([0.1, 0.5, 0.9], shape, scale=1 / shape))
        spread = np.sqrt(1 / shape)
        np.testing.assert_allclose(np.quantile(values, [0.1, 0.5, 0.9]), wanted, atol=0.4 * spread)


def test_the_same_window_and_seed_give_the_same_draws():
    gram = grams(WALKS["brownian_30d"])[0]
    one, again, other = (window_scatter(gram, INDEX, seed).draws for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_units_do_not_matter():
    gram = grams(WALKS["drift"])[0]
    one, other = window_scatter(gram, INDEX), window_scatter(1e-12 * gram, INDEX)
    np.testing.assert_allclose(one.relative_variance, other.relative_variance, rtol=1e-6)
    np.testing.assert_allclose(one.draws, other.draws, rtol=1e-6, atol=1e-9)


# --- a path in common


@pytest.mark.parametrize(
    ("dimension", "pull", "far"), [(30, 0.03, 300), (300, 0.03, 1000), (1000, 0.1, 1000)]
)
def test_a_relaxation_from_afar_is_found_and_followed(dimension, pull, far):
    """`far (1 - (1 - pull)^t)` along one direction, to 10 % of the way."""
    time = np.arange(STEPS + 1)
    expected = far * (1 - (1 - pull) ** time)
    for gram in grams(lambda rng, n: relaxation(rng, n, dimension, pull, far)):
        found = noise_and_path(gram)
        assert found.last > 0
        distances = np.linalg.norm(found.path(), axis=1)
        np.testing.assert_allclose(distances, expected, atol=0.1 * far)
        assert window_scatter(gram, INDEX).drifts


def test_a_relaxation_leaves_the_spectrum_of_its_noise():
    """Far above the pull it is white, one per dimension, whatever the way is."""
    for far in (300, 3000):
        for gram in grams(
            lambda rng, n, far=far: relaxation(rng, n, 100, 0.03, far), seeds=range(5)
        ):
            power = noise_and_path(gram).noise.power(np.arange(120.0, 190.0))
            assert power.mean() == pytest.approx(100, rel=0.1)


@pytest.mark.parametrize("dimension", [30, 300])
def test_a_drift_is_found(dimension):
    """`v^2 T` of 18 beside noise of one per dimension: steady, and as long as it is."""
    for gram in grams(lambda rng, n: cases.brownian(rng, n, dimension) + 0.3):
        found = noise_and_path(gram)
        assert found.last == 0
        way = found.path()
        assert way.shape == (STEPS + 1, 1)
        np.testing.assert_allclose(np.diff(way[:, 0]), way[-1, 0] / STEPS)
        expected = 0.3 * np.sqrt(dimension) * STEPS
        assert np.abs(way[-1, 0]) == pytest.approx(
            expected, rel=4 / (0.3 * np.sqrt(dimension * STEPS))
        )


NOTHING_IN_COMMON = {
    "brownian": (cases.brownian, ()),
    "fractional_0.3": (cases.fractional, (0.3,)),
    "fractional_0.7": (cases.fractional, (0.7,)),
    "confined": (cases.ornstein_uhlenbeck, (0.1,)),
    "anticorrelated": (cases.autoregressive, (-0.6,)),
    "persistent": (cases.autoregressive, (0.8,)),
}


@pytest.mark.parametrize("dimension", [30, 300])
@pytest.mark.parametrize("name", NOTHING_IN_COMMON)
def test_walks_of_noise_alone_have_no_path_in_common(name, dimension):
    """But for a few: a wrong one in 20 is found in 4 of 20 or more walks once in 60 times."""
    way, arguments = NOTHING_IN_COMMON[name]
    found = [
        noise_and_path(gram).last
        for gram in grams(lambda rng, n: way(rng, n, dimension, *arguments))
    ]
    assert sum(last >= 0 for last in found) <= 3


# --- what short lags scatter by more


def inflation(gram, index):
    """As `window_scatter` takes it, of a walk without a path."""
    count = len(gram)
    distances = np.asarray(cases.squared_distances(gram))
    curve = np.arange(2.0 * count + 2)
    relative = pair_covariance(index, curve, count + 1) / np.outer(index, index)
    dimension = noise_and_path(gram).noise.dimension(np.array([count / 4]))
    root = np.linalg.cholesky(relative / dimension + 1e-12 * np.eye(len(index)))
    draws = np.random.default_rng(0).standard_normal((DRAWS, len(index))) @ root.T
    return local_inflation(distances, np.zeros((count + 1, 1)), index, draws)


@pytest.mark.parametrize("dimension", [3, 30, 300])
def test_a_gaussian_walk_scatters_as_one(dimension):
    index = logarithmic_selection(np.arange(1.0, 500.0)) + 1
    every = grams(lambda rng, n: cases.brownian(rng, n, dimension), 499)
    found = np.array([inflation(gram, index) for gram in every])
    assert found.min() == 1.0
    assert found.mean(axis=0).max() < 1.2
    assert found.max() < 1.7


def test_kicks_that_are_pulled_back_scatter_by_more_at_short_lags():
    index = logarithmic_selection(np.arange(1.0, 500.0)) + 1
    every = grams(lambda rng, n: kicked(rng, n, 30, 10.0), 499)
    found = np.mean([inflation(gram, index) for gram in every], axis=0)
    assert found[index <= 10].min() > 1.5
    assert found[index <= 10].max() > 3
    np.testing.assert_array_equal(found[index > 150], 1.0)


@pytest.mark.parametrize("first", [1, 2, 6])
def test_slopes_of_a_kicked_walk_scatter_as_said(first):
    """Of seven lags; a Gaussian walk of its spectrum scatters less than half as much."""
    index = logarithmic_selection(np.arange(1.0, 500.0)) + 1
    every = grams(lambda rng, n: kicked(rng, n, 30, 10.0), 499, range(100))
    part = slice(first, first + 7)
    weights = slope_weights(np.log(index[part]))
    seen = np.std([log_msd(gram, index)[part] @ weights for gram in every])
    said = np.mean([(window_scatter(g, index).draws[:, part] @ weights).std() for g in every[:20]])
    assert 0.5 * seen < said < 1.5 * seen


# --- ensembles


@pytest.mark.parametrize("walkers", [20, 50])
def test_an_ensemble_tells_how_ensembles_scatter(walkers):
    """Of 200 ensembles in a plane at 95 %, fewer than 180 hold 1 once in 900 times."""
    index, steps = np.array([1, 2, 3, 5, 8, 13, 21, 34, 50]), 100
    weights, held, deviations, logs = slope_weights(np.log(index)), 0, [], []
    for seed in range(200):
        places = np.random.default_rng(seed).standard_normal((walkers, steps, 2)).cumsum(axis=1)
        moved = (places[:, lag:] - places[:, :-lag] for lag in index)
        each = np.array([(2 * one**2).mean(axis=(1, 2)) for one in moved]).T
        found = ensemble_scatter(each, seed)
        logs.append(np.log(each.mean(axis=0)))
        interval = found.interval(weights @ logs[-1], weights)
        held += interval.low <= 1 <= interval.high
        deviations.append(found.draws.std(axis=0))
    assert held >= 180
    np.testing.assert_allclose(np.mean(deviations, axis=0), np.std(logs, axis=0), rtol=0.15)
