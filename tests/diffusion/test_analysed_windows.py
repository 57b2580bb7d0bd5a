"""Which windows of a walk are analysed: recorded ones, and those cut from its sketch."""

import numpy as np
import pytest
from cases import brownian, gram
from recorded_walks import record

from sgdwalk.diffusion.run import analyse
from sgdwalk.errors import InputError
from sgdwalk.recording.analysed_windows import (
    LENGTH,
    analysed_windows,
    longest_window,
    sketched_window,
    unbroken,
)

SIZE = 12


def steps_of(count, seed=0):
    return brownian(np.random.default_rng(seed), count, SIZE)


@pytest.fixture(scope="module")
def sketched(tmp_path_factory):
    """A walk of 100 steps, known by a sketch in which nothing is lost."""
    return record(tmp_path_factory.mktemp("walk") / "t.h5", steps_of(100), sketch=SIZE)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same, beside windows of 40 positions, the last of which does not fill."""
    path = tmp_path_factory.mktemp("walk") / "t.h5"
    return record(path, steps_of(100), window=[(40, 1)], sketch=SIZE)


def places(windows):
    return [(w.stride, w.length, w.start) for w in windows]


def test_families_follow_one_another_and_fill_the_walk(sketched):
    found = analysed_windows(sketched, [{"length": 30}, {"length": 24, "stride": 2}])
    assert places(found) == [(1, 30, 0), (1, 30, 30), (1, 30, 60), (2, 24, 0), (2, 24, 48)]
    steps = steps_of(100)
    for window in found:
        at = window.start + window.stride * np.arange(window.length)
        own = np.add.reduceat(steps, at)[:-1]
        np.testing.assert_allclose(window.gram, gram(own), rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(window.step, at)
        np.testing.assert_array_equal(window.loss, 1 / (1 + at))
        assert window.probe_loss is None
        assert not window.partial


def test_a_window_that_fits_to_the_last_step_is_there(sketched):
    assert places(analysed_windows(sketched, [{"length": 100}])) == [(1, 100, 0)]
    assert places(analysed_windows(sketched, [{"length": 34, "stride": 3}])) == [(3, 34, 0)]
    assert not analysed_windows(sketched, [{"length": 101}])
    assert not analysed_windows(sketched, [{"length": 35, "stride": 3}])


def test_one_window_from_its_start(sketched):
    chosen = [{"length": 20, "stride": 4, "start": 23}]
    assert places(analysed_windows(sketched, chosen)) == [(4, 20, 23)]
    for start in (24, 99, 500):
        assert not analysed_windows(sketched, [{**chosen[0], "start": start}])
    first = [{"length": 20, "stride": 1, "start": 0}]
    assert places(analysed_windows(sketched, first)) == [(1, 20, 0)]
    nowhere = [{"length": 30, "stride": 1, "start": None}]  # as the config gives it
    assert len(analysed_windows(sketched, nowhere)) == 3


def test_what_does_not_fit_leaves_the_others(sketched):
    chosen = [{"length": 500}, {"length": 50}, {"length": 50, "stride": 5}]
    assert places(analysed_windows(sketched, chosen)) == [(1, 50, 0), (1, 50, 50)]


def test_the_same_window_is_cut_once(sketched):
    chosen = [{"length": 50}, {"length": 50, "stride": 1, "start": 50}]
    assert places(analysed_windows(sketched, chosen)) == [(1, 50, 0), (1, 50, 50)]


def test_without_any_choice_windows_are_of_500_positions(tmp_path):
    found = analysed_windows(record(tmp_path / "t.h5", steps_of(1100), sketch=SIZE))
    assert places(found) == [(1, LENGTH, 0), (1, LENGTH, 500)]


def test_a_shorter_walk_is_one_window(sketched, tmp_path):
    assert places(analysed_windows(sketched)) == [(1, 100, 0)]
    assert not analysed_windows(record(tmp_path / "t.h5", steps_of(19)))


def test_recorded_windows_are_not_cut_again(both):
    recorded = [w for w in both.windows if not w.partial]
    found = analysed_windows(both, [{"length": 40}, {"length": 50}])
    assert places(found) == [(1, 40, 0), (1, 40, 40), (1, 50, 0), (1, 50, 50)]
    assert all(one is other for one, other in zip(found, recorded, strict=False))


def test_beside_recorded_windows_there_are_none_without_a_choice(both):
    assert places(analysed_windows(both)) == [(1, 40, 0), (1, 40, 40)]


def test_without_a_sketch_nothing_can_be_chosen(tmp_path):
    trajectory = record(tmp_path / "t.h5", steps_of(100), window=[(40, 1)], sketch=None)
    assert places(analysed_windows(trajectory, [{"length": 50}])) == [(1, 40, 0), (1, 40, 40)]
    assert longest_window(trajectory, 100) is None


def test_windows_are_within_parts_of_a_broken_walk(tmp_path):
    path = tmp_path / "t.h5"
    record(path, steps_of(45), sketch=SIZE)
    second = steps_of(65, seed=1)
    second[0] += 5.0
    trajectory = record(path, second, sketch=SIZE, resume=True)
    assert unbroken(trajectory) == [(0, 45), (45, 65)]
    found = analysed_windows(trajectory, [{"length": 30}, {"length": 22, "stride": 2}])
    assert places(found) == [(1, 30, 0), (1, 30, 45), (1, 30, 75), (2, 22, 0), (2, 22, 45)]
    across = [{"length": 30, "start": 30}, {"length": 30, "start": 46}]
    assert places(analysed_windows(trajectory, across)) == [(1, 30, 46)]
    assert places(analysed_windows(trajectory)) == [(1, 65, 45)]
    with pytest.raises(InputError, match="broken"):
        sketched_window(trajectory, 30, 30, 1)


def test_a_walk_that_diverged_is_cut_before(tmp_path):
    losses = dict.fromkeys(range(70, 100), float("inf"))
    trajectory = record(tmp_path / "t.h5", steps_of(100), losses=losses, sketch=SIZE)
    assert trajectory.diverged_at == 70
    found = analysed_windows(trajectory, [{"length": 30}, {"length": 20, "start": 51}])
    assert places(found) == [(1, 30, 0), (1, 30, 30)]
    assert np.isfinite(found[-1].loss).all()


@pytest.mark.parametrize(("most", "place"), [(100, (1, 100, 0)), (99, (2, 50, 0)), (7, (15, 7, 0))])
def test_the_longest_window_holds_so_many_positions(sketched, most, place):
    assert places([longest_window(sketched, most)]) == [place]


def test_chosen_windows_are_what_diffusion_is_of(both):
    found = analyse(both, 40, 0, [{"length": 30}])
    assert places(found.windows) == [(1, 30, 0), (1, 30, 30), (1, 30, 60), (1, 40, 0), (1, 40, 40)]
    assert [window.sketch_error for window in found.windows] == [0, 0, 0, None, None]
    assert places(found.first_family) == [(1, 40, 0), (1, 40, 40)]


def test_of_a_walk_without_recorded_windows_figures_are_of_the_chosen_ones(sketched):
    found = analyse(sketched, 40, 0, [{"length": 50}, {"length": 30}])
    assert places(found.first_family) == [(1, 30, 0), (1, 30, 30), (1, 30, 60)]
