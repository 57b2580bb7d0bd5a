from dataclasses import replace

import cases
import numpy as np
import pytest

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.anomalous_exponents import anomalous_exponents, pool_seeds
from sgdwalk.geometry.surrogates import random_orders

WALKS = {
    "brownian": (cases.brownian, (), (0.5, 0.5, 0.5, 0.5)),
    "persistent": (cases.fractional, (0.75,), (0.75, 0.75, 0.5, 0.5)),
    "antipersistent": (cases.fractional, (0.3,), (0.3, 0.3, 0.5, 0.5)),
    "levy": (cases.levy_flight, (1.5,), (2 / 3, 0.5, 2 / 3, 0.5)),
    "young": (cases.scaled_brownian, (0.3,), (0.3, 0.5, 0.5, 0.3)),
    "hastening": (cases.scaled_brownian, (0.8,), (0.8, 0.5, 0.5, 0.8)),
}


def estimates(exponents):
    return (exponents.hurst, exponents.joseph, exponents.noah, exponents.moses)


@pytest.mark.parametrize("walk", WALKS)
def test_exponents_of_cases(walk):
    """H, J, L and M of six processes, and that H = J + L + M - 1."""
    increments, parameters, truth = WALKS[walk]
    seeds = [
        anomalous_exponents(
            cases.gram(increments(np.random.default_rng(seed), 999, 20, *parameters))
        )
        for seed in range(10)
    ]
    pooled = pool_seeds(seeds)
    # Levy flights: the largest of a thousand jumps rules L, and L and H scatter together.
    tolerance = 0.12 if walk == "levy" else 0.04
    for estimate, value in zip(estimates(pooled), truth, strict=True):
        assert estimate.value == pytest.approx(value, abs=tolerance)
        assert estimate.low < estimate.value < estimate.high
    assert pooled.excess.value == pytest.approx(0, abs=tolerance)


def test_ageing_is_told_from_memory_by_three_seeds():
    rng = np.random.default_rng(1)
    ageing, memory = (
        pool_seeds([anomalous_exponents(cases.gram(walk(rng, 999, 20, 0.8))) for _ in range(3)])
        for walk in (cases.scaled_brownian, cases.fractional)
    )
    assert ageing.moses.low > 0.7
    assert ageing.joseph.low < 0.5 < ageing.joseph.high
    assert memory.joseph.low > 0.7
    assert memory.moses.high < 0.6


def test_one_window_has_no_intervals():
    found = anomalous_exponents(cases.gram(cases.brownian(np.random.default_rng(0), 100, 3)))
    assert all(np.isnan([e.low, e.high]).all() for e in estimates(found))


def test_exponents_are_slopes_of_what_they_say():
    increments = cases.scaled_brownian(np.random.default_rng(5), 300, 4, 0.7)
    gram = cases.gram(increments)
    result = anomalous_exponents(gram, fit_range=(5, 300), sum_range=(30, 300), lag_range=(5, 60))

    def slope(t, values):
        return np.polyfit(np.log(t), np.log(values), 1)[0]

    t = np.unique(np.geomspace(5, 300, 20).round().astype(int))
    lag = np.unique(np.geomspace(5, 60, 20).round().astype(int))
    norms = np.linalg.norm(increments, axis=1)
    msd = mean_squared_displacement(gram)[1]
    from_start = np.sum(increments.cumsum(axis=0) ** 2, axis=1)
    assert result.hurst.value == pytest.approx(slope(t, from_start[t - 1]) / 2)
    assert result.joseph.value == pytest.approx(slope(lag, msd[lag - 1]) / 2)
    t = np.unique(np.geomspace(30, 300, 20).round().astype(int))
    moses = slope(t, norms.cumsum()[t - 1]) - 0.5
    assert result.moses.value == pytest.approx(moses)
    noah = (slope(t, (norms**2).cumsum()[t - 1]) + 1) / 2 - moses
    assert result.noah.value == pytest.approx(noah)


def test_a_ballistic_walk_is_all_memory():
    exponents = anomalous_exponents(np.ones((500, 500)))
    values = [e.value for e in estimates(exponents)]
    np.testing.assert_allclose(values, [1, 1, 0.5, 0.5], atol=1e-9)


def test_shuffling_destroys_memory_and_ageing():
    rng = np.random.default_rng(2)
    increments = cases.fractional(rng, 999, 50, 0.75) * np.arange(1, 1000)[:, None] ** 0.3
    gram = cases.gram(increments - increments.mean(axis=0))
    null = anomalous_exponents(next(random_orders(gram, seed=0)))
    assert null.joseph.value == pytest.approx(0.5, abs=0.04)
    assert null.moses.value == pytest.approx(0.5, abs=0.04)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="range"):
        anomalous_exponents(np.eye(100), fit_range=(10, 101))
    with pytest.raises(InputError, match="rests"):
        anomalous_exponents(np.zeros((100, 100)))
    with pytest.raises(InputError, match="seeds"):
        pool_seeds([])


def test_seeds_of_which_one_has_no_exponent_have_no_mean():
    found = [anomalous_exponents(np.eye(100)) for _ in range(3)]
    found[1] = replace(found[1], noah=Estimate.undefined())
    pooled = pool_seeds(found)
    assert not pooled.noah.defined
    assert pooled.hurst.value == pytest.approx(found[0].hurst.value)
