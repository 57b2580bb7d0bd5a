"""Distances between runs against those of all their positions, and how often intervals hold."""

import csv
import json

import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.files.table import write_table
from sgdwalk.geometry import run_distances, run_distances_file
from sgdwalk.geometry.run_distances import (
    analyse,
    distance_rows,
    ends_of_norms,
    lack_of_cosine,
    looked_at,
)
from sgdwalk.geometry.setting_differences import differences
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.sketch import Sketch

SETTINGS = {
    "model": "net",
    "batch_size": 16,
    "learning_rate": 0.1,
    "schedule": "constant",
    "steps": 60,
    "seed": 0,
}
PARAMETERS = 10 * 20 + 20 + 20 * 3 + 3


def network(width=20):
    return nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Linear(width, 3))


class Runs:
    """Small trainings, recorded with a sketch, with every position of theirs in float64."""

    def __init__(self, folder):
        self._folder = folder
        self.paths, self.settings, self.positions = {}, {}, {}

    def train(self, name, *, sketch, width=20, kicked_at=None, **changes):
        settings = {**SETTINGS, **changes}
        torch.manual_seed(settings["seed"])
        model = network(width)
        draw = torch.Generator().manual_seed(settings["seed"])
        inputs = torch.randn(512, 10, generator=torch.Generator().manual_seed(7))
        labels = inputs[:, :3].argmax(dim=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=settings["learning_rate"])
        positions = []

        def keep():
            positions.append(torch.cat([p.detach().flatten().double() for p in model.parameters()]))

        path = self._folder / f"{name}.h5"
        with TrajectoryRecorder(model, path, window=10, sketch=sketch) as recorder:
            for step in range(settings["steps"]):
                if step == kicked_at:
                    with torch.no_grad():
                        next(model.parameters())[0] = torch.nan
                chosen = torch.randint(512, (settings["batch_size"],), generator=draw)
                loss = nn.functional.cross_entropy(model(inputs[chosen]), labels[chosen])
                optimizer.zero_grad()
                loss.backward()
                keep()
                recorder.record(loss)
                optimizer.step()
        keep()
        self.paths[name], self.settings[name] = path, settings
        self.positions[name] = torch.stack(positions).numpy()
        return path

    def analyse(self):
        return analyse(self.paths, self.settings)

    def exact(self, pair):
        """Distances, ways of either, and the cosine of these, from all positions."""
        a, b = (self.positions[run] for run in (pair.run_a, pair.run_b))
        ways = [x[pair.step] - x[0] for x in (a, b)]
        norms = [np.linalg.norm(way, axis=1) for way in ways]
        with np.errstate(invalid="ignore"):
            cosine = (ways[0] * ways[1]).sum(axis=1) / (norms[0] * norms[1])
        return np.linalg.norm(a[pair.step] - b[pair.step], axis=1), *norms, cosine


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


def test_a_sketch_of_every_parameter_gives_the_distances_themselves(runs):
    for name, changes in {
        "a": {},
        "seed": {"seed": 1},
        "rate": {"learning_rate": 0.02},
        "batch": {"batch_size": 64},
    }.items():
        runs.train(name, sketch=PARAMETERS + 5, **changes)
    result = runs.analyse()
    assert [(p.run_a, p.run_b) for p in result.pairs] == [
        ("a", "seed"),
        ("a", "rate"),
        ("a", "batch"),
        ("seed", "rate"),
        ("seed", "batch"),
        ("rate", "batch"),
    ]
    for pair in result.pairs:
        distance, way_a, way_b, cosine = runs.exact(pair)
        assert pair.step.tolist() == [0, 1, 2, 3, 5, 7, 10, 15, 22, 32, 46, 60]
        np.testing.assert_allclose(pair.distance, distance, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(pair.from_start_a, way_a, rtol=1e-5)
        np.testing.assert_allclose(pair.from_start_b, way_b, rtol=1e-5)
        np.testing.assert_allclose(pair.cosine, cosine, atol=2e-6)
        np.testing.assert_array_equal(pair.distance_low, pair.distance_high)
        if "seed" in (pair.run_a, pair.run_b):
            assert pair.independent is None
        else:
            np.testing.assert_allclose(pair.independent, np.hypot(way_a, way_b), rtol=1e-5)
    assert result.pairs[1].differ == {"learning_rate": "0.1 / 0.02"}
    assert result.pairs[3].differ == {"learning_rate": "0.1 / 0.02", "seed": "1 / 0"}
    assert not result.missing


def test_small_sketches_are_as_near_as_their_intervals_say(runs):
    for name, changes in {
        "a": {},
        "rate": {"learning_rate": 0.02},
        "batch": {"batch_size": 64},
        "seed": {"seed": 1},
    }.items():
        runs.train(name, sketch=32, **changes)
    pairs = runs.analyse().pairs
    assert len(pairs) == 6
    far = 0
    for pair in pairs:
        distance, _, _, cosine = runs.exact(pair)
        after = pair.step > 0
        half = (pair.distance_high - pair.distance_low)[after] / 2
        assert np.all(np.abs(pair.distance - distance)[after] < 2.2 * half + 1e-6)
        half = (pair.cosine_high - pair.cosine_low)[after] / 2
        assert np.all(np.abs(pair.cosine - cosine)[after] < 2.2 * half + 1e-6)
        far = max(far, np.abs(pair.cosine - cosine)[after].max())
    assert far > 0.02  # or this sketch is exact, and nothing was tested


def displacements():
    """Ways of two real trainings from one start, and their difference."""
    ways = []
    for rate in (0.05, 0.2):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 60), nn.BatchNorm1d(60), nn.ReLU(), nn.Linear(60, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        start = torch.cat([p.detach().flatten() for p in model.parameters()]).double()
        for _ in range(100):
            inputs = torch.randn(32, 64)
            loss = nn.functional.cross_entropy(model(inputs), inputs[:, :10].argmax(dim=1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        end = torch.cat([p.detach().flatten() for p in model.parameters()]).double()
        ways.append((end - start).numpy())
    return ways


def vectors(kind, k):
    rng = np.random.default_rng(5)
    u, v = rng.standard_normal((2, 3000))
    if kind == "trainings":
        return displacements()
    if kind == "sparse":  # where a few pairs of entries that meet decide: the worst there is
        few = round(0.7 * np.sqrt(k))
        u[few:], v[:few], v[2 * few :] = 0, 0, 0
        u, v = np.sign(u), np.sign(v)
        v += 0.95 * u
    if kind == "heavy-tailed":
        u, v = rng.standard_t(3, (2, 3000))
    if kind == "correlated":
        v = u + 0.1 * v
    if kind == "opposite":
        v = 0.3 * v - u
    return u, v


@pytest.mark.parametrize("k", [64, 512])
@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("random", 0.91),
        ("correlated", 0.91),
        ("opposite", 0.91),
        ("heavy-tailed", 0.91),
        ("trainings", 0.91),
        ("sparse", 0.80),
    ],
)
def test_intervals_hold_over_seeds_of_the_sketch(kind, least, k):
    u, v = vectors(kind, k)
    norms = np.linalg.norm(u), np.linalg.norm(v)
    truth, distance = 1 - u @ v / norms[0] / norms[1], np.linalg.norm(u - v)
    shapes = [torch.zeros(u.size)]
    sketches = [Sketch(shapes, k, seed) for seed in range(300)]
    a, b = (np.array([s.apply([torch.from_numpy(x)]) for s in sketches]) for x in (u, v))
    gap, low, high = lack_of_cosine(a, b, *(np.full(300, norm) for norm in norms))
    held = np.mean((low <= truth) & (truth <= high))
    assert least <= held <= 1
    assert gap.mean() == pytest.approx(truth, rel=0.05)
    between = np.linalg.norm(a - b, axis=1)
    low, high = ends_of_norms(between, k)
    assert least <= np.mean((low <= distance) & (distance <= high)) <= 1
    if kind != "sparse":
        assert held < 0.99  # nor are they wide for nothing


def test_exact_norms_make_the_error_of_a_distance_smaller():
    u, v = vectors("random", 64)
    sketches = [Sketch([torch.zeros(u.size)], 64, seed) for seed in range(300)]
    a, b = (np.array([s.apply([torch.from_numpy(x)]) for s in sketches]) for x in (u, v))
    norms = np.linalg.norm(u), np.linalg.norm(v)
    gap, _, _ = lack_of_cosine(a, b, *(np.full(300, norm) for norm in norms))
    with_norms = np.sqrt((norms[0] - norms[1]) ** 2 + 2 * norms[0] * norms[1] * gap)
    without = np.linalg.norm(a - b, axis=1)
    assert with_norms.std() < 0.8 * without.std()
    assert without.std() / without.mean() == pytest.approx(1 / np.sqrt(2 * 64), rel=0.15)


def test_the_same_walk_is_at_no_distance_however_long_it_is_followed(runs):
    runs.train("long", sketch=16, steps=100)
    runs.train("short", sketch=16, steps=40)
    (pair,) = runs.analyse().pairs
    assert pair.differ == {"steps": "100 / 40"}
    assert pair.step[-1] == 40
    np.testing.assert_array_equal(pair.distance, 0)
    np.testing.assert_array_equal(pair.distance_high, 0)
    np.testing.assert_array_equal(pair.cosine[1:], 1)


def test_a_first_step_at_another_rate_is_along_the_same_line(runs):
    runs.train("a", sketch=16)
    runs.train("b", sketch=16, learning_rate=0.03, steps=25)
    (pair,) = runs.analyse().pairs
    assert pair.differ == {"learning_rate": "0.1 / 0.03"}, "a length is no difference of a walk"
    assert pair.step.tolist() == [0, 1, 2, 3, 5, 7, 10, 15, 22, 25]
    assert pair.cosine[1] == pytest.approx(1, abs=1e-6)
    assert pair.distance[1] == pytest.approx(pair.from_start_a[1] - pair.from_start_b[1], rel=1e-5)


def test_a_run_is_known_until_it_diverges(runs):
    runs.train("a", sketch=16)
    runs.train("b", sketch=16, learning_rate=0.03, kicked_at=30)
    runs.train("c", sketch=16, learning_rate=0.03, kicked_at=0)
    result = runs.analyse()
    assert [(p.run_a, p.run_b) for p in result.pairs] == [("a", "b")]
    assert result.pairs[0].step[-1] == 22
    assert np.isfinite(result.pairs[0].distance).all()
    assert result.missing == {
        "b": "known up to step 29 of 60",
        "c": "recorded without a sketch, or from a start that is not finite",
    }


def test_runs_in_other_spaces_are_no_pair(runs):
    runs.train("a", sketch=16)
    runs.train("wider", sketch=16, width=21)
    runs.train("finer", sketch=17)
    runs.train("none", sketch=None)
    runs.train("b", sketch=16, learning_rate=0.03)
    result = runs.analyse()
    assert [(p.run_a, p.run_b) for p in result.pairs] == [("a", "b")]
    alone = "no other run of its network was sketched alike"
    assert result.missing.pop("none").startswith("recorded without a sketch")
    assert result.missing == {"wider": alone, "finer": alone}


def test_a_broken_walk_is_compared_up_to_the_break(runs, tmp_path):
    runs.train("a", sketch=16)
    torch.manual_seed(0)
    model, path = network(), tmp_path / "broken.h5"
    for steps in (20, 15):
        options = {"resume": True} if path.exists() else {}
        with TrajectoryRecorder(model, path, window=10, sketch=16, **options) as recorder:
            for _ in range(steps):
                recorder.record(1.0)
                with torch.no_grad():
                    for parameter in model.parameters():
                        parameter += 0.01
        with torch.no_grad():
            next(model.parameters()).add_(1.0)  # while nothing is recorded
    runs.paths["broken"] = path
    runs.settings["broken"] = {**SETTINGS, "steps": 35, "learning_rate": 1}
    result = runs.analyse()
    (pair,) = result.pairs
    assert pair.step[-1] <= 20
    assert np.isfinite(pair.distance).all()
    way = 0.01 * pair.step * np.sqrt(PARAMETERS)
    np.testing.assert_allclose(pair.from_start_b, way, rtol=1e-4)
    assert "of 35" in result.missing["broken"]


def test_of_many_pairs_those_that_differ_in_one_setting_are_compared(runs, monkeypatch):
    for seed in range(3):
        for rate in (0.1, 0.03):
            runs.train(f"{seed}-{rate}", sketch=16, seed=seed, learning_rate=rate, steps=5)
    assert len(runs.analyse().pairs) == 15
    monkeypatch.setattr(run_distances, "MOST_PAIRS", 10)
    result = runs.analyse()
    assert len(result.pairs) == 3 + 2 * 3
    assert all(len(pair.differ) == 1 for pair in result.pairs)
    assert result.missing["pairs"].startswith("of 15 the 9 that differ in one setting")
    monkeypatch.setattr(run_distances, "MOST_PAIRS", 4)
    assert len(runs.analyse().pairs) == 3
    assert runs.analyse().missing["pairs"].endswith("one in 3 of them")


def test_files_and_rows_hold_what_was_found(runs, tmp_path):
    runs.train("a", sketch=16)
    runs.train("b", sketch=16, seed=1, batch_size=64)
    result = runs.analyse()
    run_distances_file.write(tmp_path / "d.h5", result, {"commit": "x"})
    back = run_distances_file.read(tmp_path / "d.h5")
    assert back.origin == {"commit": "x"}
    assert back.pairs[0].differ == result.pairs[0].differ
    np.testing.assert_array_equal(back.pairs[0].cosine, result.pairs[0].cosine)
    assert back.pairs[0].independent is None
    write_table(tmp_path / "d.csv", distance_rows(result))
    with open(tmp_path / "d.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == result.pairs[0].step.tolist()
    assert {row["differ"] for row in rows} == {"batch_size 16 / 64, seed 0 / 1"}
    assert float(rows[-1]["distance_low"]) < float(rows[-1]["distance"])
    assert rows[-1]["undefined"] == "distance_null: the runs start at different points"
    assert rows[0]["undefined"].startswith("cosine: a run is at its start; distance_null")
    assert rows[0]["cosine"] == rows[0]["distance_null"] == ""


def test_no_runs_are_no_pairs(tmp_path):
    result = analyse({}, {})
    assert result.pairs == ()
    run_distances_file.write(tmp_path / "d.h5", result, {})
    assert run_distances_file.read(tmp_path / "d.h5").pairs == ()


def test_steps_are_the_same_for_all_lengths():
    assert looked_at([10]).tolist() == [0, 1, 2, 3, 5, 7, 10]
    assert set(looked_at([240])) - {240} <= set(looked_at([24500]))
    assert looked_at([240, 1000])[-1] == 1000
    assert 240 in looked_at([240, 1000])
    assert len(looked_at([1000])) == 19


def test_settings_differ_where_their_values_do():
    one = {**SETTINGS, "model_options": {}, "nesterov": False}
    assert differences(one, one) == {}
    other = {**one, "nesterov": True, "model_options": {"depth": 3}}
    assert differences(one, other) == {
        "model_options": f"{{}} / {json.dumps({'depth': 3})}",
        "nesterov": "false / true",
    }
    longer = {**one, "learning_rate": 1, "steps": 90}
    assert differences(one, longer) == {"learning_rate": "0.1 / 1"}
    cosine = [{**settings, "schedule": "cosine"} for settings in (one, longer)]
    assert set(differences(*cosine)) == {"learning_rate", "steps"}
    assert differences(one, {**one, "steps": 90}) == {"steps": "60 / 90"}
