from dataclasses import replace

import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.walker import file as walker_file
from sgdwalk.walker import sweep as walker_sweep
from sgdwalk.walker.analysis import analyse, analyse_walks, held_shares, selections, survey
from sgdwalk.walker.basins import basin_statistics, find_basins
from sgdwalk.walker.diffusion import stage_diffusion, stages
from sgdwalk.walker.gradients import RESOLVED_CELLS, gradient_density, walk_roughness
from sgdwalk.walker.table import sweep_rows, terrain_rows
from sgdwalk.walker.terrain import Terrain, make_terrain
from sgdwalk.walker.valleys import valley_statistics
from sgdwalk.walker.walk import Walks, simulate_walkers

FLAT = Terrain(np.zeros((65, 65)), "flat")


def assert_undefined(estimate):
    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()


def walks_of(positions, gradients=None, stuck=None):
    walkers = len(positions)
    losses = np.zeros(positions.shape[:2])
    gradients = np.zeros(positions.shape) if gradients is None else gradients
    return Walks(positions, losses, gradients, np.zeros(walkers, int) if stuck is None else stuck)


def test_pure_noise_has_exponent_one():
    """Of 40 ensembles at 95 %, fewer than 33 hold the truth once in 1000 times."""
    exponents, whole = [], 0
    for seed in range(40):
        walks = simulate_walkers(FLAT, 60, 200, seed=seed, noise=1e-3, start=(0, 0))
        result = stage_diffusion(walks, 0, 200)
        exponents.append(result.exponent_long)
        whole += len(result.regimes) == 1
        np.testing.assert_allclose(result.msd[0], 2e-6, rtol=0.05)
    assert sum(one.low <= 1 <= one.high for one in exponents) >= 33
    assert np.mean([one.value for one in exponents]) == pytest.approx(1, abs=0.02)
    assert whole >= 33


def test_descent_of_the_cone_without_noise_is_ballistic_and_its_end_is_at_rest():
    start = np.random.default_rng(0).uniform(0.4, 0.7, (20, 2))
    walks = simulate_walkers(
        make_terrain("convex"), 20, 60, noise=0.0, learning_rate=0.01, start=start
    )
    result = stage_diffusion(walks, 0, 60)
    assert result.exponent_short.value == pytest.approx(2, abs=0.01)
    np.testing.assert_allclose(result.msd, (0.005 * result.lags) ** 2, rtol=1e-3)
    still = walks_of(np.zeros((20, 61, 2)))
    assert_undefined(stage_diffusion(still, 0, 60).exponent_long)
    with pytest.raises(InputError, match="no walkers"):
        stage_diffusion(walks.select(walks.stuck < 0), 0, 60)


def test_stages_are_the_first_and_the_last_steps():
    assert stages(1000, 200) == {"initial": (0, 200), "final": (800, 1000), "whole": (0, 1000)}
    assert stages(50, 200)["final"] == (0, 50)


def test_walkers_that_a_wall_held_are_told_apart():
    positions = np.random.default_rng(1).uniform(-1, 1, (4, 6, 2))
    positions[1, 3:] = positions[1, 2]  # frozen
    positions[2, 2] = positions[2, 1]  # held once
    walks = walks_of(positions, stuck=np.array([0, 3, 1, 0]))
    assert held_shares(walks) == (0.5, 0.25)
    assert len(selections(walks)["free"].stuck) == 2
    free = selections(walks_of(positions))
    assert free["free"] is free["all"]
    assert "free" not in selections(walks_of(positions, stuck=np.ones(4, int)))


def test_held_entries_and_zeros_are_left_out_of_the_gradients():
    rng = np.random.default_rng(2)
    positions = rng.uniform(-1, 1, (50, 101, 2))
    gradients = rng.standard_normal((50, 101, 2)) * 3 + 1
    positions[0, 51:] = positions[0, 50]
    gradients[0, 51:] = 1e6
    gradients[1, :, 0] = 0
    result = gradient_density(walks_of(positions, gradients))
    assert result.held_share == pytest.approx(50 / (50 * 101))
    assert result.zero_share == pytest.approx(101 / (2 * (50 * 101 - 50)))
    assert result.entries == 2 * (50 * 101 - 50) - 101
    assert result.alpha.low <= 2 <= result.alpha.high
    np.testing.assert_allclose(result.gaussian, (1, 3), rtol=0.1)
    assert np.sum(result.density * np.diff(result.edges)) == pytest.approx(1)


def test_heavy_tails_are_found():
    rng = np.random.default_rng(3)
    gradients = rng.standard_t(1.0, (40, 200, 2))  # Cauchy is stable with alpha 1
    result = gradient_density(walks_of(rng.uniform(-1, 1, (40, 200, 2)), gradients))
    assert result.alpha.value == pytest.approx(1, abs=0.05)
    assert result.alpha.low < 1 < result.alpha.high
    assert result.log_likelihood_ratio > 0.5
    outside = np.abs(gradients) > np.abs(result.edges[[0, -1]]).min()
    assert np.sum(result.density * np.diff(result.edges)) == pytest.approx(
        1 - outside.mean(), abs=0.01
    )


def test_flat_ground_has_no_density_and_no_roughness():
    walks = simulate_walkers(FLAT, 5, 50)
    result = gradient_density(walks)
    assert result.entries == 0
    assert result.zero_share == 1
    assert_undefined(result.alpha)
    found = walk_roughness(walks, 0.01)
    assert_undefined(found.hurst)
    assert found.missing == {"hurst": "the loss is the same everywhere on the walks"}


def test_smooth_slope_has_roughness_one():
    axis = np.linspace(-1, 1, 65)
    slope = Terrain(axis[:, None] + 2 * axis, "slope")
    walks = simulate_walkers(slope, 8, 300, noise=0.01, learning_rate=0.0, start=(0, 0))
    result = walk_roughness(walks, RESOLVED_CELLS * slope.spacing[0] / 8)
    assert result.walkers == 8
    assert result.hurst.low <= 1 <= result.hurst.high + 0.05
    assert result.hurst.value == pytest.approx(1, abs=0.05)


def test_escape_time_counts_time_over_escapes():
    """Hops between two wells with a known rate: exponential stays, cut off by the end."""
    x = np.linspace(-1, 1, 101)
    wells = Terrain(4 * (x[:, None] ** 2 - 0.25) ** 2 + 0.05 * x[:, None] + x**2, "wells")
    rng = np.random.default_rng(4)
    hops = rng.random((300, 400)) < 0.01
    side = np.where(np.cumsum(hops, axis=1) % 2, 0.5, -0.5)
    positions = np.stack([side, np.zeros_like(side)], axis=2)
    result = basin_statistics(walks_of(positions), find_basins(wells, 0.05))
    assert result.mean_escape_time == pytest.approx(100, rel=0.1)
    assert result.deepest == 0
    assert np.isfinite(result.reach_deepest).all()
    np.testing.assert_array_equal(result.stays - result.escapes, np.bincount((side[:, -1] > 0) * 1))
    assert result.end_deepest == np.mean(side[:, -1] < 0)


def test_no_valley_on_flat_ground():
    result = valley_statistics(simulate_walkers(FLAT, 5, 50), FLAT)
    assert result.inside_share == 0
    assert np.isnan(result.rms_along)


def test_roughness_is_measured_back_before_and_after_the_floor():
    ground = survey(make_terrain("fractal", 1, size=257))
    assert ground.roughness_before_floor == pytest.approx(0.87, abs=0.08)
    assert "no power law" in ground.missing["roughness"]
    assert np.isnan(ground.roughness)
    assert ground.H == 1
    assert ground.cell == 2 / 256
    plain = survey(make_terrain("spectral", 1, size=257, H=0.6))
    assert plain.roughness == pytest.approx(0.6, abs=0.05)
    np.testing.assert_allclose(plain.roughness_range, np.array([1, 16]) * plain.cell)
    assert np.isnan(plain.roughness_before_floor)
    assert plain.missing == {"roughness_before_floor": "no floor or border is cut"}


def test_file_gives_back_what_was_written(tmp_path):
    terrain = make_terrain("fractal", 5, size=65)
    walks = simulate_walkers(terrain, 30, 100, seed=5)
    result = analyse_walks(terrain, walks, stage=40, basin_depth=0.02)
    settings = {"kind": "fractal", "noise": 0.01}
    walker_file.write(tmp_path / "walker.h5", result, {"settings": settings})
    read = walker_file.read(tmp_path / "walker.h5")
    assert read.origin["settings"] == settings
    assert read.walks.positions.dtype == np.float32
    np.testing.assert_allclose(read.walks.positions, walks.positions, atol=1e-7)
    np.testing.assert_array_equal(read.walks.stuck, walks.stuck)
    assert (read.held_share, read.frozen_share) == held_shares(walks)
    np.testing.assert_equal(vars(read.gradients), vars(result.gradients))
    for name, value in vars(result.roughness).items():
        again = getattr(read.roughness, name)
        np.testing.assert_equal(
            *(vars(v) if isinstance(v, Estimate) else v for v in (again, value))
        )
    assert {selection: set(found) for selection, found in read.stages.items()} == {
        selection: set(found) for selection, found in result.stages.items()
    }
    for selection, by_stage in result.stages.items():
        for stage, found in by_stage.items():
            again = read.stages[selection][stage]
            assert again.walkers == found.walkers
            assert again.regimes == found.regimes
            np.testing.assert_array_equal(again.msd, found.msd)
            np.testing.assert_equal(vars(again.exponent_long), vars(found.exponent_long))
        np.testing.assert_array_equal(
            read.basins[selection].reach_deepest, result.basins[selection].reach_deepest
        )
    rows = terrain_rows("fractal", read)
    assert [row["selection"] for row in rows] == list(result.stages)
    assert all(row["held_share"] == np.mean(walks.stuck > 0) for row in rows)
    with pytest.raises(InputError, match="a walker file; expected a walker_sweep"):
        walker_sweep.read(tmp_path / "walker.h5")


def test_an_ensemble_is_made_from_its_settings():
    settings = {"seed": 3, "walkers": 20, "steps": 60, "noise": 0.02, "learning_rate": 0.01}
    result = analyse("fractal", {**settings, "size": 65}, 30, 0.02)
    terrain = make_terrain("fractal", 3, size=65)
    walks = simulate_walkers(terrain, **settings)
    np.testing.assert_array_equal(result.walks.losses, walks.losses.astype(np.float32))
    np.testing.assert_array_equal(result.ground.values, terrain.values.astype(np.float32))
    again = analyse_walks(terrain, walks, 30, 0.02)
    np.testing.assert_equal(vars(result.valleys), vars(again.valleys))
    np.testing.assert_equal(vars(result.stages["all"]["whole"]), vars(again.stages["all"]["whole"]))


def test_one_walker_is_an_ensemble_without_errors():
    terrain = make_terrain("spectral", 2, size=65)
    walks = simulate_walkers(terrain, 1, 60, seed=2, start=(0, 0))
    result = analyse_walks(terrain, walks, stage=30, basin_depth=0.02)
    stage = result.stages["all"]["whole"]
    assert np.isnan(stage.msd_error).all()
    assert_undefined(stage.exponent_long)
    alpha = result.gradients.alpha
    assert alpha.low <= alpha.value <= alpha.high


def small_sweep():
    terrain = {"kind": "spectral", "H": 0.7, "size": 65}
    walk = {"learning_rate": 0.02, "walkers": 20, "steps": 80}
    points = [{**walk, "noise": noise, "seed": seed} for noise in (0.01, 0.02) for seed in range(3)]
    return terrain, points, walker_sweep.analyse(terrain, points, 40, 0.02)


def test_points_of_a_sweep_are_made_draw_by_draw():
    _, points, result = small_sweep()
    assert [(p.seed, p.noise) for p in result.points] == [
        (seed, noise) for seed in range(3) for noise in (0.01, 0.02)
    ]
    draw = make_terrain("spectral", 2, size=65, H=0.7)
    walks = simulate_walkers(draw, **points[5])
    point = result.points[5]
    assert (point.held_share, point.frozen_share) == held_shares(walks)
    assert point.exponent_initial == stage_diffusion(walks, 0, 40).exponent_max.value
    assert point.exponent_final == stage_diffusion(walks, 40, 80).exponent_long.value
    free = selections(walks)["free"]
    assert point.exponent_initial_free == stage_diffusion(free, 0, 40).exponent_max.value
    basins = basin_statistics(walks, find_basins(draw, 0.02))
    assert point.reach_deepest == np.isfinite(basins.reach_deepest).mean()
    assert point.reach_flattest == np.isfinite(basins.reach_flattest).mean()
    assert walker_sweep.sweep_point(draw, find_basins(draw, 0.02), points[5], 40) == point


def test_points_of_a_sweep_are_averaged_over_seeds(tmp_path):
    terrain, _, result = small_sweep()
    walker_sweep.write(tmp_path / "sweep.h5", result, {"terrain": terrain})
    read = walker_sweep.read(tmp_path / "sweep.h5")
    np.testing.assert_equal([vars(p) for p in read.points], [vars(p) for p in result.points])
    assert [type(value) for value in vars(read.points[0]).values()][:5] == [
        *(float, float),
        *(int, int, int),
    ]
    groups = walker_sweep.averaged(read)
    assert [group.settings["noise"] for group in groups] == [0.01, 0.02]
    assert [group.draws for group in groups] == [3, 3]
    mean = groups[1].means["exponent_initial"]
    values = np.array([p.exponent_initial for p in result.points if p.noise == 0.02])
    assert mean.value == pytest.approx(values.mean())
    half = 4.302653 * values.std(ddof=1) / np.sqrt(3)
    assert (mean.low, mean.high) == pytest.approx((values.mean() - half, values.mean() + half))
    rows = sweep_rows("spectral-H0.7", read)
    assert len(rows) == 4
    assert rows[0]["exponent_initial"] == groups[0].means["exponent_initial"]
    assert rows[0]["H"] == 0.7
    assert rows[0]["draws"] == 3
    assert [row["selection"] for row in rows] == ["all", "free"] * 2


def test_mean_over_draws_leaves_out_what_is_undefined():
    _, _, result = small_sweep()

    def mean_of(*values):
        points = [
            replace(result.points[0], seed=seed, exponent_final=value)
            for seed, value in enumerate(values)
        ]
        (group,) = walker_sweep.averaged(walker_sweep.SweepResult(tuple(points)))
        assert group.draws == len(values)
        return group.means["exponent_final"]

    mean = mean_of(1.0, np.nan, 3.0)
    half = 12.706205 * np.sqrt(2) / np.sqrt(2)  # of two draws, one degree of freedom
    assert (mean.value, mean.high) == pytest.approx((2.0, 2.0 + half))
    assert np.isnan(mean_of(np.nan).value)
    one = mean_of(1.5)
    assert one.value == 1.5
    assert np.isnan(one.low)


def test_mean_over_draws_says_how_many_had_a_number(tmp_path):
    terrain = {"kind": "spectral", "H": 0.7, "size": 65}
    walk = {"learning_rate": 0.0, "steps": 40, "noise": 0.01}
    points = [{**walk, "walkers": 5 if seed else 2, "seed": seed} for seed in range(2)]
    points += [{**walk, "walkers": 5, "seed": 2, "noise": 0.0}]
    result = walker_sweep.analyse(terrain, points, 20, 0.02)
    few = "fewer than 5 walkers moved"
    assert result.points[0].missing["exponent_final"] == few
    walker_sweep.write(tmp_path / "sweep.h5", result, {"terrain": terrain})
    read = walker_sweep.read(tmp_path / "sweep.h5")
    assert [p.missing for p in read.points] == [p.missing for p in result.points]
    # As draws of one setting: two without a number, for the same reason, and one with.
    alike = [replace(p, walkers=5, noise=0.01) for p in read.points]
    alike[1] = replace(alike[1], exponent_final=0.8, undefined="")
    (mean,) = walker_sweep.averaged(walker_sweep.SweepResult(tuple(alike)))
    assert (mean.draws, mean.counts["exponent_final"], mean.counts["held_share"]) == (3, 1, 3)
    said = f"1 of 3 draws, {few} in 2, one draw has no interval"
    assert mean.missing["exponent_final"] == said
    rows = sweep_rows("spectral", replace(read, points=tuple(alike)))
    assert f"exponent_final: {said}; " in rows[0]["undefined"]
    assert "other columns: not measured in sweeps" in rows[0]["undefined"]


def awkward_ensembles():
    rough = make_terrain("spectral", 2, size=129, H=0.5)
    cone = make_terrain("convex", size=65)
    steep = Terrain(1e3 * np.linspace(-1, 1, 65)[:, None] * np.ones(65), "wall")
    yield "one walker", rough, simulate_walkers(rough, 1, 60, seed=2), 30
    yield "few steps", rough, simulate_walkers(rough, 20, 6, seed=2, start=(0, 0)), 3
    yield "flat", FLAT, simulate_walkers(FLAT, 8, 60), 30
    yield "at rest", cone, simulate_walkers(cone, 6, 40, noise=0.0, learning_rate=0.0), 20
    yield "steps inside a cell", rough, simulate_walkers(rough, 9, 50, noise=1e-5), 20
    yield "all held", steep, simulate_walkers(steep, 6, 50, noise=1e-3), 20
    cut = make_terrain("fractal", 1, size=257)
    yield "cut", cut, simulate_walkers(cut, 30, 100, seed=1), 40
    tiny = Terrain(np.arange(6.0).reshape(2, 3), "tiny")
    yield "tiny grid", tiny, simulate_walkers(tiny, 6, 40, start=(0, 0)), 20


@pytest.mark.parametrize("case", list(awkward_ensembles()), ids=lambda case: case[0])
def test_every_empty_number_of_the_table_has_a_reason(case, tmp_path):
    name, terrain, walks, stage = case
    result = analyse_walks(terrain, walks, stage, 0.02)
    walker_file.write(tmp_path / "walker.h5", result, {"settings": {"kind": name}})
    rows = terrain_rows(name, walker_file.read(tmp_path / "walker.h5"))
    for row in rows:
        said = dict(part.split(": ", 1) for part in row["undefined"].split("; ") if part)
        for column, value in row.items():
            if column in ("terrain", "kind", "selection", "deepest_is_flattest", "undefined"):
                continue
            ends = (value.value, value.low, value.high) if isinstance(value, Estimate) else (value,)
            column = {"roughness_from": "roughness_measured"}.get(column, column)
            column = {"roughness_to": "roughness_measured"}.get(column, column)
            assert np.isfinite(ends).all() == (column not in said), (column, value)
    stages_found = [s for by_stage in result.stages.values() for s in by_stage.values()]
    assert all(np.isfinite(s.msd_error).all() or "msd_error" in s.missing for s in stages_found)


def test_nothing_is_fitted_below_the_cells_of_a_grid():
    """Steps of a fifth of a cell feel the interpolation, which is smooth."""
    terrain = make_terrain("spectral", 4, size=129, H=0.3)
    cell = terrain.spacing[0]
    walks = simulate_walkers(terrain, 12, 300, seed=1, noise=cell / 5, learning_rate=0.0)
    walks = walks.select(walks.stuck == 0)
    assert walk_roughness(walks, 0.0).hurst.value > 0.6
    found = walk_roughness(walks, RESOLVED_CELLS * cell)
    assert not found.hurst.defined
    assert "below which cells are smooth" in found.missing["hurst"]
