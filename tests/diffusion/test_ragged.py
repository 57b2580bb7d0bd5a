"""The share of the squared gradient that is of an epoch's smaller last batch."""

import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.diffusion.ragged import ragged_share, ragged_warning
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.trajectory import Trajectory

WINDOWS = [(10, 1), (5, 4)]


@pytest.fixture
def recorded(tmp_path):
    """A function that records gradients of given norms, from batches of given sizes."""

    def record(norms, sizes):
        model = nn.Linear(1, 1, bias=False)
        path = tmp_path / "t.h5"
        with TrajectoryRecorder(model, path, window=WINDOWS, overwrite=True) as recorder:
            for norm, size in zip(norms, sizes, strict=True):
                model.weight.grad = torch.full((1, 1), float(norm))
                recorder.record(0.0, size)
        return Trajectory(tmp_path / "t.h5")

    return record


def whole(trajectory):
    return [w for w in trajectory.windows if not w.partial]


def shares(trajectory):
    return [ragged_share(trajectory, w.start, w.length, w.stride) for w in whole(trajectory)]


def test_the_share_is_that_of_smaller_batches_among_all_steps_of_the_window(recorded):
    norms = np.arange(1.0, 25.0)
    sizes = np.where(np.arange(24) % 6 == 5, 3, 8)
    found = recorded(norms, sizes)
    assert [(w.start, w.length, w.stride) for w in whole(found)] == [
        (0, 10, 1),
        (10, 10, 1),
        (0, 5, 4),
    ]
    squares = norms**2
    # the step from the last position on is not of the window; those between its positions are
    expected = [
        squares[5] / squares[:9].sum(),
        (squares[11] + squares[17]) / squares[10:19].sum(),
        (squares[5] + squares[11]) / squares[:16].sum(),
    ]
    assert shares(found) == pytest.approx(expected)


def test_a_window_without_a_smaller_batch_has_none(recorded):
    assert shares(recorded(np.ones(24), [8] * 24)) == [0.0, 0.0, 0.0]
    # which is so of a window even where others have one
    sizes = np.full(24, 8)
    sizes[15] = 3
    first, second, _ = shares(recorded(np.ones(24), sizes))
    assert (first, second) == (0.0, pytest.approx(1 / 9))


def test_where_sizes_are_unknown_so_is_the_share(recorded):
    assert shares(recorded(np.ones(24), [None] * 24)) == [None, None, None]


def test_a_share_of_nothing_is_not_known(recorded):
    sizes = np.where(np.arange(24) % 6 == 5, 3, 8)
    assert shares(recorded(np.zeros(24), sizes)) == [None, None, None]
    assert shares(recorded(np.full(24, np.nan), sizes)) == [None, None, None]
    # full batches have no share of even that
    assert shares(recorded(np.zeros(24), [8] * 24)) == [0.0, 0.0, 0.0]


def test_one_step_can_be_nearly_all_of_it(recorded):
    norms, sizes = np.full(24, 1e-3), np.full(24, 128)
    norms[[5, 17]], sizes[[5, 17]] = 10.0, 29
    first, second, strided = shares(recorded(norms, sizes))
    assert min(first, second, strided) > 0.999


def test_a_large_share_is_said_in_one_line_with_what_to_do():
    said = ragged_warning(0.43, 500, 4)
    assert "\n" not in said
    assert said.startswith("window 500, stride 4: 43 % of the squared gradient")
    assert "`drop_last: true`" in said
    assert ragged_warning(0.21, 0, 1) is not None


@pytest.mark.parametrize("share", [None, 0.0, 0.1, 0.2])
def test_a_small_or_unknown_share_is_no_concern(share):
    assert ragged_warning(share, 0, 1) is None
