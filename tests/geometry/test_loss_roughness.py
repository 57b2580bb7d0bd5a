from pathlib import Path

import cases
import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import contour_lengths, squared_distances
from sgdwalk.geometry.loss_roughness import loss_roughness, mean_squared_loss_difference
from sgdwalk.geometry.smooth_losses import RESOLUTION, SmoothLandscape, thinned

REFERENCE = Path(__file__).parents[1] / "data" / "trajectory_statistics.npz"


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.8])
def test_a_free_walker_measures_the_roughness_of_its_landscape(hurst):
    estimates = [
        mean_squared_loss_difference(*cases.free_walk(seed, hurst)).hurst for seed in range(8)
    ]
    assert np.mean([e.value for e in estimates]) == pytest.approx(hurst, abs=0.04)
    # 95 % intervals: fewer than six of eight has a chance below one in a hundred.
    assert sum(e.low < hurst < e.high for e in estimates) >= 6


def test_roughness_in_the_plane():
    values = [
        mean_squared_loss_difference(*cases.free_walk(seed, 0.3, dimension=2)).hurst.value
        for seed in range(8)
    ]
    assert np.mean(values) == pytest.approx(0.3, abs=0.06)


def test_a_straight_walk_over_a_fractional_brownian_line():
    loss = cases.fractional(np.random.default_rng(4), 1000, 1, 0.7)[:, 0].cumsum()
    contour = contour_lengths(np.ones((999, 999)))
    hurst = mean_squared_loss_difference(contour, loss).hurst
    assert hurst.low < 0.7 < hurst.high
    assert hurst.high - hurst.low < 0.3


def bowl_walk(seed, length=300):
    """Positions in three dimensions and their losses in a bowl of unequal curvatures."""
    rng = np.random.default_rng(seed)
    places = cases.brownian(rng, length, 3).cumsum(axis=0)
    return places, np.sum((places - [20.0, 0, 0]) ** 2 * [1.0, 2, 3], axis=1) / 2


def test_a_quadratic_bowl_is_smooth_and_its_own_null():
    places, loss = bowl_walk(5)
    gram = cases.gram_of_positions(places)
    smooth = SmoothLandscape(gram, loss)
    # Only one quadratic of three dimensions goes through them.
    draws = smooth.draws(np.random.default_rng(0), 5)
    np.testing.assert_allclose(draws, np.tile(loss, (5, 1)), atol=1e-4 * loss.std())
    assert smooth.remainder_p == pytest.approx(0.5)
    distance = np.sqrt(squared_distances(gram))
    curve = loss_roughness(distance, distance, loss, smooth, seed=0)
    assert curve.null.value == pytest.approx(curve.hurst.value, abs=1e-3)
    assert curve.p == pytest.approx(0.5, abs=0.2)
    np.testing.assert_allclose(curve.smooth[0], curve.msl, rtol=1e-2)


def test_a_rough_landscape_lies_below_its_smooth_null():
    rng = np.random.default_rng(6)
    places, _ = bowl_walk(6)
    gram = cases.gram_of_positions(places)
    loss = cases.rough_landscape(rng, 3, 0.5)(places)
    distance = np.sqrt(squared_distances(gram))
    curve = loss_roughness(distance, distance, loss, SmoothLandscape(gram, loss), seed=0)
    assert curve.hurst.low < 0.5 < curve.hurst.high
    assert curve.hurst.value < curve.null.low
    assert curve.p < 0.02


def test_noise_on_a_bowl_is_told_from_roughness_by_its_variance():
    places, clean = bowl_walk(7)
    gram = cases.gram_of_positions(places)
    spread = np.std(np.diff(clean))
    loss = clean + spread * np.random.default_rng(7).standard_normal(clean.size)
    variance = np.full(clean.size, spread**2)
    assert SmoothLandscape(gram, loss).remainder_p < 1e-6
    assert SmoothLandscape(gram, loss, variance).remainder_p > 0.05
    assert SmoothLandscape(gram, loss, variance / 4).remainder_p < 1e-6
    assert SmoothLandscape(gram, loss, variance / 1.3, 0.3).remainder_p > 0.05
    draws = SmoothLandscape(gram, loss, variance).draws(np.random.default_rng(8), 50)
    off = draws - clean
    assert off.var() == pytest.approx(spread**2, rel=0.2)


def test_the_null_does_not_depend_on_the_units_of_positions_or_losses():
    places, loss = bowl_walk(9, 60)
    loss = loss + np.random.default_rng(9).standard_normal(60)
    found = []
    for size, height in ((1.0, 1.0), (1e-4, 1e3)):
        gram = cases.gram_of_positions(size * places)
        smooth = SmoothLandscape(gram, height * loss)
        distance = np.sqrt(squared_distances(gram))
        curve = loss_roughness(distance, distance, height * loss, smooth, seed=1)
        found.append((smooth.remainder_p, curve.null.value, curve.hurst.low, curve.p))
    np.testing.assert_allclose(*found, rtol=1e-2)


def test_long_windows_are_drawn_at_some_of_their_positions():
    np.testing.assert_array_equal(thinned(11, 5), [0, 3, 6, 9])
    np.testing.assert_array_equal(thinned(5, 5), range(5))
    places, loss = bowl_walk(10, 700)
    gram = cases.gram_of_positions(places)
    smooth = SmoothLandscape(gram, loss)
    np.testing.assert_array_equal(smooth.positions, np.arange(0, 700, 2))
    np.testing.assert_allclose(
        smooth.draws(np.random.default_rng(0), 1)[0],
        loss[::2],
        atol=1e3 * np.sqrt(RESOLUTION) * loss.std(),
    )


def noisy_walk(seed):
    """A walk over H = 0.5, with minibatch noise as large as the loss difference of one step."""
    distance, clean = cases.free_walk(seed, 0.5)
    noise = np.sqrt(np.mean(np.diff(clean) ** 2))
    loss = clean + noise * np.random.default_rng([1, seed]).standard_normal(clean.size)
    return distance, clean, loss, np.full(clean.size, noise**2)


def test_the_noise_floor_is_subtracted_and_bins_below_it_are_limits():
    distance, clean, loss, variance = noisy_walk(0)
    raw = mean_squared_loss_difference(distance, loss)
    curve = mean_squared_loss_difference(distance, loss, variance)
    truth = mean_squared_loss_difference(distance, clean)
    np.testing.assert_allclose(curve.floor, 2 * variance[0])
    np.testing.assert_allclose(curve.msl + curve.floor, raw.msl)
    known = np.isfinite(curve.msl_error)
    off = np.abs(curve.msl - truth.msl)[known] / curve.msl_error[known]
    assert np.mean(off < 3) > 0.9
    assert curve.upper_limit.any()
    assert not truth.upper_limit.any()
    doubted = mean_squared_loss_difference(distance, loss, variance, noise_relative_error=0.25)
    assert doubted.upper_limit.sum() > curve.upper_limit.sum()
    assert np.all(doubted.msl_error[known] > curve.msl_error[known])


def test_roughness_survives_minibatch_noise_once_the_floor_is_subtracted():
    raw, corrected = [], []
    for seed in range(6):
        distance, _, loss, variance = noisy_walk(seed)
        raw.append(mean_squared_loss_difference(distance, loss).hurst.value)
        corrected.append(mean_squared_loss_difference(distance, loss, variance).hurst.value)
    assert np.mean(raw) < 0.35
    assert np.mean(corrected) == pytest.approx(0.5, abs=0.08)


def test_noise_alone_has_no_roughness():
    rng = np.random.default_rng(7)
    distance, _ = cases.free_walk(7, 0.5)
    curve = mean_squared_loss_difference(distance, rng.standard_normal(1000), np.ones(1000))
    known = np.isfinite(curve.msl_error)
    assert curve.upper_limit[known].mean() > 0.8
    assert np.mean(curve.msl_upper[known] > 0) == 1


def test_pairs_are_those_of_the_original():
    """One squared difference per pair there; here their mean in bins, over the same pairs."""
    with np.load(REFERENCE) as data:
        weights, loss = data["weights"], data["loss"]
        distance, difference = data["pair_distance"], data["pair_squared_loss_difference"]
    ours = np.sqrt(squared_distances(cases.gram_of_positions(weights)))
    curve = mean_squared_loss_difference(ours, loss, bins=8)
    assert curve.pairs.sum() == distance.size
    ends = np.cumsum(curve.pairs)  # the original's list is sorted by distance, as bins are
    means = [part.mean() for part in np.split(difference, ends[:-1])]
    np.testing.assert_allclose(curve.msl, means, rtol=1e-4)
    np.testing.assert_allclose(
        curve.separation, [part.mean() for part in np.split(distance, ends[:-1])], rtol=1e-4
    )


def test_bad_input_is_named():
    distance, loss = np.ones((30, 30)), np.zeros(30)
    with pytest.raises(InputError, match=r"\(T, T\)"):
        mean_squared_loss_difference(distance, loss[:-1])
    with pytest.raises(InputError, match="finite"):
        mean_squared_loss_difference(distance, np.full(30, np.nan))
    with pytest.raises(InputError, match="noise_variance"):
        mean_squared_loss_difference(distance, loss, -np.ones(30))
    for gram, losses in ((np.eye(29), loss), (np.zeros((29, 29)), np.arange(30.0))):
        with pytest.raises(InputError, match="smooth landscape"):
            SmoothLandscape(gram, losses)
    with pytest.raises(InputError, match="smooth landscape"):
        SmoothLandscape(np.eye(15), np.arange(16.0))
