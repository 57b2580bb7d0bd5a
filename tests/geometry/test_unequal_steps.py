"""Geometry of windows whose positions are unequally spaced, without losses or without noise."""

import cases
import numpy as np
import pytest

from sgdwalk.geometry.components import FRAMES, variance_shares, walk_modes
from sgdwalk.geometry.estimates import estimates
from sgdwalk.geometry.run import analyse
from sgdwalk.geometry.table import component_rows, geometry_rows
from sgdwalk.geometry.window import analyse_window
from sgdwalk.recording.trajectory import Window

SUITE = np.array([0, *(2**i for i in range(10)), *range(1000, 60001, 1000)])
SETTINGS = {"fragments": (20,), "components": 5, "seed": 0}


def brownian(dimension, seed=0, steps=SUITE):
    """Increments of a Brownian walk between unequally spaced steps."""
    drawn = np.random.default_rng(seed).standard_normal((len(steps) - 1, dimension))
    return drawn * np.sqrt(np.diff(steps))[:, None]


def window(dimension=300, loss=None, steps=SUITE):
    gram = cases.gram(brownian(dimension, steps=steps))
    return Window(len(steps), None, int(steps[0]), gram, loss, steps, None)


def test_components_stand_beside_a_brownian_walk_at_the_same_steps():
    found = walk_modes(cases.gram(brownian(20_000)), 5, SUITE)
    for frame in FRAMES:
        assert found.shares[frame] == pytest.approx(found.brownian[frame], rel=0.05, abs=2e-3)
    # and not beside one that is equally spaced
    powers = 2 ** np.arange(16)
    found = walk_modes(cases.gram(brownian(20_000, steps=powers)), 5, powers)
    assert found.shares["centred"] == pytest.approx(found.brownian["centred"], rel=0.1, abs=2e-3)
    assert found.brownian["centred"][0] > 0.68  # 0.608 at equal steps
    course = found.brownian_coordinates
    assert np.abs(np.corrcoef(course[:, 0], found.coordinates[:, 0])[0, 1]) > 0.98


def test_the_brownian_walk_at_equal_steps_has_the_closed_form_of_a_long_one():
    steps = np.arange(2000)
    shares = variance_shares(np.diag(np.diff(steps).astype(float)), 4)["centred"]
    assert shares == pytest.approx(6 / (np.pi * np.arange(1, 5)) ** 2, rel=2e-3)


def test_what_needs_equal_times_says_so_and_the_rest_is_there():
    found = analyse_window(window(), None, **SETTINGS)
    reason = "unequally spaced"
    for name in ("velocity.autocorrelation", "velocity.reversals", "exponents"):
        assert reason in found.missing[name]
    assert found.velocity == {}
    assert "losses" in found.missing
    assert found.avalanches is None
    assert found.distance.minibatch is None
    assert found.modes is not None
    assert found.path is not None
    assert found.homology is not None
    assert set(found.nulls) == {"uncorrelated"}
    assert found.path.dimension.defined
    null = found.nulls["uncorrelated"]["path_dimension"]
    assert null.low <= found.path.dimension.value <= null.high


def test_contour_lengths_are_taken_against_the_time_between_positions():
    found = analyse_window(window(), None, **SETTINGS)
    curve = found.path.contour_by_lag
    assert curve.abscissa[0] == pytest.approx(1, rel=0.5)
    assert curve.abscissa[-1] > 20_000


def test_losses_that_are_known_are_looked_at():
    places = np.vstack([np.zeros(300), brownian(300).cumsum(axis=0)])
    loss = ((places - 1000.0) ** 2).sum(axis=1)
    found = analyse_window(window(loss=loss), None, **SETTINGS)
    assert "losses" not in found.missing
    assert "unequally spaced" in found.missing["avalanches"]
    assert estimates(found)["roughness_distance_minibatch"].value == pytest.approx(1, abs=0.25)


def test_a_run_without_noise_has_tables_with_reasons(tmp_path):
    class Walk:
        """What analyses ask of a walk that was read from checkpoints."""

        windows = [window()]  # noqa: RUF012
        loss = np.zeros(0)
        sketch = None
        diverged_at = None
        path = tmp_path / "trajectory.h5"

    result = analyse(Walk(), None, **SETTINGS, ageing_lags=(1, 4), moving_window=100)
    (row,) = geometry_rows("walk", {}, result)
    assert row["stride"] is None
    assert "unequally spaced" in row["undefined"]
    assert {row["frame"] for row in component_rows("walk", {}, result)} == set(FRAMES)
