"""Walks of a config: names, files, networks, and whatever is wrong with them in one line."""

import copy

import pytest

from planning.study import read_study
from planning.walks import read_walks
from sgdwalk.errors import InputError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with a recording and eleven checkpoints, which nothing opens."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.h5").write_bytes(b"x")
    (tmp_path / "losses.csv").write_text("step,loss\n0,1\n")
    for step in range(0, 101, 10):
        (tmp_path / f"step{step}.pt").write_bytes(b"x")
    return tmp_path


def walks(*sections, **rest):
    study = read_study({"walks": copy.deepcopy(list(sections)), **rest}, "stem")
    return read_walks(study)


def refused(match, *sections, **rest):
    with pytest.raises(InputError, match=match) as error:
        walks(*sections, **rest)
    assert "\n" not in str(error.value)


SERIES = {"name": "series", "checkpoints": "step*.pt"}


def test_a_study_may_have_walks_and_no_grids(place):
    found = walks({"name": "loop", "trajectory": "loop.h5"}, SERIES)
    assert list(found) == ["loop", "series"]
    assert found["loop"].files == ["loop.h5"]
    assert [one.step for one in found["series"].series] == list(range(0, 101, 10))
    assert found["series"].network is None
    assert found["series"].sketch == 1024
    assert walks(SERIES, recording={"sketch": 64})["series"].sketch == 64


def test_one_of_grids_and_walks_is_needed():
    with pytest.raises(InputError, match="neither grids nor walks"):
        read_study({}, "stem")


def test_a_toy_walker_without_grids_must_be_asked_for(place):
    assert read_study({"walks": [SERIES]}, "stem").config["walker"]["terrains"] == []
    asked = read_study({"walks": [SERIES], "walker": {"size": 65}}, "stem")
    assert asked.config["walker"]["terrains"] == ["fractal", "convex", "shuffled"]
    both = read_study({"walks": [SERIES], "grids": [{"model": "fc3"}]}, "stem")
    assert both.config["walker"]["terrains"]


def test_a_known_network_is_looked_at_at_some_checkpoints(place):
    section = {**SERIES, "model": "mlp2_32", "dataset": "digits", "training": {"batch_size": 64}}
    network = walks(section)["series"].network
    assert network.training["batch_size"] == 64
    assert network.training["steps"] == 100
    assert network.dataset == "digits"
    assert len(network.checkpoint_steps) == 8
    assert {0, 100} <= set(network.checkpoint_steps)
    named = walks(section, recording={"checkpoints": [20, 25, 50]})["series"].network
    assert named.checkpoint_steps == [0, 20, 50, 100]


def test_what_is_said_of_networks_fits_together(place):
    refused("a model and no dataset", {**SERIES, "model": "fc3"})
    refused("a dataset and no model", {**SERIES, "dataset": "digits"})
    refused("training: allowed with a model", {**SERIES, "training": {"batch_size": 3}})
    known = {**SERIES, "model": "fc3", "dataset": "digits"}
    refused("training.steps", {**known, "training": {"steps": 3}})
    refused("training.model", {**known, "training": {"model": "fc3"}})
    refused("training: unknown key 'batchsize'", {**known, "training": {"batchsize": 3}})
    refused("fc03|no network|model", {**known, "model": "fc-3"})


def test_a_walk_has_one_source(place):
    refused("no trajectory and no checkpoints", {"name": "nothing"})
    refused("both trajectory and checkpoints", {**SERIES, "trajectory": "loop.h5"})
    refused("steps: allowed with checkpoints", {"name": "a", "trajectory": "loop.h5", "steps": [1]})


def test_missing_files_are_named(place):
    refused(r"walks\[0\].trajectory: no file nowhere.h5", {"name": "a", "trajectory": "nowhere.h5"})
    refused(r"walks\[0\].*nothing\*.pt", {"name": "a", "checkpoints": "nothing*.pt"})
    refused(r"walks\[0\].losses: no file no.csv", {**SERIES, "losses": "no.csv"})


def test_names_are_fit_for_folders_and_are_their_own(place):
    refused("name: 'a/b'", {**SERIES, "name": "a/b"})
    refused("name: ''", {**SERIES, "name": ""})
    refused("'series' is that of another walk", SERIES, SERIES)
    run = {"name": "fc3-digits-bs128-lr0.1-seed0", "trajectory": "loop.h5"}
    refused("that of another run", run, grids=[{"model": "fc3"}])
    refused("unknown key 'trajectry'; did you mean", {"name": "a", "trajectry": "loop.h5"})


def test_checkpoints_among_the_studys_own_results_are_refused(place):
    folder = place / "results" / "stem" / "runs" / "series" / "checkpoints"
    folder.mkdir(parents=True)
    for step in (1, 2):
        (folder / f"{step}.pt").write_bytes(b"x")
    section = {**SERIES, "checkpoints": "results/stem/runs/series/checkpoints/*.pt"}
    refused("among this study's results", section)
