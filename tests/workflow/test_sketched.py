"""A study whose runs were recorded without windows goes through the real workflow."""

import csv

import numpy as np
import pytest

from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.geometry import file as geometry_file
from sgdwalk.recording.trajectory import Trajectory

CHOSEN = [(60, 1, 0), (60, 1, 60), (60, 1, 120), (60, 1, 180), (100, 2, 20), (60, 4, 0)]
# What is made from the diffusion of runs.
DIFFUSION = {
    "diffusion",
    "diffusion_table",
    "group_table",
    "fig2_superdiffusion",
    "fig_longest_run",
    "figS1_long_lags",
    "figS3_depth_and_batch",
    "figS4_learning_rate",
}


def table(copy, name):
    with open(copy.results / "tables" / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_no_window_is_recorded_and_the_chosen_ones_are_analysed(sketched):
    assert len(sketched.runs()) == 2
    for run in sketched.runs():
        trajectory = Trajectory(run / "trajectory.h5")
        assert not trajectory.windows
        assert trajectory.sketch.increments.shape == (240, 64)
        found = diffusion_file.read(run / "diffusion.h5")
        assert [(w.length, w.stride, w.start) for w in found.windows] == CHOSEN
        for window in found.windows:
            steps = trajectory.sketch.steps(window.start, window.length, window.stride)
            assert window.msd[0] == pytest.approx((steps**2).sum(axis=1).mean())
            assert 0 < window.sketch_error <= np.sqrt(2 / 64)
        exact = (trajectory.sketch.norms[:239] ** 2).mean()
        assert found.whole.msd[0] == pytest.approx(exact, rel=4 * found.whole.sketch_error[0])


def test_geometry_is_of_the_whole_walk(sketched):
    for run in sketched.runs():
        found = geometry_file.read(run / "geometry.h5")
        assert [(w.length, w.stride, w.start) for w in found.windows] == [(240, 1, 0)]
        assert (found.whole.length, found.whole.stride) == (240, 1)


def test_tables_have_rows_of_every_window_and_group(sketched):
    rows = table(sketched, "exponents")
    assert [row["whole_run"] for row in rows] == 2 * (6 * ["no"] + ["yes"])
    assert all(0 < float(row["sketch_error"]) < 1.001 * np.sqrt(2 / 64) for row in rows)
    rows = table(sketched, "groups")
    assert [row["group"] for row in rows] == 2 * (6 * ["stem"] + 6 * ["weights"])
    names = dict(Trajectory(sketched.runs()[0] / "trajectory.h5").layers)
    stem = sum(size for name, size in names.items() if name.startswith("stem."))
    for row in rows:
        if row["group"] == "stem":
            assert int(row["parameters"]) == stem
            assert 0 < float(row["share_of_msd"]) < 1
        assert 0 < float(row["share_2"]) < float(row["share_1"]) < 1


def test_every_figure_is_drawn(sketched):
    drawn = {path.stem for path in (sketched.results / "figures").glob("*.png")}
    assert drawn >= {"fig2_superdiffusion", "figS1_long_lags", "fig3_fractal_landscape"}
    assert "fig_run_distances" in drawn


def test_then_nothing_is_left_to_do(sketched):
    assert sketched.plan() == {}


def test_other_windows_are_cut_without_training(sketched):
    plan = sketched.plan("--config", "diffusion={windows: [{length: 80}]}")
    assert set(plan) == DIFFUSION
    assert plan["diffusion"] == 2


def test_a_group_more_is_another_recording(sketched):
    """Its walk was not kept."""
    plan = sketched.plan("--config", "recording={groups: {head: 'head.*'}}")
    assert plan["train"] == 2


def test_a_study_without_groups_has_no_table_of_them(smoke):
    assert not (smoke.results / "tables" / "groups.csv").exists()
    assert smoke.plan("results/smoke/tables/exponents.csv") == {}


def test_wrong_windows_and_recordings_stop_in_one_line(fresh_copy):
    for config, said in (
        ("diffusion={windows: [{length: 5}]}", "diffusion.windows[0].length: 5; allowed"),
        ("recording={windows: [], sketch: 0}", "neither windows nor a sketch; allowed"),
    ):
        result = fresh_copy.snakemake("-n", "--config", config)
        assert result.returncode != 0
        assert "Traceback" not in result.stdout
        assert sum(said in line for line in result.stdout.splitlines()) == 1
