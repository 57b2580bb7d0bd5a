"""Panels over the windows of a run: marks, intervals and what has no number."""

from dataclasses import dataclass

import numpy as np

from sgdwalk.figures import style
from sgdwalk.figures.window_panels import Series, draw_along_training
from sgdwalk.fits.estimate import Estimate


@dataclass
class Window:
    start: int


WINDOWS = [Window(0), Window(100), Window(200)]


def drawn(*series):
    axis = style.panels(["one"])[1]["one"]
    draw_along_training(axis, WINDOWS, series, "exponent", spacing=0.1)
    return axis


def marks(axis):
    """Abscissa and ordinate of everything with a mark, series by series."""
    lines = [
        line
        for line in axis.lines
        if line.get_marker() not in ("None", "") and line.get_xdata().size
    ]
    return [np.array(line.get_data()).T.tolist() for line in lines]


def test_a_series_has_its_marks_and_intervals_and_nothing_where_there_is_no_number():
    estimates = [Estimate(1.0, 0.8, 1.3), None, Estimate.undefined()]
    axis = drawn(Series("J", "o", "C0", estimates))
    assert marks(axis) == [[[1.0, 1.0]]]
    (bar,) = axis.collections[0].get_segments()
    np.testing.assert_allclose(bar[:, 1], [0.8, 1.3])
    assert axis.get_legend_handles_labels()[1] == ["J"]


def test_a_series_without_a_number_says_so():
    axis = drawn(Series("J", "o", "C0", [None] * 3), Series("L", "^", "C1", [Estimate(1.0)] * 3))
    assert axis.get_legend_handles_labels()[1] == ["J: none", "L"]


def test_open_marks_are_white_inside():
    axis = drawn(Series("J", "o", "C0", [Estimate(1.0)] * 3, hollow=[False, True, False]))
    fills = [line.get_markerfacecolor() for line in axis.lines if np.size(line.get_xdata())]
    assert fills == ["C0", "white"]
    assert marks(axis) == [[[1.0, 1.0], [201.0, 1.0]], [[101.0, 1.0]]]


def test_a_null_is_a_bar_behind_its_mark_and_a_dash_is_another_number():
    nulls = [Estimate(1.0, 0.9, 1.1), None, Estimate(1.0, 0.7, 1.2)]
    others = [None, Estimate(1.4), Estimate.undefined()]
    axis = drawn(Series("J", "o", "C0", [None] * 3, nulls=nulls, others=others))
    bars = [c.get_segments()[0].tolist() for c in axis.collections if c.get_segments()]
    assert bars == [[[1.0, 0.9], [1.0, 1.1]], [[201.0, 0.7], [201.0, 1.2]]]
    dashes = next(line for line in axis.lines if line.get_marker() == "_")
    np.testing.assert_array_equal(dashes.get_ydata(), [np.nan, 1.4, np.nan])
