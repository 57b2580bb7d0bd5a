"""The real workflow on the smoke study: what comes out, and how wrong input is met."""

import csv

import matplotlib.image
import numpy as np
import pytest

from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.training.checkpoints import load_checkpoint


def table(copy, name):
    with open(copy.results / "tables" / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_every_run_has_its_files(smoke):
    assert len(smoke.runs()) == 2
    for run in smoke.runs():
        trajectory = Trajectory(run / "trajectory.h5")
        assert trajectory.steps == 240
        assert set(trajectory.batch_size) == {64}
        places = [(w.length, w.stride, w.start) for w in trajectory.windows]
        assert places == [(60, 1, 60 * i) for i in range(4)]
        assert trajectory.sketch.increments.shape == (240, 64)
        assert trajectory.origin["run"] == run.name
        assert trajectory.origin["versions"]["torch"]
        steps = sorted(int(p.stem) for p in (run / "checkpoints").glob("*.pt"))
        assert steps[0] == 0
        assert steps[-1] == 240
        assert len(steps) == 3
        last = load_checkpoint(run / "checkpoints" / "240.pt")
        assert last["step"] == 240
        assert {"model", "optimizer", "rng"} <= set(last)


def test_training_learns(smoke):
    for run in smoke.runs():
        epochs = Trajectory(run / "trajectory.h5").epochs
        assert len(epochs["step"]) == 240 // 22  # full batches of 64 of 1,437 samples
        assert epochs["train_loss"][-1] < 0.5 * epochs["train_loss"][0]
        assert epochs["test_accuracy"][-1] > 0.8


def test_diffusion_is_of_the_recorded_windows(smoke):
    for run in smoke.runs():
        trajectory = Trajectory(run / "trajectory.h5")
        analysed = diffusion_file.read(run / "diffusion.h5")
        for window, record in zip(trajectory.windows, analysed.windows, strict=True):
            assert (record.length, record.stride, record.start) == (
                window.length,
                window.stride,
                window.start,
            )
            assert record.lags[0] == window.stride
            assert record.msd[0] == pytest.approx(window.gram.trace() / 59)
            for segment in record.regimes:
                found = segment.exponent
                assert found.low <= found.value <= found.high
            assert record.quarter.largest_lag < record.regimes[-1].last_lag
            assert record.ragged_share == 0


def test_the_whole_run_is_near_the_sum_of_its_windows(smoke):
    """At short lags, where nearly all of its pairs lie within one of the recorded windows."""
    for run in smoke.runs():
        analysed = diffusion_file.read(run / "diffusion.h5")
        whole = analysed.whole
        assert (whole.start, whole.positions, whole.numbers) == (0, 240, 64)
        assert whole.lags[-1] == 239
        for lag in (1, 3):
            within = np.mean([window.msd[lag - 1] for window in analysed.windows])
            assert whole.msd[lag - 1] == pytest.approx(within, rel=4 * whole.sketch_error[0])


def test_the_table_has_a_row_per_run_and_window(smoke):
    rows = table(smoke, "exponents")
    assert len(rows) == 10
    assert [row["whole_run"] for row in rows] == 2 * (4 * ["no"] + ["yes"])
    for row in rows:
        assert row["model"] == "resnet8"
        assert 1 <= int(row["regimes"]) <= 3
        for name in ("exponent_short", "exponent_max", "exponent_long"):
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            assert float(high) - float(low) <= 1 if row[name] else name in row["undefined"]
        assert row["inside_signs"] in ("yes", "no")
        assert row["mixed_versions"] == "no"
        one = int(row["regimes"]) == 1
        assert (row["crossover_lag"] == "") is one


def test_figures_are_pictures(smoke):
    figures = list((smoke.results / "figures").glob("*.png"))
    assert figures
    for path in figures:
        pixels = matplotlib.image.imread(path)
        assert pixels[..., :3].std() > 0.02
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_benchmarks_and_logs_are_kept(smoke):
    for run in smoke.runs():
        log = (smoke.results / "logs" / "train" / f"{run.name}.log").read_text()
        assert f"{run.name}: step 240/240, loss " in log
        assert (smoke.results / "logs" / "train" / f"{run.name}.benchmark.tsv").exists()


def test_a_finished_study_has_nothing_to_do(smoke):
    assert smoke.plan() == {}


def test_the_same_training_gives_the_same_bits(smoke, fresh_copy):
    run = smoke.runs()[0]
    target = f"results/smoke/runs/{run.name}/trajectory.h5"
    fresh_copy.snakemake("--cores", "2", target).check_returncode()
    again, before = Trajectory(fresh_copy.folder / target), Trajectory(run / "trajectory.h5")
    np.testing.assert_array_equal(again.loss, before.loss)
    for one, other in zip(again.windows, before.windows, strict=True):
        np.testing.assert_array_equal(one.gram, other.gram)


def test_a_study_stands_alone(smoke):
    """Nothing of config.yaml is in a study named on the command line."""
    assert {run.name.split("-")[0] for run in smoke.runs()} == {"resnet8"}


def test_the_default_study_is_planned_without_any_option(fresh_copy):
    jobs = fresh_copy.plan(study=None)
    assert jobs["train"] >= 2
    assert (fresh_copy.folder / "results").exists() is False


@pytest.mark.parametrize("study", [None, "studies/smoke.yaml"])
def test_config_on_the_command_line_works_on_top_of_either(fresh_copy, study):
    result = fresh_copy.snakemake("-n", "--config", "study=other", study=study)
    assert "results/other/tables/exponents.csv" in result.stdout
    assert "results/smoke" not in result.stdout


def test_nested_config_on_the_command_line(fresh_copy):
    result = fresh_copy.snakemake("-n", "--config", "diffusion={signs: 50}")
    assert result.returncode == 0
    result = fresh_copy.snakemake("-n", "--config", "diffusion={signs: 5}")
    assert "diffusion.signs: 5; allowed: an integer of at least 40" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("model: resnet8", "modell: resnet8", "unknown key 'modell'; did you mean 'model'?"),
        ("model: resnet8", "model: resent8", "grids[0].model: unknown model 'resent8'"),
        ("steps: 240", "steps: many", "defaults.steps: 'many'; allowed: an integer of at least 1"),
    ],
)
def test_a_wrong_config_stops_before_any_job_with_one_line(fresh_copy, old, new, message):
    fresh_copy.edit("studies/smoke.yaml", old, new)
    result = fresh_copy.snakemake("--cores", "2")
    assert result.returncode != 0
    said = [line for line in result.stdout.splitlines() if not line.startswith("Using workflow")]
    assert len(said) == 1, said  # of Snakemake's own nothing stands behind it
    assert message in said[0]
    assert not (fresh_copy.folder / "results").exists()


def test_code_changed_after_planning_stops_the_job_with_one_line(smoke_copy):
    """A queued job must not run code other than what was planned for it."""
    launcher = smoke_copy.folder / "workflow" / "scripts" / "diffusion_table.py"
    late = f"""
onstart:
    open({str(launcher)!r}, "a").write("planned = 'otherwise'\\n")
"""
    with open(smoke_copy.folder / "Snakefile", "a") as snakefile:
        snakefile.write(late)
    result = smoke_copy.snakemake("--cores", "1", "--forcerun", "diffusion_table")
    assert result.returncode != 0
    assert "diffusion_table: its code changed after this job was planned" in result.stdout
