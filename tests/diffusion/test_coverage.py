"""Intervals of exponents hold what they claim: a quick part of `make calibrate`."""

import numpy as np
import pytest
from calibration.coverage import ExpectedCurve, coverage
from calibration.real_windows import RealWindows, grams_of
from calibration.walks import (
    POWER_LAWS,
    WALKS,
    brownian,
    bursts,
    drift,
    fractional,
    persistence,
    quadratic,
    relaxation,
    shrinking,
    two_fractional,
)
from scipy.stats import binom

from sgdwalk.datasets.load import load_dataset
from sgdwalk.diffusion.msd import mean_squared_displacement

STEPS = 199
REALISATIONS = 50
# A share of 0.90 falls below this once in a thousand times.
FEWEST = binom.ppf(1e-3, REALISATIONS, 0.90) / REALISATIONS
# Pure power laws are split in 13 % of cases at most.
MOST_SPLIT = binom.ppf(1 - 1e-3, REALISATIONS, 0.13) / REALISATIONS

QUICK = [
    brownian(1),
    brownian(30),
    brownian(1000),
    fractional(0.3, 2),
    fractional(0.7, 30),
    relaxation(50, 30),
    persistence(5, 30),
    two_fractional(0.3, 0.7, 20, 30),
    drift(0.2, 30),
    drift(0.5, 1000),
    quadratic(1.0, "hessian", 0.0),
    quadratic(2.0, "isotropic", 10.0),
    shrinking(3, 1000),
    bursts(30, 0.95, 0.7),
]


@pytest.fixture(scope="module", params=QUICK, ids=lambda walk: walk.name)
def measured(request):
    walk = request.param
    grams = (walk.gram(9000 + k, STEPS) for k in range(REALISATIONS))
    return walk, coverage(grams, walk.expected(STEPS))


def test_intervals_hold_the_slope_of_the_expected_curve(measured):
    assert (measured[1].share >= FEWEST).all()


def test_exponents_are_not_off(measured):
    found = measured[1]
    error = found.half_width / found.over_spread / 1.96 / np.sqrt(REALISATIONS)
    assert (np.abs(found.bias) <= np.maximum(0.03, found.half_width / 3) + 3 * error).all()


def test_power_laws_stay_whole(measured):
    walk, found = measured
    assert found.split <= MOST_SPLIT or not walk.power_law


def test_crossovers_hold_where_the_same_fit_puts_the_expected_curve(measured):
    found = measured[1]
    assert np.isnan(found.crossover) or found.split < 0.9 or found.crossover >= FEWEST


@pytest.mark.parametrize(("dimension", "widest"), [(1, 0.60), (30, 0.095), (1000, 0.018)])
def test_intervals_are_no_wider_than_they_must_be(dimension, widest):
    grams = (brownian(dimension).gram(500 + k, STEPS) for k in range(20))
    assert (coverage(grams, brownian(dimension).expected(STEPS)).half_width < widest).all()


def test_a_real_window_holds_the_mean_over_orders_of_its_batches():
    windows = RealWindows("MLP", (198,))
    _, grams = next(grams_of(windows, 12, load_dataset("digits")))
    mean = np.mean([mean_squared_displacement(gram)[1] for gram in grams], axis=0)
    found = coverage(grams, mean)
    assert (found.share >= binom.ppf(1e-3, 12, 0.90) / 12).all()
    assert (found.over_spread < 3).all()


@pytest.mark.parametrize(
    "walk",
    # The mean over heavy tails is not one that 1,500 walks could show.
    [w for w in WALKS if "D = 1000" not in w.name and not w.name.startswith(("bursts", "Student"))],
    ids=lambda walk: walk.name,
)
def test_expected_curves_are_those_of_the_walks(walk):
    """In closed form and on average over realisations."""
    steps, number = 40, 1500
    found = np.array([mean_squared_displacement(walk.gram(k, steps))[1] for k in range(number)])
    error = found.std(axis=0) / np.sqrt(number)
    off = np.abs(found.mean(axis=0) - walk.expected(steps))
    assert (off < 5 * error + 1e-9 * walk.expected(steps)).all()


def test_the_expected_slope_of_a_power_law_is_its_exponent():
    for walk in POWER_LAWS:
        curve = ExpectedCurve(walk.expected(STEPS))
        exponent = np.diff(np.log(walk.expected(STEPS)))[0] / np.log(2)
        assert curve.slope(1, 100) == pytest.approx(exponent, abs=1e-9)
