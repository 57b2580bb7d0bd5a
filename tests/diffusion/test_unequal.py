"""Exponents of positions at unequal steps: bins, intervals, nulls, against brute force."""

import cases
import numpy as np
import pytest
from calibration.unequal import SPACINGS, WALKS, TimedWalk, measure
from scipy.stats import binom

from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.diffusion.signs import sign_null, sign_null_of_forms
from sgdwalk.diffusion.table import exponent_rows
from sgdwalk.diffusion.unequal_lags import LagBins
from sgdwalk.diffusion.window import analyse_diffusion
from sgdwalk.errors import InputError

SUITE = SPACINGS["1, 2, 4, .., 512, then every 1000"]
POWERS = SPACINGS["powers of two to 2^17"]
REALISATIONS = 40
# A share of 0.90 falls below this once in ten thousand times.
FEWEST = binom.ppf(1e-4, REALISATIONS, 0.90) / REALISATIONS


def walk_at(steps, dimension=40, seed=0):
    draw = np.random.default_rng(seed).standard_normal((len(steps) - 1, dimension))
    return draw * np.sqrt(np.diff(steps))[:, None]


def test_bins_hold_every_pair_once_and_mean_what_they_say():
    bins = LagBins(SUITE)
    assert bins.pairs.sum() == len(SUITE) * (len(SUITE) - 1) // 2
    assert (np.diff(bins.lags) > 0).all()
    places = cases.positions(walk_at(SUITE))
    squares = ((places[:, None] - places) ** 2).sum(axis=-1)
    rows, columns = np.triu_indices(len(SUITE), 1)
    lag, square = (SUITE[columns] - SUITE[rows]).astype(float), squares[rows, columns]
    number = np.rint(15 * np.log10(lag)).astype(int)
    for k, (at, pairs, msd) in enumerate(
        zip(bins.lags, bins.pairs, bins.mean(squares), strict=True)
    ):
        here = number == np.unique(number)[k]
        assert pairs == here.sum()
        assert at == pytest.approx(lag[here].mean())
        assert msd == pytest.approx(square[here].mean())


def test_the_msd_of_a_bin_is_its_form_of_the_increments():
    steps = np.array([0, 1, 2, 5, 9, 30, 31, 70])
    moved = walk_at(steps)
    bins, gram = LagBins(steps), moved @ moved.T
    places = cases.positions(moved)
    squares = ((places[:, None] - places) ** 2).sum(axis=-1)
    forms = bins.forms(np.arange(len(bins.lags)))
    assert (forms * gram).sum(axis=(1, 2)) == pytest.approx(bins.mean(squares))


def test_equal_steps_are_the_same_as_a_stride():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), 99, 20))
    given = analyse_diffusion(gram, steps=np.arange(50, 550, 5))
    stride = analyse_diffusion(gram, stride=5, start=50)
    for (name, one), (_, other) in zip(cases.numbers(given), cases.numbers(stride), strict=True):
        assert np.array_equal(one, other, equal_nan=True), name
    assert given.last == 545
    assert given.pairs[:2].tolist() == [99, 98]


def test_a_window_says_its_bins_and_what_it_cannot_say(tmp_path):
    moved = walk_at(SUITE)
    found = analyse_diffusion(moved @ moved.T, steps=SUITE)
    assert found.stride is None
    assert (found.start, found.last, found.length) == (0, 143_000, len(SUITE))
    assert found.lags.shape == found.msd.shape == found.pairs.shape
    assert found.elapsed.tolist() == SUITE[1:].tolist()
    places = cases.positions(moved)
    assert found.squared_displacement == pytest.approx((places[1:] ** 2).sum(axis=1))
    assert found.shuffled_mean is None
    assert "unequally spaced" in found.missing["shuffled_mean"]
    assert found.fit_lags[-1] <= 143_000 / 2
    (regime,) = found.regimes
    assert regime.exponent.low <= 1 <= regime.exponent.high
    assert regime.exponent.high - regime.exponent.low < 0.2
    result = RunDiffusion((found,), None, {}, None)
    diffusion_file.write(tmp_path / "diffusion.h5", result, {})
    (again,) = diffusion_file.read(tmp_path / "diffusion.h5").windows
    assert again.stride is None
    assert np.array_equal(again.pairs, found.pairs)
    (row,) = exponent_rows("walk", {}, result)
    assert row["stride"] is None
    assert row["window_last"] == 143_000


def test_a_drift_is_removed_from_the_bridge_that_it_leaves():
    walks = []
    for seed in range(200):
        moved = walk_at(POWERS, 10, seed)
        moved[:, 0] += 0.05 * np.diff(POWERS)
        walks.append(analyse_diffusion(moved @ moved.T, steps=POWERS).drift_removed)
    lags = analyse_diffusion(moved @ moved.T, steps=POWERS).drift_lags
    assert np.mean(walks, axis=0) == pytest.approx(10 * lags, rel=0.15)


def test_one_dimension_and_few_positions_say_that_they_cannot():
    """Intervals of a walk that could be anything are wide, and the exponent is left empty."""
    empty = 0
    steps = SPACINGS["powers of two to 2^10"]
    for seed in range(20):
        moved = walk_at(steps, 1, seed)
        found = analyse_diffusion(moved @ moved.T, steps=steps)
        empty += not found.exponent_short.defined
        if not found.exponent_short.defined:
            assert "wider than 1" in found.missing["exponent_short"]
    assert empty > 10


def test_signs_of_forms_are_those_of_equal_lags():
    gram = cases.gram(cases.brownian(np.random.default_rng(0), 40, 3))
    lags = np.array([1, 2, 5, 10, 20])
    forms = np.zeros((5, 40, 40))
    for row, lag in enumerate(lags):
        for first in range(41 - lag):
            forms[row, first : first + lag, first : first + lag] += 1 / (41 - lag)
    one, other = sign_null(gram, lags), sign_null_of_forms(gram, lags, forms)
    assert other.mean == pytest.approx(one.mean)
    assert other.spread == pytest.approx(one.spread)
    assert other.curves == pytest.approx(one.curves)
    assert (other.low, other.high) == (pytest.approx(one.low), pytest.approx(one.high))


def by_name(part: str) -> TimedWalk:
    return next(walk for walk in WALKS if walk.name.startswith(part))


@pytest.mark.parametrize("spacing", ["powers of two to 2^10", "100 of 20,000 steps at random"])
@pytest.mark.parametrize(
    "name",
    [
        "Brownian, D = 3",
        "Brownian, D = 1000",
        "Brownian, shrinking",
        "drift of 0.5 spreads, D = 1000",
        "drift of 3 spreads, D = 3",
        "at rest, relaxing in 0.1, D = 1000",
        "from 3 spreads, relaxing in 0.05, D = 3",
        "persistent",
    ],
)
def test_intervals_hold_the_slope_of_the_expected_curve(name, spacing):
    found = measure(by_name(name), SPACINGS[spacing], REALISATIONS, 5000)
    assert (found.share >= FEWEST).all()


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([0, 1, 1, 4], "not increasing"),
        ([0.0, 1.0, 2.0, 4.0], "whole numbers"),
        ([0, 1, 4], "allowed: 4, one a position"),
        ([[0, 1, 2, 4]], "whole numbers"),
    ],
)
def test_bad_steps_are_one_line(steps, said):
    with pytest.raises(InputError, match=said) as error:
        analyse_diffusion(np.eye(3), steps=steps)
    assert "\n" not in str(error.value)


def test_too_few_lags_for_a_fit_are_one_line():
    moved = walk_at(np.array([0, 1, 3]))
    with pytest.raises(InputError, match="lags") as error:
        analyse_diffusion(moved @ moved.T, steps=[0, 1, 3])
    assert "\n" not in str(error.value)


def test_a_walk_that_does_not_move_is_one_line():
    with pytest.raises(InputError, match="must be finite and positive") as error:
        analyse_diffusion(np.zeros((10, 10)), steps=np.arange(11) ** 2)
    assert "\n" not in str(error.value)
