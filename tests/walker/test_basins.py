import numpy as np
import pytest
from scipy import ndimage

from sgdwalk.errors import InputError
from sgdwalk.walker.basins import (
    find_basins,
    first_passage_times,
    stays,
    time_in_basins,
    visited_basins,
)
from sgdwalk.walker.terrain import Terrain, make_terrain

AXIS = np.linspace(-1, 1, 201)


def two_wells(tilt=0.1):
    """Wells at x = -1/2 and 1/2, the pass at x = 0 about 0.0625 k above them."""
    x, y = AXIS[:, None], AXIS
    return Terrain(4 * (x**2 - 0.25) ** 2 + tilt * x + y**2, "two wells")


def test_two_wells_are_two_basins_with_their_pass():
    basins = find_basins(two_wells(), 0.05)
    profile = 4 * (AXIS**2 - 0.25) ** 2 + 0.1 * AXIS
    minima = profile[AXIS < -0.1].min(), profile[AXIS > 0.1].min()
    top = profile[np.abs(AXIS) < 0.2].max()
    np.testing.assert_allclose(basins.minimum, minima)
    np.testing.assert_allclose(basins.position[:, 1], 0, atol=1e-12)
    np.testing.assert_allclose(basins.position[:, 0], (-0.51, 0.49), atol=0.011)
    assert np.isinf(basins.depth[0])
    assert basins.depth[1] == pytest.approx(top - minima[1])
    assert basins.deepest == 0
    edge = AXIS[np.abs(AXIS) < 0.2][np.argmax(profile[np.abs(AXIS) < 0.2])]
    np.testing.assert_allclose(basins.area, [2 * (1 + edge), 2 * (1 - edge)], atol=0.02)
    beyond = AXIS - edge
    assert np.all(basins.labels[beyond < -0.02] == 0)
    assert np.all(basins.labels[beyond > 0.02] == 1)


def test_shallow_well_joins_the_deeper_one():
    depth = find_basins(two_wells(), 0.05).depth[1]
    assert len(find_basins(two_wells(), depth * 0.999).minimum) == 2
    merged = find_basins(two_wells(), depth * 1.001)
    assert len(merged.minimum) == 1
    assert not merged.labels.any()
    assert merged.area == pytest.approx(4)


def test_curvature_of_a_quadratic_minimum():
    bowl = Terrain(3.0 / 2 * AXIS[:, None] ** 2 + 12.0 / 2 * AXIS**2, "bowl")
    basins = find_basins(bowl, 0.2)
    assert basins.curvature == pytest.approx(np.sqrt(3 * 12), rel=0.02)
    assert basins.flattest == 0


def test_flattest_need_not_be_deepest():
    x, y = AXIS[:, None], AXIS
    narrow = 50 * ((x + 0.5) ** 2 + y**2) - 0.5
    wide = 1.0 * ((x - 0.3) ** 2 + y**2)
    basins = find_basins(Terrain(np.minimum(narrow, wide), "unequal wells"), 0.05)
    assert basins.deepest == 0
    assert basins.flattest == 1
    np.testing.assert_allclose(basins.curvature, [100, 2], rtol=0.15)


@pytest.mark.parametrize("levels", [0, 12])
def test_depths_are_the_births_and_deaths_of_sublevel_sets(levels):
    """At height h as many pieces of the ground are below h as minima are born and not yet dead."""
    values = np.random.default_rng(0).standard_normal((40, 30))
    if levels:  # many plateaus
        values = np.round(values * levels / 4)
    basins = find_basins(Terrain(values, "random"), 1e-9)
    death = basins.minimum + basins.depth
    for height in np.quantile(values, np.linspace(0, 1, 25)):
        _, pieces = ndimage.label(values <= height, structure=np.ones((3, 3)))
        assert pieces == np.sum((basins.minimum <= height) & (death > height))


def test_merging_keeps_just_the_deep_basins_and_all_of_the_ground():
    terrain = make_terrain("spectral", 1, size=129)
    fine, coarse = find_basins(terrain, 1e-9), find_basins(terrain, 0.02)
    deep = fine.depth >= 0.02
    assert 1 < deep.sum() < len(deep)
    np.testing.assert_array_equal(coarse.minimum, fine.minimum[deep])
    np.testing.assert_array_equal(coarse.depth, fine.depth[deep])
    assert coarse.area.sum() == pytest.approx(4)
    # A catchment lies in one basin, and cores of different basins are nowhere neighbours.
    for label in range(len(deep)):
        assert len(np.unique(coarse.labels[fine.labels == label])) == 1
    pieces, _ = ndimage.label(coarse.core, structure=np.ones((3, 3)))
    for piece in range(1, pieces.max() + 1):
        assert len(np.unique(coarse.labels[pieces == piece])) == 1


def test_plateau_drains_and_flat_ground_is_one_basin():
    ramp = np.minimum(np.arange(20.0), 10)[:, None] + np.zeros(20)
    assert len(find_basins(Terrain(ramp, "mesa"), 1.0).minimum) == 1
    assert len(find_basins(Terrain(np.zeros((9, 9)), "flat"), 1.0).minimum) == 1


def test_visits_begin_in_cores_and_last_until_the_next():
    basins = find_basins(two_wells(), 0.05)
    path = np.array([(-0.99, 0.9), (-0.5, 0), (-0.1, 0), (0.1, 0), (0.5, 0), (0.1, 0), (-0.1, 0.1)])
    still = np.broadcast_to((0.99, -0.9), path.shape)
    visited = visited_basins(basins, np.array([path, still]))
    assert visited.tolist() == [[-1, 0, 0, 0, 1, 1, 1], [-1] * 7]


def test_stays_passages_and_shares():
    visited = np.array([[-1, 0, 0, 2, 2, 2], [1, 1, 1, 1, 1, 1], [-1, -1, -1, -1, -1, -1]])
    found = stays(visited)
    assert found.walker.tolist() == [0, 0, 1]
    assert found.basin.tolist() == [0, 2, 1]
    assert found.entry.tolist() == [1, 3, 0]
    assert found.duration.tolist() == [2, 2, 5]
    assert found.escaped.tolist() == [True, False, False]
    np.testing.assert_array_equal(first_passage_times(visited, 2), [3, np.nan, np.nan])
    np.testing.assert_array_equal(first_passage_times(visited, 1), [np.nan, 0, np.nan])
    np.testing.assert_allclose(time_in_basins(visited, 4), np.array([2, 6, 3, 0]) / 18)


def test_depth_threshold_must_be_positive():
    with pytest.raises(InputError, match="min_depth"):
        find_basins(two_wells(), 0.0)
