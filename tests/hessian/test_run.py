"""Hessians of checkpoints: against direct computation, as files, and gathered along a run."""

from dataclasses import fields, replace

import h5py
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from sgdwalk.datasets.prepared import Dataset, read_dataset, write_dataset
from sgdwalk.datasets.subsets import balanced_subset
from sgdwalk.errors import InputError
from sgdwalk.figures.hessian_panels import draw_edge_of_stability
from sgdwalk.hessian import file as hessian_file
from sgdwalk.hessian.checkpoint import analyse
from sgdwalk.hessian.leading import leading_eigenpairs
from sgdwalk.hessian.results import HessianSettings, HessianValues, undefined_hessian
from sgdwalk.hessian.run import analyse as analyse_run
from sgdwalk.training.checkpoints import load_checkpoint, not_reached, save_checkpoint
from sgdwalk.training.initial_run import initial_run
from sgdwalk.training.loop import train
from sgdwalk.training.settings import TrainingSettings

torch.set_num_threads(1)
CPU = torch.device("cpu")
TRAINING = TrainingSettings("resnet8", "tiny", 16, 0.1, 20, 0, False)
SETTINGS = HessianSettings(
    top_k=4,
    smallest=1,
    samples=24,
    density_probes=2,
    density_steps=6,
    trace_products=6,
    replay=5,
    seed=0,
)
GIBIBYTE = 2**30
VALUES = [f.name for f in fields(HessianValues) if f.name not in ("parameters", "samples")]


class Losses:
    """Keeps the loss of every step."""

    def __init__(self):
        self.losses = []

    def record(self, loss, samples):
        self.losses.append(loss)

    def record_epoch(self, **values):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset, a run's checkpoints, one not reached, one not finite, and what they measure as."""
    folder = tmp_path_factory.mktemp("run")
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.randn(60, 1, 8, 8, generator=generator), torch.arange(60) % 3
    data = Dataset(images[:50], labels[:50], images[50:], labels[50:], 3, name="tiny")
    write_dataset(data, folder / "tiny.h5")
    run, losses = initial_run(data, TRAINING, CPU), Losses()

    def save(run):
        if run.step in (0, 12, 20):
            save_checkpoint(folder / f"{run.step}.pt", {"status": "reached", **run.state()})

    train(run, 25, losses, before_step=save)
    np.save(folder / "losses.npy", losses.losses)
    broken = {"status": "reached", **run.state(), "step": 30}
    next(iter(broken["model"].values())).fill_(np.nan)
    save_checkpoint(folder / "30.pt", broken)
    save_checkpoint(folder / "40.pt", not_reached(40, 30))
    for step in (0, 12, 20, 30, 40):
        found, vectors = analyse(
            folder / f"{step}.pt",
            folder / "tiny.h5",
            TRAINING,
            SETTINGS,
            step != 12,
            CPU,
            GIBIBYTE,
        )
        hessian_file.write(folder / f"{step}.h5", found, {"step": step})
        hessian_file.write_vectors(folder / f"{step}.eigenvectors.h5", vectors, {})
    return folder


@pytest.mark.parametrize("choice", [{"drop_last": True}, {"sampling": "replacement"}])
def test_the_steps_of_a_checkpoint_are_those_of_the_run_however_it_draws_batches(
    folder, tmp_path, choice
):
    training = replace(TRAINING, model="fc3", **choice)
    run, losses = initial_run(read_dataset(folder / "tiny.h5"), training, CPU), Losses()
    train(run, 7, losses)
    save_checkpoint(tmp_path / "7.pt", {"status": "reached", **run.state()})
    train(run, 12, losses)
    found, _ = analyse(
        tmp_path / "7.pt", folder / "tiny.h5", training, SETTINGS, False, CPU, GIBIBYTE
    )
    np.testing.assert_array_equal(found.replay_loss, losses.losses[7:])


def gathered(folder, steps):
    files = [folder / f"{step}.h5" for step in steps]
    vectors = [folder / f"{step}.eigenvectors.h5" for step in steps]
    return analyse_run(files, vectors)


def test_eigenpairs_are_of_the_mean_loss_over_a_balanced_subset(folder):
    found = hessian_file.read(folder / "20.h5")
    vectors = hessian_file.read_vectors(folder / "20.eigenvectors.h5")
    data = read_dataset(folder / "tiny.h5")
    run = initial_run(data, TRAINING, CPU)
    run.restore(load_checkpoint(folder / "20.pt"))
    chosen = balanced_subset(data.train_labels, 24, SETTINGS.seed)
    assert np.bincount(data.train_labels[chosen]).tolist() == [8, 8, 8]
    batch = data.train_inputs[chosen], data.train_labels[chosen]
    pairs = leading_eigenpairs(run.model, run.criterion, batch, 4, tolerance=1e-5)
    np.testing.assert_allclose(found.eigenvalues, pairs.values, rtol=1e-4)
    np.testing.assert_allclose(np.abs((vectors * pairs.vectors).sum(axis=0)), 1, atol=1e-3)
    assert found.converged.all()
    assert (found.residuals <= 1e-3 * found.eigenvalues).all()
    # 24 samples in batches of at most 16 are two of 12.
    train_mode = leading_eigenpairs(
        run.model, run.criterion, batch, 1, tolerance=1e-5, train_mode=True, batch_size=12
    )
    assert found.train_mode_eigenvalue == pytest.approx(train_mode.values[0], rel=1e-4)
    run.model.eval()
    loss = run.criterion(run.model(batch[0]), batch[1])
    gradients = torch.autograd.grad(loss, list(run.model.parameters()))
    gradient = torch.cat([g.flatten() for g in gradients]).numpy()
    assert found.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
    share = ((gradient @ pairs.vectors) ** 2).sum() / (gradient @ gradient)
    assert found.gradient_share == pytest.approx(share, rel=1e-2)
    assert found.edge == pytest.approx(20)
    assert found.parameters == len(gradient)


@pytest.mark.parametrize("step", [0, 12, 20])
def test_the_replay_is_the_training(folder, step):
    losses = np.load(folder / "losses.npy")
    found = hessian_file.read(folder / f"{step}.h5")
    np.testing.assert_array_equal(found.replay_loss, losses[step : step + 5])


def test_trace_and_density_where_asked(folder):
    for step, asked in ((0, True), (12, False), (20, True)):
        found = hessian_file.read(folder / f"{step}.h5")
        for name in ("trace", "trace_error", "density_nodes", "density_weights"):
            assert np.isfinite(getattr(found, name)).all() == asked
    np.testing.assert_allclose(found.density_weights.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (30, "the Hessian at step 30 is not finite"),
        (40, "step 40 was not reached: diverged at step 30"),
    ],
)
def test_a_diverged_checkpoint_is_a_valid_file_that_says_so(folder, step, why):
    found = hessian_file.read(folder / f"{step}.h5")
    assert found.step == step
    assert found.missing["hessian"].startswith(why)
    reached = hessian_file.read(folder / "0.h5")
    assert reached.missing == {}
    for name in VALUES:
        value = np.asarray(getattr(found, name))
        assert value.shape == np.shape(getattr(reached, name))
        assert not value.any() if name.endswith("converged") else np.isnan(value).all()
    assert hessian_file.read_vectors(folder / f"{step}.eigenvectors.h5").shape[1] == 0


@pytest.mark.parametrize(
    ("nesterov", "edge"), [(False, 2 * 1.9 / 0.1 - 0.01), (True, 2 * 1.9 / (0.1 * 2.8) - 0.01)]
)
def test_the_file_says_what_the_edge_is(folder, tmp_path, nesterov, edge):
    """With momentum and weight decay it is not 2 / learning rate."""
    training = replace(TRAINING, momentum=0.9, nesterov=nesterov, weight_decay=0.01)
    run = initial_run(read_dataset(folder / "tiny.h5"), training, CPU)
    save_checkpoint(tmp_path / "0.pt", {"status": "reached", **run.state()})
    settings = replace(SETTINGS, replay=2)
    found, _ = analyse(
        tmp_path / "0.pt", folder / "tiny.h5", training, settings, False, CPU, GIBIBYTE
    )
    assert found.edge == pytest.approx(edge)
    hessian_file.write(tmp_path / "0.h5", found, {})
    with h5py.File(tmp_path / "0.h5") as file:
        said = file["edge"].attrs["meaning"]
    assert "2 / learning rate" not in said
    plain = "2 (1 + b) / (eta (1 - d)) - w"
    assert ("2 (1 + b) / (eta (1 + 2 b)) - w" if nesterov else plain) in said


def test_the_figure_calls_the_edge_by_its_name(folder):
    """It is 2 / learning rate for plain SGD alone."""
    axis = Figure().add_subplot()
    draw_edge_of_stability(axis, gathered(folder, [0, 12, 20]))
    labels = axis.get_legend_handles_labels()[1]
    assert "edge of stability" in labels
    assert not any("eta" in label for label in labels)


def test_a_missing_edge_is_said_in_the_file_and_in_the_figure(folder, tmp_path):
    """Of Adam there is none; with too much weight decay it is below every positive eigenvalue."""
    result = gathered(folder, [0, 12, 20])
    said = {"trace": "step 12: not measured at this checkpoint"}
    assert result.undefined == {**said, "density": said["trace"]}
    why = "Adam has no edge that its settings alone decide"
    nothing = replace(result, edge=np.full(3, np.nan), undefined={"edge": f"step 0, 12, 20: {why}"})
    hessian_file.write_run(tmp_path / "hessian.h5", nothing, {"run": "a"})
    read = hessian_file.read_run(tmp_path / "hessian.h5")
    assert read.undefined == nothing.undefined
    negative = replace(result, edge=np.full(3, -5.0))
    for run, words in ((read, why), (negative, "not above zero at every step: -5")):
        axis = Figure().add_subplot()
        draw_edge_of_stability(axis, run)
        assert "edge of stability" not in axis.get_legend_handles_labels()[1]
        shown = " ".join(text.get_text() for text in axis.texts).replace("\n", " ")
        assert words in shown


def test_gathered_along_the_run(folder):
    result = gathered(folder, [40, 20, 12, 0, 30])
    hessian_file.write_run(folder / "hessian.h5", result, {"run": "a"})
    run = hessian_file.read_run(folder / "hessian.h5")
    assert run.step.tolist() == [0, 12, 20, 30, 40]
    parts = [hessian_file.read(folder / f"{step}.h5") for step in run.step]
    assert run.missing == {str(p.step): p.missing["hessian"] for p in parts[3:]}
    for name in VALUES:
        expected = [getattr(part, name) for part in parts]
        np.testing.assert_array_equal(getattr(run, name), expected)
    a, b = (hessian_file.read_vectors(folder / f"{step}.eigenvectors.h5") for step in (0, 12))
    angles = np.linalg.svd(a.T @ b, compute_uv=False)
    np.testing.assert_allclose(run.overlap[0], np.mean(angles**2), rtol=1e-5)
    assert np.isfinite(run.overlap[:2]).all()
    assert np.isnan(run.overlap[2:]).all()
    slope = np.polyfit(np.log(parts[2].eigenvalues), np.log(parts[2].variance), 1)[0]
    assert run.variance_slope[2] == pytest.approx(slope)
    assert np.isnan(run.variance_slope[3:]).all()
    assert run.origin == {"run": "a"}


def test_a_run_without_any_hessian_is_gathered(folder):
    run = gathered(folder, [30, 40])
    assert list(run.missing) == ["30", "40"]
    assert np.isnan(run.overlap).all()


def test_hessians_of_other_settings_are_refused(folder, tmp_path):
    strange = undefined_hessian(7, 10, 24, HessianSettings(3, 1, 24, 2, 6, 6, 5, 0))
    hessian_file.write(tmp_path / "7.h5", strange, {})
    with pytest.raises(InputError, match=r"7\.h5: of another network or settings than .*0\.h5"):
        analyse_run([folder / "0.h5", tmp_path / "7.h5"], [])


def test_a_checkpoint_of_another_network_is_named(folder):
    other = TrainingSettings("fc3", "tiny", 16, 0.1, 20, 0, False)
    with pytest.raises(InputError, match=r"0\.pt: not of this run's network"):
        analyse(folder / "0.pt", folder / "tiny.h5", other, SETTINGS, False, CPU, GIBIBYTE)
