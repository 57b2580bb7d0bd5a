"""The Hessian in the finished smoke study: its files, and what makes it run again."""

import numpy as np
import pytest

from sgdwalk.hessian import file as hessian_file
from sgdwalk.recording.trajectory import Trajectory

RERUN = {"hessian": 3, "hessian_run": 1, "figS2_hessian": 1}


def test_the_first_run_has_a_hessian_at_every_checkpoint(smoke):
    first, other = smoke.runs()
    run = hessian_file.read_run(first / "hessian.h5")
    assert run.step.tolist() == [0, 15, 240]
    assert run.missing == {}
    assert run.samples == 64
    assert run.origin["run"] == first.name
    assert run.eigenvalues.shape == (3, 3)
    assert run.smallest.shape == (3, 1)
    assert run.converged.all()
    assert (run.residuals <= 1e-3 * run.eigenvalues).all()
    assert np.isfinite(run.trace).tolist() == [True, False, True]
    assert np.isfinite(run.density_nodes).all(axis=(1, 2)).tolist() == [True, False, True]
    np.testing.assert_allclose(run.edge, 2 / 0.05)
    assert ((run.overlap > 3 / run.parameters) & (run.overlap <= 1)).all()
    names = sorted(path.name for path in (first / "hessian").iterdir())
    assert names == ["0.h5", "15.h5", "240.h5"]
    assert hessian_file.read(first / "hessian" / "15.h5").step == 15
    assert not (other / "hessian.h5").exists()


def test_the_replay_from_a_checkpoint_is_the_training_bit_for_bit(smoke):
    first = smoke.runs()[0]
    run = hessian_file.read_run(first / "hessian.h5")
    losses = {}
    for window in Trajectory(first / "trajectory.h5").windows:
        losses |= dict(zip(window.step.tolist(), window.loss.tolist(), strict=True))
    for step, replayed in zip(run.step[:2], run.replay_loss[:2], strict=True):
        assert replayed.tolist() == [losses[step + i] for i in range(10)]


def test_the_figure_is_drawn(smoke):
    path = smoke.results / "figures" / "figS2_hessian.pdf"
    assert path.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("setting", ["top_k: 4", "replay: 20"])
def test_a_setting_reruns_hessian_jobs_and_their_figure(smoke, setting):
    assert smoke.plan("--config", f"hessian={{{setting}}}") == RERUN


def test_another_run_is_added_without_touching_the_first(smoke):
    plan = smoke.plan("--config", "hessian={runs: all}")
    assert plan == {"hessian": 3, "hessian_run": 1}
    last = smoke.runs()[1].name
    assert smoke.plan("--config", f"hessian={{runs: [{last}]}}") == RERUN


def test_no_runs_leave_the_hessian_out(smoke):
    result = smoke.snakemake("-n", "-F", "--config", "hessian={runs: []}")
    result.check_returncode()
    assert "figS2_hessian" not in result.stdout


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ("frist", "hessian.runs: 'frist'; did you mean 'first'?"),
        ("[resnet9]", "hessian.runs: no run 'resnet9'; allowed: resnet8-digits-bs64-lr0.05"),
    ],
)
def test_an_unknown_run_is_named(smoke, runs, message):
    result = smoke.snakemake("-n", "--config", f"hessian={{runs: {runs}}}")
    assert result.returncode != 0
    assert message in result.stdout


def test_what_was_measured_before_a_kill_is_kept(smoke_copy):
    """One finished checkpoint of three is not measured again, and its eigenvectors are there."""
    more = ("--config", "hessian={top_k: 2}")
    run = f"results/smoke/runs/{smoke_copy.runs()[0].name}"
    smoke_copy.snakemake("--cores", "2", f"{run}/hessian/0.h5", *more).check_returncode()
    assert smoke_copy.plan(*more) == {**RERUN, "hessian": 2}
