import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.walker.grid_roughness import roughness_exponent, structure_function
from sgdwalk.walker.random_surfaces import (
    fractional_brownian_surface,
    midpoint_displacement,
    multifractional_brownian_surface,
)
from sgdwalk.walker.terrain import KINDS, Terrain, make_terrain


def test_bilinear_function_is_reproduced_with_its_gradient():
    x, y = np.linspace(-1, 1, 7)[:, None], np.linspace(-1, 1, 12)
    terrain = Terrain(2 + 3 * x - 4 * y + 5 * x * y, "grid")
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3, 2))
    points[0] = [(-1, -1), (1, 1), (1, -1)]
    u, v = points[..., 0], points[..., 1]
    loss, gradient = terrain.loss_and_gradient(points)
    np.testing.assert_allclose(loss, 2 + 3 * u - 4 * v + 5 * u * v, atol=1e-13)
    np.testing.assert_allclose(gradient[..., 0], 3 + 5 * v, atol=1e-12)
    np.testing.assert_allclose(gradient[..., 1], -4 + 5 * u, atol=1e-12)


def test_interpolation_agrees_with_scipy_and_gradient_with_differences():
    from scipy.interpolate import RegularGridInterpolator

    values = np.random.default_rng(1).standard_normal((9, 6))
    terrain = Terrain(values, "grid")
    points = np.random.default_rng(2).uniform(-0.999, 0.999, (500, 2))
    reference = RegularGridInterpolator((terrain.x, terrain.y), values, method="linear")
    np.testing.assert_allclose(terrain.loss(points), reference(points), atol=1e-13)
    # Inside a cell the surface is linear along each axis: differences are exact.
    spacing = np.array(terrain.spacing)
    in_cell = (points + 1) / spacing % 1
    points = points[((in_cell > 0.01) & (in_cell < 0.99)).all(axis=1)]
    for axis in (0, 1):
        shift = 1e-3 * spacing * np.eye(2)[axis]
        difference = terrain.loss(points + shift) - terrain.loss(points - shift)
        np.testing.assert_allclose(
            terrain.gradient(points)[:, axis], difference / (2 * shift[axis]), atol=1e-9
        )


def test_grid_points_return_the_grid():
    values = np.random.default_rng(3).standard_normal((5, 8))
    terrain = Terrain(values, "grid")
    grid = np.stack(np.meshgrid(terrain.x, terrain.y, indexing="ij"), axis=-1)
    np.testing.assert_allclose(terrain.loss(grid), values, atol=1e-13)


@pytest.mark.parametrize("points", [[0, 1.001], [np.nan, 0], [0, 0, 0]])
def test_points_outside_the_square_are_refused(points):
    with pytest.raises(InputError, match="square"):
        make_terrain("convex", size=9).loss(points)


@pytest.mark.parametrize("kind", list(KINDS))
def test_terrains_are_reproducible(kind):
    first, second, other = (make_terrain(kind, seed, size=65) for seed in (4, 4, 5))
    assert first.values.shape == (65, 65)
    assert first.kind == kind
    assert np.array_equal(first.values, second.values)
    assert np.array_equal(first.values, other.values) == (kind == "convex")


@pytest.mark.parametrize("H", [0.2, 0.5, 0.75, 0.95])
def test_fractional_surface_has_the_exact_variogram(H):
    rng = np.random.default_rng(6)
    draws = np.array([fractional_brownian_surface(9, H, rng) for _ in range(1200)])
    axis = np.linspace(-1, 1, 9)
    error = 5 * np.sqrt(2 / len(draws))  # five standard errors of a variance
    for a, b in [
        ((0, 0), (8, 8)),
        ((0, 8), (8, 0)),
        ((0, 0), (0, 8)),
        ((3, 4), (4, 4)),
        ((2, 7), (3, 6)),
        ((0, 5), (7, 1)),
    ]:
        distance = np.hypot(axis[a[0]] - axis[b[0]], axis[a[1]] - axis[b[1]])
        variance = np.mean((draws[(..., *a)] - draws[(..., *b)]) ** 2)
        assert variance == pytest.approx(distance ** (2 * H), rel=error)
    assert np.all(draws[:, 4, 4] == 0)


@pytest.mark.parametrize("H", [0.3, 0.6, 0.9])
def test_spectral_roughness_is_measured_back(H):
    grids = [make_terrain("spectral", seed, size=257, H=H).values for seed in range(8)]
    assert [roughness_exponent(grid) for grid in grids] == pytest.approx([H] * 8, abs=0.05)
    first_order = np.mean([roughness_exponent(grid, order=1) for grid in grids])
    assert first_order == pytest.approx(H, abs=0.05)


def test_multifractional_surface_with_one_exponent_is_the_fractional_one():
    one = multifractional_brownian_surface(np.full((65, 65), 0.6), np.random.default_rng(7))
    other = fractional_brownian_surface(65, 0.6, np.random.default_rng(7))
    assert np.array_equal(one, other)


def test_multifractal_is_as_rough_as_its_exponent_says_where_it_says_so():
    hoelder = np.repeat(np.linspace(0.4, 0.8, 193)[:, None], 193, axis=1)
    measured = []
    for seed in range(3):
        terrain = make_terrain("multifractal", seed, hoelder=hoelder)
        assert np.array_equal(terrain.hoelder, hoelder)
        strips = np.array_split(terrain.values, 4, axis=0)
        measured.append([roughness_exponent(strip, longest=8) for strip in strips])
    wanted = [strip.mean() for strip in np.array_split(hoelder, 4, axis=0)]
    np.testing.assert_allclose(np.mean(measured, axis=0), wanted, atol=0.05)


def test_multifractal_default_is_smoother_in_the_centre():
    terrain = make_terrain("multifractal", 1, size=65, hoelder=(0.4, 0.8))
    assert terrain.hoelder[0].max() == pytest.approx(0.4)
    assert terrain.hoelder[32, 32] == pytest.approx(0.8)


@pytest.mark.parametrize("H", [0.4, 1.0])
def test_midpoint_displacement_displaces_the_means_of_neighbours(H):
    """Point by point: displacements are uniform, of the width of the level the point belongs to."""
    levels, amplitude = 7, 3.0
    heights = midpoint_displacement(levels, H, amplitude, np.random.default_rng(8))
    size = len(heights)
    assert size == 129
    assert not heights[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    for level in range(levels):
        half = 2 ** (levels - 1 - level)
        displacements = []
        for i in range(0, size, half):
            for j in range(0, size, half):
                odd = (i // half % 2, j // half % 2)
                if odd == (0, 0):
                    continue
                steps = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
                if odd != (1, 1):
                    steps = [(-1, 0), (1, 0), (0, -1), (0, 1)]
                around = [(i + half * a, j + half * b) for a, b in steps]
                known = [heights[p] for p in around if min(p) >= 0 and max(p) < size]
                displacements.append(heights[i, j] - np.mean(known))
        width = amplitude * 2 ** (-H * level)
        assert np.abs(displacements).max() <= width / 2
        if level >= 3:
            assert np.var(displacements) == pytest.approx(width**2 / 12, rel=0.15)
            assert np.abs(displacements).max() > 0.45 * width


def test_fractal_has_its_floor_and_border():
    raw = make_terrain("fractal", 2, size=129, floor=None, border=None)
    terrain = make_terrain("fractal", 2, size=129)
    heights, raw_heights = 10 - terrain.values, 10 - raw.values
    inner = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(heights[inner], np.maximum(raw_heights, -0.1)[inner], atol=1e-14)
    border = np.ones((129, 129), dtype=bool)
    border[inner] = False
    assert raw_heights[border].max() > 0
    np.testing.assert_allclose(heights[border], np.clip(raw_heights, -0.1, 0)[border], atol=1e-14)


def test_convex_is_the_cone():
    terrain = make_terrain("convex", size=201)
    points = np.array([[0, 0], [0.3, 0.4], [-1, 1]])
    np.testing.assert_allclose(terrain.loss(points), [9, 9.25, 9 + np.sqrt(0.5)], atol=1e-12)


def test_shuffled_is_the_smoothed_noise_of_the_fractal_values():
    heights = 10 - make_terrain("fractal", 9, size=513).values
    height = 10 - make_terrain("shuffled", 9, size=513).values
    smooth = np.sign(height) * np.abs(height) ** (1 / 0.7)
    assert smooth.mean() == pytest.approx(heights.mean(), abs=heights.std() / 100)
    # White noise through a Gaussian of s cells keeps the share 1 / (4 pi s^2) of its variance ...
    inner = smooth[40:-40, 40:-40]
    assert inner.std() == pytest.approx(heights.std() / (2 * np.sqrt(np.pi) * 8), rel=0.1)
    # ... and has the correlation exp(-l^2 / (4 s^2)) over l cells.
    fluctuation = inner - inner.mean()
    correlation = np.mean(fluctuation[8:] * fluctuation[:-8]) / inner.var()
    assert correlation == pytest.approx(np.exp(-1 / 4), abs=0.05)


def test_structure_function_in_closed_form():
    x = np.arange(40.0)[:, None] + np.zeros(40)
    lags, first = structure_function(x, order=1)
    assert lags[0] == 1
    assert lags[-1] == 10
    np.testing.assert_allclose(first, lags**2 / 2)  # nothing along the other axis
    np.testing.assert_allclose(structure_function(x**2 + x.T**2)[1], (2.0 * lags**2) ** 2)
    assert roughness_exponent(x, order=1) == pytest.approx(1)
    assert roughness_exponent(x**2 + x.T**2) == pytest.approx(2)
    assert np.isnan(roughness_exponent(x))
    white = np.random.default_rng(0).standard_normal((200, 200))
    assert roughness_exponent(white) == pytest.approx(0, abs=0.01)


def test_user_grid_is_read(tmp_path):
    values = np.random.default_rng(10).integers(0, 9, (5, 7))
    np.save(tmp_path / "grid.npy", values)
    terrain = make_terrain(tmp_path / "grid.npy")
    np.testing.assert_array_equal(terrain.values, values)
    assert np.array_equal(make_terrain(str(tmp_path / "grid.npy")).values, terrain.values)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros(5),
        np.zeros((1, 5)),
        np.full((3, 3), np.nan),
        np.zeros((3, 3), dtype=complex),
        np.array([["a", "b"], ["c", "d"]]),
    ],
)
def test_bad_user_grids_are_refused(tmp_path, bad):
    np.save(tmp_path / "bad.npy", bad)
    with pytest.raises(InputError, match=r"bad\.npy"):
        make_terrain(tmp_path / "bad.npy")


def test_unreadable_user_grids_are_refused(tmp_path):
    (tmp_path / "text.npy").write_text("not numpy")
    for name in ("text.npy", "missing.npy"):
        with pytest.raises(InputError, match=name):
            make_terrain(tmp_path / name)


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        ("fractall", {}, "allowed are fractal"),
        ("convex", {"H": 0.5}, "allowed are size"),
        ("fractal", {"size": 100}, "power of two plus one"),
        ("shuffled", {"size": 100}, "power of two plus one"),
        ("shuffled", {"kinds": 1}, "allowed are size, H, amplitude, floor, border$"),
        ("fractal", {"size": 33, "H": 1.1}, "H"),
        ("fractal", {"size": 33, "H": 0}, "H"),
        ("spectral", {"size": 33, "H": 1}, "H"),
        ("spectral", {"size": 1}, "size"),
        ("multifractal", {"size": 33, "hoelder": (0.5, 1.0)}, "H"),
        ("multifractal", {"hoelder": np.full((3, 4), 0.5)}, "square"),
        ("multifractal", {"size": 33, "hoelder": np.full((4, 4), 0.5)}, "size"),
        ("convex", {"size": 1}, "size"),
        ("grid.npy", {"size": 33}, "no parameters"),
    ],
)
def test_bad_requests_are_refused_in_one_line(kind, parameters, message):
    with pytest.raises(InputError, match=message) as caught:
        make_terrain(kind, **parameters)
    assert "\n" not in str(caught.value)


def test_bad_measurements_are_refused():
    with pytest.raises(InputError, match="order"):
        structure_function(np.zeros((20, 20)), order=3)
    with pytest.raises(InputError, match="9 x 9"):
        structure_function(np.zeros((20, 5)))
    with pytest.raises(InputError, match="lags"):
        roughness_exponent(np.zeros((20, 20)), shortest=6, longest=7)
