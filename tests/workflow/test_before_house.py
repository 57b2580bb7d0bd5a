"""A study finished when the library was one flat folder: readable, and trained no more."""

import subprocess

import compare_studies
import pytest
from workflow_copy import ROOT

from sgdwalk.errors import InputError
from sgdwalk.files import hdf5
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.training.checkpoints import load_checkpoint

STUDY = """
grids:
  - {model: fc1, batch_size: 64, steps: 90, learning_rate: 0.05}
recording:
  windows: [{length: 40, stride: 1}]
  checkpoints: 2
  coordinates_per_layer: 2
noise: {coordinates: 64}
geometry: {fragments: [10], ageing_lags: [1, 4]}
hessian: {runs: []}
landscape: {runs: []}
walker: {terrains: []}
resources:
  train: {threads: 1}
"""
NAME = "studies/before_house.yaml"
ANALYSES = {"noise", "diffusion", "geometry", "gradients"}
TABLES = {"diffusion_table", "geometry_table", "gradients_table"}


def unpack(folder):
    """With times and hard links, which Snakemake and the kept outputs go by."""
    archive = ROOT / "tests" / "data" / "before_house.tar.gz"
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)


@pytest.fixture
def old(fresh_copy):
    """A checkout of today with the results of then, their times and Snakemake's records."""
    unpack(fresh_copy.folder)
    (fresh_copy.folder / NAME).write_text(STUDY)
    return fresh_copy


def test_its_files_are_read(old):
    (run,) = (old.folder / "results/before_house/runs").iterdir()
    trajectory = Trajectory(run / "trajectory.h5")
    assert trajectory.steps == 90
    assert [w.gram.shape for w in trajectory.windows] == [(39, 39), (39, 39)]
    for step in (0, 90):
        assert load_checkpoint(run / "checkpoints" / f"{step}.pt")["step"] == step


def test_its_analyses_are_refused_as_old(old):
    (run,) = (old.folder / "results/before_house/runs").iterdir()
    for kind in ("diffusion", "geometry", "gradients", "noise"):
        with pytest.raises(InputError, match="format version 1; this sgdwalk reads version 2"):
            hdf5.check(run / f"{kind}.h5", kind)


def test_once_its_training_is_accepted_analyses_alone_are_planned(old):
    said = old.snakemake("-n", study=NAME).stdout
    assert "1 finished training will be made again" in said
    old.snakemake("--cores", "1", "accept_training", study=NAME).check_returncode()
    plan = old.plan(study=NAME)
    assert plan.keys() >= ANALYSES | TABLES
    assert not {
        rule for rule in plan if rule not in ANALYSES | TABLES and not rule.startswith("fig")
    }
    assert "will be made again" not in old.snakemake("-n", study=NAME).stdout


def test_every_number_of_then_has_its_place_now(old, tmp_path):
    before = tmp_path / "before"
    (old.folder / "results/before_house").rename(before)
    unpack(old.folder)
    old.snakemake("--cores", "1", "accept_training", study=NAME).check_returncode()
    old.snakemake("--cores", "2", study=NAME).check_returncode()
    assert old.plan(study=NAME) == {}
    found, count = compare_studies.differences(before, old.folder / "results/before_house")
    assert count > 500
    # whether they are the same bit for bit is for one machine to say, which the command line does
    assert [line for line in found if "no place" in line] == []
    trained = [line for line in found if "trajectory.h5" in line or "checkpoints" in line]
    assert trained == []


def test_what_moved_without_a_place_is_found(old, tmp_path):
    table = "tables/walker.csv"
    for name, column in (("one", "landscape"), ("other", "terrain"), ("third", "hill")):
        (tmp_path / name / "tables").mkdir(parents=True)
        (tmp_path / name / table).write_text(f"{column},exponent\nfractal,1.5\n")
    found, count = compare_studies.differences(tmp_path / "one", tmp_path / "other")
    assert (found, count) == ([], 2)
    found, _ = compare_studies.differences(tmp_path / "one", tmp_path / "third")
    assert found == [f"{table}: landscape: has no place any more"]
    (tmp_path / "other" / table).write_text("terrain,exponent\nfractal,1.6\n")
    found, _ = compare_studies.differences(tmp_path / "one", tmp_path / "other")
    assert found == [f"{table}: exponent: differs"]
    study = old.folder / "results/before_house"
    found, count = compare_studies.differences(study, tmp_path / "third")
    assert len(found) == count > 500
