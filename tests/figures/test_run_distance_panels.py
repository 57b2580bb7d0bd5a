"""Which pairs of runs panels show, and that they say so where there are none."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sgdwalk.figures import run_distance_panels as panels
from sgdwalk.geometry.run_distances import PairDistances


def pair(run_a, run_b, last=10, same=True, **differ):
    step = np.array([0, 1, last])
    one = np.array([0.0, 1.0, 2.0])
    cosine = np.array([np.nan, 0.5, 0.5])
    return PairDistances(
        run_a=run_a,
        run_b=run_b,
        differ=differ,
        versions="",
        k=8,
        step=step,
        distance=one,
        distance_low=0.9 * one,
        distance_high=1.1 * one,
        independent=1.4 * one if same else None,
        from_start_a=one,
        from_start_b=one,
        cosine=cosine,
        cosine_low=cosine - 0.1,
        cosine_high=cosine + 0.1,
    )


@pytest.fixture
def axis():
    figure, axis = plt.subplots()
    yield axis
    plt.close(figure)


def labels(axis):
    return [text.get_text() for text in axis.get_legend().get_texts()]


def test_the_largest_set_that_differs_in_one_setting_is_shown():
    pairs = [
        pair("a", "b", seed="0 / 1"),
        pair("a", "c", learning_rate="1 / 2"),
        pair("b", "c", seed="1 / 0", learning_rate="1 / 2"),
        pair("d", "e", seed="0 / 1"),
        pair("d", "f", seed="0 / 2"),
        pair("e", "f", seed="1 / 2"),
    ]
    assert [p.run_a for p in panels.largest_family(pairs, "seed")] == ["d", "d", "e"]
    assert panels.largest_family(pairs, "learning_rate") == [pairs[1]]
    assert panels.largest_family(pairs, "batch_size") == []


def test_of_pairs_with_the_same_two_values_the_longest_is_shown():
    pairs = [
        pair("a", "b", last=10, batch_size="16 / 32"),
        pair("b", "c", last=20, batch_size="32 / 16"),
    ]
    assert panels.largest_family(pairs, "batch_size") == [pairs[1]]


def test_pairs_from_one_start_stand_beside_the_null(axis):
    panels.draw_distances(axis, [pair("a", "b", learning_rate="1 / 2")], "learning_rate")
    assert labels(axis) == ["1 / 2", "null: orthogonal ways"]
    (drawn, null, _) = axis.lines
    np.testing.assert_array_equal(drawn.get_ydata(), [1, 2])
    np.testing.assert_array_equal(null.get_ydata(), [1.4, 2.8])


def test_pairs_from_two_starts_stand_beside_their_ways(axis):
    pairs = [
        pair(str(i), str(j), same=False, seed=f"{i} / {j}") for j in range(5) for i in range(j)
    ]
    panels.draw_distances(axis, pairs, "seed")
    assert labels(axis) == ["10 pairs", "way from the own start"]
    assert sum(line.get_linestyle() == "--" and len(line.get_xdata()) for line in axis.lines) == 10


def test_panels_without_pairs_say_so(axis):
    panels.draw_distances(axis, [], "seed")
    assert axis.texts[0].get_text() == "no two runs differ by\nthe seed alone"
    panels.draw_cosines(axis, {"seed": [], "batch_size": []})
    assert axis.texts[1].get_text().startswith("no two runs differ by\none of these")


def test_cosines_of_each_setting_have_their_colour(axis):
    families = {"seed": [pair("a", "b", same=False, seed="0 / 1")], "learning_rate": []}
    panels.draw_cosines(axis, families)
    assert labels(axis) == ["seed"]
    assert axis.get_ylabel() == "cosine of ways from the start"
