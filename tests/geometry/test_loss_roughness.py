from pathlib import Path

import cases
import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import contour_lengths, principal_components, squared_distances
from sgdwalk.geometry.loss_roughness import mean_squared_loss_difference, quadratic_loss

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


def test_a_quadratic_bowl_is_smooth_and_its_own_null():
    rng = np.random.default_rng(5)
    positions = cases.brownian(rng, 500, 3).cumsum(axis=0)
    gram = cases.gram_of_positions(positions)
    distance = np.sqrt(squared_distances(gram))
    minimum = np.array([200.0, 0, 0])
    loss = np.sum((positions - minimum) ** 2 * [1.0, 2, 3], axis=1) / 2
    curve = mean_squared_loss_difference(distance, loss)
    assert curve.hurst.value == pytest.approx(1, abs=0.1)
    null = quadratic_loss(principal_components(gram, 3)[0], loss)
    np.testing.assert_allclose(null, loss, rtol=1e-8)


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
    with pytest.raises(InputError, match="quadratic"):
        quadratic_loss(np.ones((5, 3)), np.ones(5))
