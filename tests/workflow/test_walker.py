"""The toy walker in the finished smoke study: its files, its table, and what makes it run again."""

import csv

import numpy as np
import pytest

from sgdwalk.walker import file as walker_file
from sgdwalk.walker import sweep as walker_sweep
from sgdwalk.walker.terrain import make_terrain
from sgdwalk.walker.walk import simulate_walkers


def test_walks_are_those_of_the_library(smoke):
    result = walker_file.read(smoke.results / "walker" / "fractal.h5")
    walks = simulate_walkers(make_terrain("fractal", 0, size=65), 20, 100, seed=0)
    np.testing.assert_allclose(result.walks.positions, walks.positions, atol=1e-6)
    assert result.origin["settings"]["noise"] == 0.01
    assert result.origin["versions"]["numpy"] == np.__version__


def test_the_table_has_ensembles_and_sweeps(smoke):
    with open(smoke.results / "tables" / "walker.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["terrain"] for row in rows} == {
        "fractal",
        "convex",
        "shuffled",
        "spectral-H0.5-size65",
        "spectral-H0.9-size65",
    }
    for row in rows:
        assert row["selection"] in ("all", "free")
        assert 0 <= float(row["frozen_share"]) <= float(row["held_share"]) <= 1
        assert 0 <= float(row["reach_deepest"]) <= 1
    empty = ("exponent_initial", "exponent_final", "exponent_short", "crossover_lag", "alpha")
    empty += ("hurst_walks", "roughness_measured", "roughness_before_floor", "mean_escape_time")
    for row in rows:
        said = {part.split(": ")[0] for part in row["undefined"].split("; ")}
        if row["draws"] == "1":
            assert {column for column in empty if not row[column]} <= said
        else:
            assert "other columns" in said
    convex = next(row for row in rows if row["terrain"] == "convex")
    assert convex["deepest_is_flattest"] == "yes"
    sweep = walker_sweep.read(smoke.results / "walker" / "sweeps" / "spectral-H0.5-size65.h5")
    assert sorted((p.noise, p.seed) for p in sweep.points) == [
        (0.01, 0),
        (0.01, 1),
        (0.03, 0),
        (0.03, 1),
    ]
    row = next(r for r in rows if r["terrain"] == "spectral-H0.5-size65" and r["noise"] == "0.03")
    mean = np.mean([p.exponent_initial for p in sweep.points if p.noise == 0.03])
    assert float(row["exponent_initial"]) == pytest.approx(mean, rel=1e-4)


def test_figures_are_drawn(smoke):
    for name in ("fig4_walker", "fig_walker_phase"):
        assert (smoke.results / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("old", "new", "plan"),
    [
        (
            "H: [0.5, 0.9]",
            "H: [0.5, 0.7, 0.9]",
            {"walker_sweep": 1, "walker_table": 1, "fig_walker_phase": 1},
        ),
        (
            "terrains: [fractal, convex, shuffled]",
            "terrains: [fractal, convex, shuffled, spectral]",
            {"walker": 1, "walker_table": 1, "fig4_walker": 1},
        ),
    ],
)
def test_one_more_value_makes_what_is_new_and_the_aggregates(smoke_copy, old, new, plan):
    path = smoke_copy.folder / "studies" / "smoke.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert smoke_copy.plan() == plan
