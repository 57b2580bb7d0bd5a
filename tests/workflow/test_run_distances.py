"""Distances between the runs of the smoke study, and when a study has none."""

import csv

import numpy as np
import pytest

from sgdwalk.geometry import run_distances_file
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.training.checkpoints import load_checkpoint

RULES = {"run_distances", "fig_run_distances"}


def test_two_learning_rates_are_as_far_apart_as_their_checkpoints(smoke):
    (pair,) = run_distances_file.read(smoke.results / "run_distances.h5").pairs
    assert pair.differ == {"learning_rate": "0.05 / 0.1"}
    assert pair.step[-1] == 240
    runs = [smoke.results / "runs" / run for run in (pair.run_a, pair.run_b)]
    names = [name for name, _ in Trajectory(runs[0] / "trajectory.h5").layers]
    compared = 0
    for step in pair.step:
        paths = [run / "checkpoints" / f"{step}.pt" for run in runs]
        if not all(path.exists() for path in paths):
            continue
        one, other = (load_checkpoint(path)["model"] for path in paths)
        squares = [float((one[n].double() - other[n].double()).square().sum()) for n in names]
        i, distance = list(pair.step).index(step), np.sqrt(sum(squares))
        half = (pair.distance_high[i] - pair.distance_low[i]) / 2
        assert abs(pair.distance[i] - distance) <= 2.2 * half
        compared += 1
    assert compared >= 2
    assert pair.independent[-1] > pair.distance_high[-1]


def test_the_table_has_a_row_per_pair_and_step(smoke):
    with open(smoke.results / "tables" / "run_distances.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows[:4]] == [0, 1, 2, 3]
    assert len(rows) <= 25
    assert {row["mixed_versions"] for row in rows} == {"no"}


ONE_SKETCH = "- learning_rate: 0.05\n  - {learning_rate: 0.1, recording: {sketch: 0}}"


@pytest.mark.parametrize(
    ("old", "new"),
    [("sketch: 64", "sketch: 0"), ("- learning_rate: [0.05, 0.1]", ONE_SKETCH)],
    ids=["none", "one"],
)
def test_a_study_without_two_sketches_of_a_network_has_no_distances(fresh_copy, old, new):
    assert set(fresh_copy.plan()) >= RULES
    fresh_copy.edit("studies/smoke.yaml", old, new)
    assert not set(fresh_copy.plan()) & RULES


def test_an_edit_of_panels_draws_again_and_computes_nothing(smoke_copy):
    path = smoke_copy.folder / "workflow/scripts/sgdwalk/figures/run_distance_panels.py"
    path.write_text(path.read_text() + "\n\nCHANGED = 1\n")
    assert smoke_copy.plan() == {"fig_run_distances": 1}
