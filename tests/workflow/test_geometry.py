"""Geometry in the real workflow on the smoke study."""

import csv
import math

from sgdwalk.geometry import ensemble_file
from sgdwalk.geometry import file as geometry_file
from sgdwalk.recording.trajectory import Trajectory


def table(copy, name):
    with open(copy.results / "tables" / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_every_window_of_every_run_is_analysed(smoke):
    for run in smoke.runs():
        found = geometry_file.read(run / "geometry.h5")
        recorded = Trajectory(run / "trajectory.h5").windows
        assert [(w.length, w.stride, w.start) for w in found.windows] == [
            (w.length, w.stride, w.start) for w in recorded
        ]
        assert set(found.ageing) == {"60x1"}
        assert (found.whole.length, found.whole.stride, found.whole.start) == (240, 1, 0)
        assert found.whole.modes.shares["centred"].sum() <= 1
        assert found.moving_variance.size == 240 - found.moving_window + 1
        assert found.origin["run"]["run"] == run.name
        assert found.origin["versions"]["scipy"]
        for window in found.windows:
            assert window.distance.probe.fit.points >= 3
            assert set(window.excursions) == {"20", "50"}


def test_the_table_has_a_row_per_run_and_window(smoke):
    rows = table(smoke, "geometry")
    assert len(rows) == 8
    for row in rows:
        assert math.isfinite(float(row["roughness_distance_probe"]))
        assert 0.8 < float(row["path_dimension"]) < 3
        assert row["mixed_versions"] == "no"
        if not row["roughness_distance_minibatch"]:
            assert "roughness_distance_minibatch" in row["undefined"]


def test_components_of_the_whole_run_stand_below_those_of_its_windows(smoke):
    rows = table(smoke, "components")
    wholes = [row for row in rows if row["whole_run"] == "yes"]
    assert len(rows) == 5 * len(wholes)
    assert {row["window_length"] for row in wholes} == {"240"}
    for row in wholes:
        assert 0 <= float(row["share"]) <= 1
        assert float(row["uncorrelated_low"]) < float(row["uncorrelated_high"])


def test_a_study_without_repeated_seeds_has_no_ensembles(smoke):
    assert not (smoke.results / "ensembles").exists()
    assert not (smoke.results / "tables" / "ensembles.csv").exists()


def test_another_seed_makes_an_ensemble(smoke_copy):
    grid = "  - learning_rate: [0.05, 0.1]\n"
    more = grid + "  - {learning_rate: 0.1, seed: 1}\n"
    smoke_copy.edit("studies/smoke.yaml", grid, more)
    name = "resnet8-digits-bs64-lr0.1-drop_last_true-steps240"
    target = "results/smoke/tables/ensembles.csv"
    plan = smoke_copy.plan(target)
    assert plan["train"] == 1
    assert plan["ensemble"] == 1
    smoke_copy.snakemake("--cores", "2", target).check_returncode()
    found = ensemble_file.read(smoke_copy.results / "ensembles" / f"{name}.h5")
    assert [w.seeds for w in found.windows] == [2] * 4
    rows = table(smoke_copy, "ensembles")
    assert {row["ensemble"] for row in rows} == {name}
    assert all(float(row["walk_joseph_low"]) < float(row["walk_joseph"]) for row in rows)


def test_a_roughness_edit_reruns_geometry_alone(smoke_copy):
    path = smoke_copy.folder / "workflow/scripts/sgdwalk/geometry/loss_roughness.py"
    path.write_text(path.read_text() + "\n\nCHANGED = 1\n")
    plan = smoke_copy.plan()
    assert plan["geometry"] == 2
    assert plan["geometry_table"] == 1
    assert plan["fig3_fractal_landscape"] == 1
    assert not {"train", "noise", "diffusion", "hessian", "figS1_long_lags"} & set(plan)
