"""Every analysis of diffusion meets every walk: right, or refused in one line."""

import warnings

import cases
import numpy as np
import pytest

from sgdwalk.diffusion.msd import (
    drift_removed_msd,
    mean_squared_displacement,
    squared_displacement,
)
from sgdwalk.diffusion.window import analyse_diffusion
from sgdwalk.errors import InputError
from sgdwalk.geometry.surrogates import shuffled_msd

SEEDS = range(20)
WITH_MSD = [walk for walk in cases.WALKS if walk.msd is not None]
WITH_EXPONENT = [walk for walk in cases.WALKS if walk.exponent is not None]
# Twice the lag, twice the MSD: no increment knows of another but by the drift.
WITHOUT_MEMORY = [
    walk
    for walk in WITH_MSD
    if np.isclose(walk.msd(2) - 4 * walk.drift, 2 * (walk.msd(1) - walk.drift))
]


def msd_of(increments):
    return mean_squared_displacement(cases.gram(increments))[1]


def assert_near(values, expected, rounding=0.0):
    """Assert that the mean of (n, ...) values is as expected, within five standard errors."""
    error = np.std(values, axis=0, ddof=1) / np.sqrt(len(values))
    off = np.abs(np.mean(values, axis=0) - expected)
    np.testing.assert_array_less(off, 5 * error + rounding + 1e-12)


@cases.every_walk()
def test_msd_is_that_of_the_positions(walk):
    increments = walk(seed=0)
    places, gram = cases.positions(increments), cases.gram(increments)
    exact = cases.exact_msd(places)
    lags, msd = mean_squared_displacement(gram)
    np.testing.assert_array_equal(lags, np.arange(1, len(places)))
    np.testing.assert_allclose(msd, exact, rtol=1e-10)
    from_first = ((places[1:] - places[0]) ** 2).sum(axis=1)
    np.testing.assert_allclose(
        squared_displacement(gram)[1], from_first, rtol=1e-10, atol=1e-14 * from_first.max()
    )


@cases.every_walk(WITH_MSD)
def test_msd_is_the_expected_one(walk):
    expected = walk.msd(np.arange(1, 121))
    assert_near([msd_of(walk(seed)) for seed in SEEDS], expected, 1e-12 * expected)


@cases.every_walk(WITHOUT_MEMORY)
def test_drift_is_removed_and_nothing_else(walk):
    lags, msd = np.arange(1, 31), walk.msd(np.arange(1, 31))
    found = [drift_removed_msd(cases.gram(walk(seed)))[1] for seed in SEEDS]
    assert_near(found, msd - walk.drift * lags**2, 1e-12 * msd)


@cases.every_walk(WITH_EXPONENT)
def test_a_power_law_has_its_exponent(walk):
    lags = np.array([1, 2, 4, 8])
    slopes = [np.polyfit(np.log(lags), np.log(msd_of(walk(s))[lags - 1]), 1)[0] for s in SEEDS]
    assert_near(slopes, walk.exponent)


@cases.every_walk()
def test_shuffling_leaves_the_first_lag_and_the_last(walk):
    gram = cases.gram(walk(seed=3))
    null, msd = shuffled_msd(gram), mean_squared_displacement(gram)[1]
    np.testing.assert_allclose(null[[0, -1]], msd[[0, -1]], rtol=1e-9, atol=1e-9 * msd.max())


def without_noise(count):
    """Ways of which most modes are rounding, by name: (count, dimension) increments."""
    time = np.arange(count)
    jumps, first, pulled_back = np.zeros((3, count, 2))
    jumps[[0, -1]], first[:3] = 1.0, cases.brownian(np.random.default_rng(0), 3, 2)
    pulled_back += cases.brownian(np.random.default_rng(1), count, 2)
    pulled_back[count // 2] += 1e4
    pulled_back[count // 2 + 1] -= 1e4
    return {
        "half_a_wave": np.sin(np.pi * (time + 1) / (count + 1))[:, None] * [3.0, 4.0],
        "circle": np.stack([np.cos(time), np.sin(time)], axis=1),
        "parabola": np.stack([np.ones(count), time / count], axis=1),
        "accelerated": np.tile(time[:, None] + 1.0, 2),
        "zigzag_and_drift": (-1.0) ** time[:, None] * [3.0, 4.0] + 1.0,
        "jumps_at_both_ends": jumps,
        "only_first_steps": first,
        "relaxation": np.exp(-time / 10)[:, None] * [3.0, 4.0],
        "each_step_its_direction": np.eye(count) + 0.1,
        "pulled_back": pulled_back,
    }


def analysed(gram):
    """Assert that a window is analysed, every warning an error; None where it is refused."""
    lags, msd = mean_squared_displacement(gram)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if not msd.all():
            with pytest.raises(InputError, match=r"^msd: must be finite and positive[^\n]*$"):
                analyse_diffusion(gram)
            return None
        if len(lags) < 7:
            with pytest.raises(InputError, match=r"^lags: [^\n]* at least 4 [^\n]*$"):
                analyse_diffusion(gram)
            return None
        found = analyse_diffusion(gram, signs=40)
    np.testing.assert_array_equal(found.lags, lags)
    np.testing.assert_array_equal(found.msd, msd)
    for name, values in cases.numbers(found):
        shown = name.removeprefix("quarter.").split(".")[0]
        reasons = found.quarter.missing if name.startswith("quarter.") else found.missing
        assert not np.isnan(values).any() or shown in reasons, name
        # Steps that are all at right angles share no direction.
        assert not np.isinf(values).any() or name == "effective_dimension", name
    return found


@cases.every_walk()
def test_a_window_is_analysed_or_refused_in_one_line(walk):
    for seed in (0, 1):
        found = analysed(cases.gram(walk(seed)))
        assert found is None or np.isfinite(found.effective_dimension)


@cases.every_walk()
def test_so_is_a_short_window(walk):
    for steps in (2, 3, 5, 6, 7, 8, 9, 10, 12, 15, 20, 29):
        analysed(cases.gram(walk(steps, steps)))


@pytest.mark.parametrize("name", without_noise(8))
def test_so_is_a_walk_without_noise(name):
    """Whatever the unit, and of products in single precision."""
    for steps in (8, 20, 120):
        gram = cases.gram(without_noise(steps)[name])
        for one in (gram, 1e-30 * gram, gram.astype(np.float32)):
            analysed(one)
