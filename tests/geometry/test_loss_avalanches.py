import numpy as np
import pytest
from scipy.stats import binom

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import contour_lengths
from sgdwalk.geometry.loss_avalanches import (
    after_longest,
    find_avalanches,
    loss_increments,
    moving_variance,
)


def loss_with_bursts():
    increments = np.full(100, 0.1) * (-1.0) ** np.arange(100)
    increments[10:13] = [5.0, -4.0, 3.0]
    increments[40] = -6.0
    increments[70:75] = [3.5, 3.0, -3.0, -3.0, 2.5]
    return np.concatenate([[1.0], 1 + np.cumsum(increments)])


def test_runs_are_found_with_their_sizes():
    found = find_avalanches(loss_with_bursts(), 0)
    np.testing.assert_array_equal(found.start, [10, 40, 70])
    np.testing.assert_array_equal(found.duration, [3, 1, 5])
    np.testing.assert_allclose(found.size, [12, 6, 15])
    np.testing.assert_array_equal(found.peak, [10, 40, 70])
    assert found.threshold == pytest.approx(np.std(np.abs(np.diff(loss_with_bursts())), ddof=1))
    assert found.mean_duration.value == 3


def test_runs_at_both_ends_count():
    loss = np.concatenate([[0, 9], 9 + 0.01 * np.arange(50), [-9.0]])
    np.testing.assert_array_equal(find_avalanches(loss, 0).start, [0, 51])


def test_independent_losses_are_inside_of_the_null_in_19_of_20():
    """Their neighbouring increments share a loss: runs are longer than of independent ones."""
    rng = np.random.default_rng(0)
    results = [find_avalanches(rng.standard_normal(300), seed) for seed in range(200)]
    nulls = [r.reordered_mean_duration for r in results]
    pairs = zip(results, nulls, strict=True)
    inside = sum(n.low <= r.mean_duration.value <= n.high for r, n in pairs)
    assert binom.ppf(1e-3, 200, 0.95) <= inside <= binom.ppf(1 - 1e-3, 200, 0.95)
    # |dL| of Gaussian dL exceeds its standard deviation, sqrt(1 - 2 / pi), with probability 0.5466.
    assert np.mean([n.value for n in nulls]) > 1.02 / (1 - 0.5466)


def test_clustered_volatility_exceeds_the_null():
    rng = np.random.default_rng(1)
    volatility = np.repeat(rng.choice([0.1, 2.0], 150, p=[0.8, 0.2]), 20)
    result = find_avalanches((volatility * rng.standard_normal(3000)).cumsum(), 0)
    assert result.mean_duration.value > result.reordered_mean_duration.high


def test_a_calm_loss_has_no_avalanches():
    result = find_avalanches(np.zeros(50), 0)
    assert result.duration.size == 0
    assert np.isnan(result.mean_duration.value)


def test_what_follows_the_longest():
    loss = loss_with_bursts()
    contour = contour_lengths(4 * np.ones((100, 100)))
    longest, second = after_longest(find_avalanches(loss, 0), loss, contour, count=2, steps=30)
    assert (longest.peak, longest.duration, second.peak) == (70, 5, 10)
    np.testing.assert_allclose(longest.contour, 2 * np.arange(31))
    np.testing.assert_allclose(longest.loss, loss[70:])
    np.testing.assert_allclose(second.increment, np.abs(np.diff(loss[10:41])))
    assert second.increment[0] == pytest.approx(5)
    last = after_longest(find_avalanches(loss, 0), loss, contour)[0]
    assert last.loss.size == 31  # the window ends before fifty steps


def test_moving_variance_is_that_of_each_window():
    loss = np.random.default_rng(2).standard_normal(250)
    result = moving_variance(loss, 100)
    assert result.shape == (151,)
    np.testing.assert_allclose(result[37], np.var(loss[37:137], ddof=1))


def test_bad_losses_are_named():
    with pytest.raises(InputError, match="finite"):
        loss_increments(np.array([1.0, np.inf, 2.0, 3.0]))
    with pytest.raises(InputError, match="window 100"):
        moving_variance(np.ones(50), 100)
    with pytest.raises(InputError, match="contour"):
        after_longest(find_avalanches(np.arange(50.0), 0), np.arange(50.0), np.ones((3, 3)))
