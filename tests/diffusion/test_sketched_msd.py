"""The MSD of a sketched walk, and how far it is from that of the walk itself."""

import numpy as np
import pytest
import torch
from cases import brownian, every_walk, exact_msd, ornstein_uhlenbeck, positions, with_drift

from sgdwalk.diffusion import sketched_msd as module
from sgdwalk.diffusion.lags import logarithmic_selection
from sgdwalk.diffusion.sketched_msd import sketch_scatter, sketched_msd
from sgdwalk.recording.sketch import Buckets

SEEDS = range(100)


def chosen_of(count):
    return np.unique(np.geomspace(1, count, 12).astype(int))


def assert_is_msd_of(increments, rtol=1e-10):
    """At every lag, of all coordinates together and of each."""
    chosen = chosen_of(len(increments))
    found = sketched_msd(increments, chosen)
    places = positions(np.asarray(increments, float))
    each = np.array([exact_msd(places[:, [i]]) for i in range(places.shape[1])])
    atol = 1e-12 * each.max()
    np.testing.assert_allclose(found.msd, each.sum(axis=0), rtol, atol)
    np.testing.assert_allclose(found.coordinates, each[:, chosen - 1], rtol, atol)


# --- the curve


@every_walk()
def test_every_lag_is_as_defined(walk):
    assert_is_msd_of(walk(seed=0, steps=150))


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 33, 34, 64])
def test_walks_of_few_steps_have_all_their_lags(count):
    assert_is_msd_of(brownian(np.random.default_rng(0), count, 5))


def test_one_number_is_enough():
    assert_is_msd_of(brownian(np.random.default_rng(0), 200, 1))


def test_float32_increments_are_added_up_in_float64():
    steps = brownian(np.random.default_rng(0), 400, 6).astype(np.float32)
    assert_is_msd_of(steps + np.float32(100))


def test_a_walk_at_rest_has_moved_by_nothing():
    found = sketched_msd(np.zeros((300, 4)), np.array([1, 200]))
    assert not found.msd.any()
    assert not found.coordinates.any()


def test_sums_of_a_long_straight_walk_cancel_by_little():
    """Squares of positions are 30,000 times the displacements that are left of them at lag 33."""
    steps = np.tile([3.0, 4.0], (20_000, 1))
    found = sketched_msd(steps, np.array([1, 40]))
    lags = np.arange(1.0, len(steps) + 1)
    np.testing.assert_allclose(found.msd, 25 * lags**2, rtol=1e-9)


def test_a_confined_walk_far_from_its_start_keeps_its_plateau():
    rng = np.random.default_rng(0)
    steps = ornstein_uhlenbeck(rng, 5000, 3, 0.3)
    steps[0] += 1e3
    lags = [1, 32, 33, 100, 2500]
    found = sketched_msd(steps, np.array(lags))
    places = positions(steps)
    for lag in lags:
        exact = ((places[lag:] - places[:-lag]) ** 2).sum(axis=1).mean()
        assert found.msd[lag - 1] == pytest.approx(exact, rel=1e-8)


def test_coordinates_are_taken_a_few_at_a_time(monkeypatch):
    steps = brownian(np.random.default_rng(0), 90, 7)
    whole = sketched_msd(steps, chosen_of(90))
    monkeypatch.setattr(module, "_AT_A_TIME", 3 * 91)
    parts = sketched_msd(steps, chosen_of(90))
    np.testing.assert_allclose(parts.msd, whole.msd, rtol=1e-12)
    np.testing.assert_array_equal(parts.coordinates, whole.coordinates)


# --- its error


def sketches(steps, k, seeds=SEEDS):
    """(seeds, n, k) of the increments of a walk, by the maps of many seeds."""
    count, size = steps.shape
    found = np.empty((len(seeds), count, k))
    for number, seed in enumerate(seeds):
        buckets = Buckets(size, k, seed, torch.float64, torch.device("cpu"))
        for step, numbers in zip(torch.from_numpy(steps), found[number], strict=True):
            buckets.add(step, 0)
            numbers[:] = buckets.take().numpy()
    return found


def few_directions(rng, count):
    return brownian(rng, count, 3) @ rng.standard_normal((3, 500))


SKETCHED = {
    "isotropic": lambda rng, count: brownian(rng, count, 500),
    "drifting": with_drift(lambda rng, count: brownian(rng, count, 500), np.linspace(-1, 1, 500)),
    "few directions": few_directions,
    "straight": lambda rng, count: np.tile(rng.standard_normal(500), (count, 1)),
    "unequal scales": lambda rng, count: brownian(rng, count, 500) * np.geomspace(1, 1e-3, 500),
    "one parameter": lambda rng, count: brownian(rng, count, 1) * (np.arange(500) == 7),
}


@pytest.mark.parametrize(("k", "least"), [(16, 0.8), (64, 0.9)])
@pytest.mark.parametrize("name", SKETCHED)
def test_the_walks_own_msd_is_within_what_the_sketch_adds(name, k, least):
    """Sixteen coordinates say too little of how their sum scatters: 0.86 to 0.88 at the worst."""
    steps = SKETCHED[name](np.random.default_rng(0), 120)
    lags = logarithmic_selection(np.arange(1.0, 121)) + 1
    exact = np.log(exact_msd(positions(steps))[lags - 1])
    inside = np.zeros((len(SEEDS), len(lags)))
    for row, sketched in zip(inside, sketches(steps, k), strict=True):
        found = sketched_msd(sketched, lags)
        scatter = sketch_scatter(found.coordinates)
        assert (scatter.relative_variance <= 2 / k).all()
        ends = np.quantile(scatter.draws, (0.025, 0.975), axis=0)
        high, low = np.log(found.msd[lags - 1]) - ends
        row[:] = (low <= exact) & (exact <= high)
    assert inside.mean(axis=0).min() >= least


def test_errors_are_of_independent_coordinates_up_to_the_bound():
    alike = 1 + 0.01 * np.random.default_rng(0).standard_normal((50, 4))
    found = sketch_scatter(alike)
    of_mean = alike.var(axis=0, ddof=1) / 50 / alike.mean(axis=0) ** 2
    np.testing.assert_allclose(found.relative_variance, of_mean, rtol=1e-9)
    np.testing.assert_allclose(found.draws.var(axis=0), of_mean, rtol=0.2)
    bound = sketch_scatter(np.where(np.arange(50)[:, None] == 7, 1.0, np.zeros((50, 4))))
    np.testing.assert_array_equal(bound.relative_variance, 2 / 50)


def test_where_few_parameters_move_errors_are_finite():
    """Most of what is drawn lacks the only coordinates that move."""
    moving = np.zeros((64, 5))
    moving[[3, 9]] = [[1.0], [2.0]]
    found = sketch_scatter(moving)
    np.testing.assert_array_equal(found.relative_variance, 2 / 64)
    assert np.isfinite(found.draws).all()
    assert np.quantile(found.draws, 0.975) > 0 > np.quantile(found.draws, 0.025)
