"""Noise, tails and figure 5 of the finished smoke study, and what reruns them."""

import csv

import numpy as np

from sgdwalk.noise import file as noise_file


def test_the_smoke_study_has_tails_of_all_runs(smoke):
    with open(smoke.results / "tables" / "tails.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == {run.name for run in smoke.runs()}
    pooled = [r for r in rows if r["quantity"] == "entries" and r["window_start"]]
    # 60-step windows of 240 steps
    assert [int(r["window_start"]) for r in pooled] == 2 * [0, 60, 120, 180]
    for row in pooled:
        assert 0.4 <= float(row["alpha"]) <= 2
        assert float(row["null_alpha_low"]) <= float(row["null_alpha"])
        assert 1 / 40 <= float(row["null_p"]) <= 1
        assert "scales that differ between parameters" in row["note"]
    assert all(r["undefined"] for r in rows if not (r["alpha"] and r["null_alpha"]))
    fixed = [r for r in rows if r["quantity"] == "standardised noise at fixed weights"]
    assert [int(r["step"]) for r in fixed] == 2 * [0, 15, 240]
    for row in fixed:
        assert 0 <= float(row["rejected_share"]) <= 1
    assert (smoke.results / "figures" / "fig5_gradients.png").exists()
    for run in smoke.runs():
        noise = noise_file.read(run / "noise.h5")
        assert noise.step.tolist() == [0, 15, 240]
        assert (noise.loss_variance > 0).all()


def test_another_density_table_reruns_gradients_but_no_training(smoke_copy):
    path = smoke_copy.folder / "workflow/scripts/sgdwalk/gradients/stable_table.npy"
    np.save(path, np.load(path) * 1.001)
    plan = smoke_copy.plan()
    assert plan["gradients"] == 2
    assert plan["gradients_table"] == plan["fig5_gradients"] == 1
    assert not {"train", "noise", "diffusion"} & set(plan)


def test_the_number_of_minibatches_reruns_noise_and_what_hangs_on_it(smoke_copy):
    plan = smoke_copy.plan("--config", "noise={batches: 40}")
    assert plan["noise"] == plan["gradients"] == 2
    assert not {"train", "diffusion"} & set(plan)


def test_the_moving_window_of_the_loss_reaches_figure_5(smoke_copy):
    plan = smoke_copy.plan("--config", "geometry={moving_window: 50}")
    assert plan["geometry"] == 2
    assert plan["fig5_gradients"] == plan["fig_avalanches"] == 1
    assert not {"train", "noise", "gradients", "diffusion"} & set(plan)
