"""The plan of a study: its arithmetic, and the published study through the PBS profile."""

import csv

import numpy as np
import pytest
import torch
import yaml
from recorded_walks import record
from workflow_copy import ROOT

from planning.estimate import checkpoints, cost, needs, networks
from planning.plan import report
from planning.study import read_study
from sgdwalk.training.checkpoint_steps import checkpoint_steps

PUBLISHED = ROOT / "workflow/scripts/sgdwalk/diffusion/published_exponents.csv"


def study(name):
    return read_study(yaml.safe_load((ROOT / name).read_text()), "study")


def test_costs_are_of_the_networks_there_are():
    known = networks()
    with open(ROOT / "tests" / "data" / "parameter_counts.csv", newline="") as file:
        published = {row["model"]: int(row["parameters"]) for row in csv.DictReader(file)}
    for name in ("resnet14", "resnet110_noshort", "vgg9", "fc20", "simplenet"):
        assert known[name].parameters == published[name]
    # a fully connected network: two operations per weight
    assert known["fc3"].forward == pytest.approx(2 * known["fc3"].parameters, rel=1e-3)
    # resnet14's convolutions, counted by hand
    convolutions = 3 * 16 * 32**2 + 4 * 16 * 16 * 32**2
    convolutions += (16 * 32 + 3 * 32 * 32) * 16**2 + (32 * 64 + 3 * 64 * 64) * 8**2
    shortcuts = 16 * 32 * 16**2 + 32 * 64 * 8**2
    by_hand = 2 * (9 * convolutions + shortcuts + 64 * 10)
    assert known["resnet14"].forward == pytest.approx(by_hand, rel=1e-3)


def test_needs_of_one_run():
    run = study("studies/paper.yaml").runs["resnet14-cifar10-bs1024-lr0.1-steps24500-seed0"]
    network = cost(run, networks())
    found = needs(run, network, draws=32)
    assert found.training == pytest.approx(3 * network.forward * 1024 * 24500)
    assert found.buffer == 1000 * 4 * network.parameters
    assert found.copies == 2 * 4 * network.parameters
    assert found.positions == 24500 * 4 * network.parameters
    grams, sketches = 24 * 999**2 * 8, 24500 * 1024 * 4
    least = grams + sketches + 101 * 4 * network.parameters
    assert least < found.kept < least + 24500 * 1000


def needs_of(recording):
    grid = {"model": "fc3", "steps": 5000, "recording": {"checkpoints": 2, **recording}}
    (run,) = read_study({"grids": [grid]}, "study").runs.values()
    return needs(run, cost(run, networks()), draws=32)


def test_a_sketch_takes_its_numbers_on_disk_and_two_copies_in_memory():
    size = networks()["fc3"].parameters * 4
    windows, both = needs_of({}), needs_of({"sketch": 256})
    alone = needs_of({"sketch": 256, "windows": []})
    assert (windows.buffer, windows.copies) == (500 * size, 0)
    assert (both.buffer, both.copies) == (500 * size, 2 * size)
    assert (alone.buffer, alone.copies) == (0, 2 * size)
    assert both.kept - windows.kept == 5000 * 256 * 4
    assert both.kept - alone.kept == 10 * 499**2 * 8
    assert alone.positions == both.positions == 5000 * size


def test_groups_have_matrices_and_sketches_of_their_own():
    groups = {"first": "0.*", "weights": "*.weight"}
    of_windows = needs_of({"groups": groups}).kept - needs_of({}).kept
    assert of_windows == 2 * 10 * 499**2 * 8
    alone = {"windows": [], "sketch": 256}
    assert needs_of({**alone, "groups": groups}).kept - needs_of(alone).kept == 2 * 5000 * 256 * 4


def test_the_file_of_a_sketched_run_is_as_large_as_was_said(tmp_path):
    """But for what there is of every step anyway."""
    steps = np.zeros((400, 90))
    sizes = {}
    for k in (100, 300):
        options = {"sketch": k, "groups": {"a": "a", "b": "b"}}
        record(tmp_path / f"{k}.h5", steps, {"a": 40, "b": 50}, dtype=torch.float32, **options)
        sizes[k] = (tmp_path / f"{k}.h5").stat().st_size
    groups = {"a": "*", "b": "*"}
    said = [needs_of({"sketch": k, "windows": [], "groups": groups}).kept for k in sizes]
    assert sizes[300] - sizes[100] == pytest.approx((said[1] - said[0]) * 400 / 5000, rel=0.05)


def test_smaller_inputs_cost_less():
    runs = study("config.yaml").runs
    known = networks()
    run = runs["resnet14-digits-bs128-lr0.1-drop_last_true-seed0"]
    assert cost(run, known).forward == pytest.approx(known["resnet14"].forward / 16)


def test_the_report_of_the_published_study():
    text = report(study("studies/paper.yaml"), {"train": 41, "hessian": 101}, rate=2e12)
    assert text.startswith("Study 'paper': 41 trainings, 142 jobs to run")
    assert "as given" in text
    half = report(study("studies/paper.yaml"), {}, rate=4e12)

    def hours(said):
        (line,) = [line for line in said.splitlines() if line.startswith("  training")]
        return float(line.split()[1])

    assert hours(text) == pytest.approx(2 * hours(half), rel=0.01)


def test_the_published_study_is_planned_with_the_pbs_profile(fresh_copy):
    jobs = fresh_copy.plan("--profile", "pbs", study="studies/paper.yaml")
    assert jobs["train"] == 41
    assert jobs["hessian"] == 101
    assert jobs["fetch_dataset"] == 2


def test_the_published_study_has_the_published_runs():
    runs = [run.training for run in study("studies/paper.yaml").runs.values()]
    settings = {(r["model"], r["batch_size"], r["learning_rate"]) for r in runs}
    with open(PUBLISHED, newline="") as file:
        for row in csv.DictReader(file):
            batch = int(row["batch_size"] or 1024)
            assert (row["model"], batch, float(row["learning_rate"])) in settings


@pytest.mark.parametrize("asked", [4, [0, 500], [500, 2000], [500]])
def test_checkpoints_are_counted_as_trainings_save_them(asked):
    grids = [{"model": "fc1", "steps": 2000, "recording": {"checkpoints": asked}}]
    (run,) = read_study({"grids": grids}, "study").runs.values()
    assert checkpoints(run) == len(checkpoint_steps(asked, 2000))


def test_a_study_of_uncounted_networks_is_planned_without_hours():
    plan = read_study({"grids": [{"model": "fc1", "steps": 600}]}, "tiny")
    said = report(plan, {"train": 1}, None)
    assert said.startswith("Study 'tiny': 1 trainings, 1 jobs to run")
    assert "No network of this study has been counted" in said
