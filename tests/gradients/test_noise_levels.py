"""Levels of the nulls of tails, and their power, on a few kinds of noise of the calibration."""

import numpy as np
import pytest
from calibration.noise_tails import (
    COORDINATES,
    VECTORS,
    Noise,
    TailLevels,
    spectrum_gram,
    table,
    tail_levels,
    wishart,
)

SETS = 6
MOST = 3  # of so many are called at a level of 5 %: more has a chance of 0.0001


def kind(kinds, name):
    return next(noise for noise in kinds if noise.name == name)


@pytest.mark.parametrize(
    "name", ["equal scales, D = 1", "log-normal scales, log-sd 2, D = 100,000"]
)
def test_gaussian_vectors_of_any_scales_are_seldom_called_heavy(name):
    share = tail_levels(kind(VECTORS, name), SETS).share
    for quantity in ("noise norms", "noise vectors, mean", "vectors at fixed weights, mean"):
        assert share[quantity] <= MOST / SETS


def test_heavy_vectors_are_called_heavy():
    share = tail_levels(kind(VECTORS, "heavy, alpha = 1.5, log-sd 1, D = 1,000"), 2).share
    assert share["noise norms"] == share["noise vectors, mean"] == 1
    assert share["vectors at fixed weights, mean"] >= 0.5


def test_noise_that_shrinks_is_not_called_heavy_and_heavy_noise_is():
    sets = 4
    shrinking = tail_levels(kind(COORDINATES, "log-sd 1, shrinks threefold"), sets).share
    heavy = tail_levels(kind(COORDINATES, "heavy, alpha = 1.5, log-sd 1"), 1).share
    for quantity in ("standardised entries", "standardised noise at fixed weights"):
        assert shrinking[quantity] <= 2 / sets  # more has a chance of 0.0005
        assert heavy[quantity] == 1


def test_grams_of_many_directions_have_the_moments_of_their_spectrum():
    rng = np.random.default_rng(0)
    variances = 1 / np.arange(1.0, 1001)
    grams = np.array([spectrum_gram(variances, 4, rng) for _ in range(4000)])
    diagonal = np.diagonal(grams, axis1=1, axis2=2)
    assert diagonal.mean() == pytest.approx(variances.sum(), rel=0.01)
    assert diagonal.var() == pytest.approx(2 * (variances**2).sum(), rel=0.1)
    assert (grams[:, 0, 1] ** 2).mean() == pytest.approx((variances**2).sum(), rel=0.1)
    many = np.array([wishart(1e6, 3, rng) for _ in range(500)]) / 1e6
    assert many[:, 0, 0].std() == pytest.approx((2 / 1e6) ** 0.5, rel=0.1)
    assert many[:, 0, 1].std() == pytest.approx((1 / 1e6) ** 0.5, rel=0.1)


def test_the_tables_have_a_line_for_each_kind():
    vectors = TailLevels(Noise("one", 7), 4, {"a": 0.25, "b": 0.5})
    rows = [vectors, TailLevels(Noise("two"), 4, {"c": 0.0})]
    assert table(rows).splitlines() == [
        "| noise | a | b |",
        "| --- | --- | --- |",
        "| one | 0.25 | 0.50 |",
        "",
        "| noise | c |",
        "| --- | --- |",
        "| two | 0.00 |",
    ]
