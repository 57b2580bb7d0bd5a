"""Walks from elsewhere through the real workflow: what comes out, and that sources stay theirs."""

import csv
import os
import shutil

import pytest
import torch
from workflow_copy import WorkflowCopy, state_of_files

from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.geometry import file as geometry_file
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.trajectory import Trajectory

STUDY = "studies/elsewhere.yaml"
SOURCES = "results/data/elsewhere"
WALKS = ["every-tenth", "recorded-loop", "suite"]


def rows(folder, name):
    with open(folder / "results" / "elsewhere" / "tables" / name, newline="") as file:
        return list(csv.DictReader(file))


def test_every_walk_is_in_the_tables(elsewhere):
    exponents = rows(elsewhere.folder, "exponents.csv")
    assert sorted({row["run"] for row in exponents}) == WALKS
    for row in exponents:
        assert row["exponent_max"] or "exponent_max" in row["undefined"]
    equal, suite = (row for row in exponents if row["run"] == "suite")
    assert (suite["stride"], suite["window_length"]) == ("", "36")
    assert (suite["window_start"], suite["window_last"]) == ("0", "3000")
    assert suite["batch_size"] == "64"
    assert (equal["stride"], equal["window_length"], equal["window_start"]) == ("100", "25", "600")
    (tenth,) = [row for row in exponents if row["run"] == "every-tenth"]
    assert tenth["stride"] == "10"
    geometry = {row["run"]: row for row in rows(elsewhere.folder, "geometry.csv")}  # the last
    assert sorted(geometry) == WALKS
    assert geometry["every-tenth"]["roughness_distance_minibatch"]
    assert "losses of the positions are not known" in geometry["suite"]["undefined"]
    assert {row["run"] for row in rows(elsewhere.folder, "components.csv")} == set(WALKS)
    tails = {row["run"] for row in rows(elsewhere.folder, "tails.csv")}
    assert tails == {"recorded-loop", "suite"}


def test_networks_that_are_known_have_hessian_noise_and_landscape(elsewhere):
    folder = elsewhere.folder / "results" / "elsewhere" / "runs"
    for name in ("noise.h5", "hessian.h5", "landscape.h5"):
        assert (folder / "suite" / name).exists()
        assert not (folder / "every-tenth" / name).exists()
    assert sorted(int(p.stem) for p in (folder / "suite" / "checkpoints").glob("*.pt"))[-1] == 3000


def test_analyses_match_those_of_the_record_itself(elsewhere):
    results = elsewhere.folder / "results" / "elsewhere" / "runs"
    record = Trajectory(elsewhere.folder / SOURCES / "loop.h5")
    found = diffusion_file.read(results / "recorded-loop" / "diffusion.h5")
    assert [w.length for w in found.windows] == [w.length for w in record.windows]
    assert not (results / "recorded-loop" / "trajectory.h5").exists()
    suite = geometry_file.read(results / "suite" / "geometry.h5")
    assert [window.stride for window in suite.windows] == [100, None]


def test_nothing_is_left_to_do_and_a_new_checkpoint_is_read(elsewhere, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(elsewhere.folder, folder, symlinks=True)
    copy = WorkflowCopy(folder)
    assert copy.plan(study=STUDY) == {}
    last = folder / SOURCES / "every-tenth" / "ckpt_02990.pt"
    shutil.copy2(last, last.with_name("ckpt_03000.pt"))
    plan = copy.plan(study=STUDY)
    assert plan["read_walk"] == 1
    assert plan["diffusion"] == 1
    assert "hessian" not in plan


def test_sources_are_only_read(elsewhere):
    before = (elsewhere.folder / "sources.txt").read_text()
    assert before == state_of_files(elsewhere.folder / SOURCES)


def test_a_recording_laid_into_the_results_is_not_trained_over(smoke_copy):
    (run, *_) = smoke_copy.runs()
    shutil.rmtree(run)
    run.mkdir()
    mine = run / "trajectory.h5"
    model = torch.nn.Linear(2, 1)
    with TrajectoryRecorder(model, mine, window=20) as recorder:
        for _ in range(30):
            model(torch.ones(1, 2)).sum().backward()
            recorder.record(1.0)
    content = mine.read_bytes()
    for arguments in (["--cores", "1"], ["--cores", "1", "--forceall"], ["-n"]):
        result = smoke_copy.snakemake(*arguments)
        assert result.returncode == 1
        assert f"{mine.relative_to(smoke_copy.folder)}: not made by this workflow" in result.stdout
        assert mine.read_bytes() == content


def test_a_missing_source_is_one_line(fresh_copy):
    result = fresh_copy.snakemake("-n", study=STUDY)
    assert result.returncode == 1
    assert f"walks[0].trajectory: no file {SOURCES}/loop.h5" in result.stdout
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize("name", ["loop.h5", "every-tenth/ckpt_00100.pt"])
def test_a_damaged_source_stops_its_own_jobs_with_one_line(elsewhere, tmp_path, name):
    folder = tmp_path / "copy"
    shutil.copytree(elsewhere.folder, folder, symlinks=True)
    path = folder / SOURCES / name
    path.write_bytes(path.read_bytes()[:-100])
    os.utime(path)
    result = WorkflowCopy(folder).snakemake("--cores", "1", "--keep-going", study=STUDY)
    assert result.returncode == 1
    assert f"{SOURCES}/{name}: " in result.stdout
    assert "Traceback" not in result.stdout
