"""Roughness measured back from grids and from walks, where H is known and where there is none."""

import numpy as np
import pytest
from calibration.terrain_roughness import grid_bias, grid_table, walk_bias, walk_table
from scipy.ndimage import gaussian_filter

from sgdwalk.walker.gradients import RESOLVED_CELLS
from sgdwalk.walker.grid_roughness import resolved_roughness
from sgdwalk.walker.terrain import make_terrain


@pytest.mark.parametrize(("H", "most"), [(0.3, 0.07), (0.7, 0.07)])
def test_free_walks_give_the_exponent_from_the_resolved_distance_on(H, most):
    found = walk_bias(H, 257, 0.01, terrains=4, steps=400, walkers=8, cells=(0, RESOLVED_CELLS))
    assert abs(found.bias[1]) < most
    assert found.bias[0] > found.bias[1]
    assert found.bias[0] > 0.06
    assert (found.share == 1).all()
    assert len(walk_table([found]).splitlines()) == 3


@pytest.mark.parametrize("size", [65, 129, 257])
@pytest.mark.parametrize("H", [0.3, 0.9])
def test_grids_of_known_exponent_are_fitted_from_one_cell_on(H, size):
    found = grid_bias("spectral", H, size, 12)
    assert np.mean(found.first == 1) >= 0.9
    assert found.exponents.mean() == pytest.approx(H, abs=0.02)
    assert found.exponents == pytest.approx([H] * 12, abs=0.09 if size == 65 else 0.05)
    assert "0 of 12" in grid_table([found])


def test_a_grid_that_bends_has_no_exponent():
    for kind in ("shuffled", "fractal"):
        found = resolved_roughness(make_terrain(kind, 1, size=513).values)
        assert np.isnan([found.exponent, found.first, found.last]).all()
        assert found.missing.startswith("no power law: octaves of 1-16 cells have exponents")


def test_midpoint_displacement_is_fitted_where_it_is_a_power_law():
    found = grid_bias("fractal, not cut", None, 257, 4)
    assert (found.first >= 2).all()
    assert found.exponents.mean() == pytest.approx(0.92, abs=0.05)


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_a_smoothed_grid_has_no_exponent_of_its_smoothing(width):
    rough = make_terrain("spectral", 3, size=1025, H=0.5).values
    smooth = resolved_roughness(gaussian_filter(rough, width))
    if width == 0.5:
        assert smooth.first >= 4
        assert smooth.exponent == pytest.approx(0.5, abs=0.1)
    else:
        assert "no power law" in smooth.missing


def test_small_and_flat_grids_say_so():
    assert "63 points a side" in resolved_roughness(np.ones((63, 99))).missing
    assert resolved_roughness(np.ones((64, 99))).missing == "flat over some of 1-4 cells"
