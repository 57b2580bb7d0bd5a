"""The diffusion of a whole run from its sketch, of walks that were recorded."""

import numpy as np
import pytest
import torch
from cases import brownian, exact_msd, gram, ornstein_uhlenbeck, positions, with_drift
from recorded_walks import record

from sgdwalk.diffusion import whole_run as module
from sgdwalk.diffusion.scatter import Scatter
from sgdwalk.diffusion.sketched_msd import sketch_scatter, sketched_msd
from sgdwalk.diffusion.whole_run import whole_run
from sgdwalk.diffusion.window import analyse_diffusion
from sgdwalk.errors import InputError
from sgdwalk.fits.pieces import slope_weights
from sgdwalk.recording.sketch import Buckets

SIGNS = 40


def walk(count=120, dimension=30, seed=0):
    return brownian(np.random.default_rng(seed), count, dimension) + 0.2


def analysed(trajectory):
    return whole_run(trajectory, SIGNS, 0)


def test_with_as_many_numbers_as_parameters_it_is_the_walks_own(tmp_path):
    steps = walk()
    found = analysed(record(tmp_path / "t.h5", steps, sketch=30))
    exact = exact_msd(positions(steps[:-1]))  # the position after the last step has no loss
    assert (found.start, found.positions, found.numbers) == (0, 120, 30)
    np.testing.assert_array_equal(found.lags, np.arange(1, 120))
    np.testing.assert_allclose(found.msd, exact, rtol=1e-9)
    assert not found.sketch_error.any()
    assert found.window.sketch_error == 0
    np.testing.assert_allclose(found.window.msd, exact, rtol=1e-9)
    window = analyse_diffusion(gram(steps[:-1]), signs=SIGNS)
    np.testing.assert_allclose(found.local_exponent, window.local_exponent, rtol=1e-7)
    for one, other in zip(found.window.regimes, window.regimes, strict=True):
        assert one.exponent.high == pytest.approx(other.exponent.high)


def test_with_fewer_it_is_that_of_the_sketch_and_says_how_wrong_it_may_be(tmp_path):
    steps = walk(dimension=400)
    trajectory = record(tmp_path / "t.h5", steps, sketch=64)
    found = analysed(trajectory)
    np.testing.assert_allclose(
        found.msd, exact_msd(positions(trajectory.sketch.increments[:-1])), rtol=1e-9
    )
    exact = exact_msd(positions(steps[:-1]))
    at = found.error_lags - 1
    assert (np.abs(found.msd / exact - 1)[at] < 4 * found.sketch_error).all()
    assert (found.sketch_error > 0).all()
    assert (found.sketch_error <= np.sqrt(2 / 64)).all()
    assert found.error_lags[0] == 1
    assert found.error_lags[-1] == 60
    inside = found.sketch_error[found.error_lags <= 60]
    assert found.window.sketch_error == pytest.approx(inside.max(), rel=0.3)


def test_a_longer_run_is_fitted_some_steps_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST", 50)
    steps = walk()
    found = analysed(record(tmp_path / "t.h5", steps, sketch=30))
    places = positions(steps[:-1])
    np.testing.assert_allclose(found.msd, exact_msd(places), rtol=1e-9)
    window = found.window
    assert (window.length, window.stride, window.start) == (40, 3, 0)
    np.testing.assert_array_equal(window.lags, 3 * np.arange(1, 40))
    np.testing.assert_allclose(window.msd, exact_msd(places[::3]), rtol=1e-9)


def test_of_a_broken_walk_it_is_the_longest_part(tmp_path):
    one, two = walk(40), walk(70, seed=1)
    record(tmp_path / "t.h5", one, sketch=30)
    two[0] += 5.0  # so that it does not go on where the first one was
    trajectory = record(tmp_path / "t.h5", two, sketch=30, resume=True)
    assert trajectory.steps == 110
    assert len(trajectory.sketch.stretches()) == 2
    found = analysed(trajectory)
    assert (found.start, found.positions, found.window.start) == (40, 70, 40)
    np.testing.assert_allclose(found.msd, exact_msd(positions(two[:-1])), rtol=1e-9)


def test_of_a_run_that_diverged_it_is_what_was_before(tmp_path):
    steps = walk(60)
    losses = dict.fromkeys(range(50, 60), float("nan"))
    found = analysed(record(tmp_path / "t.h5", steps, losses=losses, sketch=30))
    assert (found.start, found.positions) == (0, 50)
    np.testing.assert_allclose(found.msd, exact_msd(positions(steps[:49])), rtol=1e-9)


@pytest.mark.parametrize(
    ("steps", "losses", "options"),
    [
        (19, {}, {}),
        (60, dict.fromkeys(range(19, 60), float("nan")), {}),
        (60, {}, {"sketch": None, "window": [(20, 1)]}),
    ],
    ids=["short", "diverged at once", "no sketch"],
)
def test_without_twenty_sketched_positions_there_is_none(tmp_path, steps, losses, options):
    assert analysed(record(tmp_path / "t.h5", walk(steps), losses=losses, **options)) is None


def test_twenty_positions_are_enough(tmp_path):
    assert analysed(record(tmp_path / "t.h5", walk(20))).positions == 20


def test_a_run_at_rest_is_refused_in_one_line(tmp_path):
    with pytest.raises(InputError, match="a walk at rest has none"):
        analysed(record(tmp_path / "t.h5", np.zeros((40, 30)), sketch=30))


# --- intervals hold what the sketch adds


def sketched(steps, k, seed):
    buckets = Buckets(steps.shape[1], k, seed, torch.float64, torch.device("cpu"))
    found = np.empty((len(steps), k))
    for step, numbers in zip(torch.from_numpy(steps), found, strict=True):
        buckets.add(step, 0)
        numbers[:] = buckets.take().numpy()
    return found


def slope(lags, msd, segment):
    inside = (lags >= segment.first_lag) & (lags <= segment.last_lag)
    return np.polyfit(np.log(lags[inside]), np.log(msd[inside]), 1)[0]


WALKS = {
    "brownian": lambda rng, count: brownian(rng, count, 300),
    "drifting": with_drift(lambda rng, count: brownian(rng, count, 300), 0.3),
    "confined": lambda rng, count: ornstein_uhlenbeck(rng, count, 300, 0.1),
    "few directions": lambda rng, n: brownian(rng, n, 3) @ rng.standard_normal((3, 300)),
}


@pytest.mark.parametrize("name", WALKS)
def test_intervals_of_regimes_hold_the_walks_own_slopes(name):
    steps = WALKS[name](np.random.default_rng(0), 149)
    exact = exact_msd(positions(steps))
    count = held = 0
    for seed in range(30):
        part = sketched(steps, 64, seed)
        found = analyse_diffusion(gram(part), signs=SIGNS, sketched=part)
        bare = analyse_diffusion(gram(part), signs=SIGNS)
        fitted = exact[np.rint(found.fit_lags).astype(int) - 1]
        for segment, without in zip(found.regimes, bare.regimes, strict=True):
            own, exponent = slope(found.fit_lags, fitted, segment), segment.exponent
            held += exponent.low <= own <= exponent.high
            count += 1
            assert (without.first_lag, without.last_lag) == (segment.first_lag, segment.last_lag)
            assert without.exponent.value == exponent.value
    assert count >= 30
    assert held >= 0.95 * count


@pytest.mark.parametrize("name", WALKS)
def test_what_the_sketch_adds_to_a_slope_is_known_by_itself(name):
    """Intervals of slopes that hold nothing of other realisations of the walk."""
    steps = WALKS[name](np.random.default_rng(0), 149)
    lags = np.unique(np.geomspace(1, 74, 20).astype(int))
    weights = slope_weights(np.log(lags))
    own = weights @ np.log(exact_msd(positions(steps))[lags - 1])
    held = 0
    for seed in range(100):
        found = sketched_msd(sketched(steps, 64, seed), lags)
        added = sketch_scatter(found.coordinates)
        nothing = np.zeros_like(added.draws)
        scatter = Scatter(added.relative_variance, nothing, nothing[:1], sketch=added.draws)
        interval = scatter.interval(weights @ np.log(found.msd[lags - 1]), weights)
        held += interval.low <= own <= interval.high
    assert held >= 85
