"""Planes and lines from checkpoint files, mostly of softmax regression, whose loss is smooth."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sgdwalk.datasets.prepared import Dataset, write_dataset
from sgdwalk.errors import InputError
from sgdwalk.hessian.product import HessianProduct
from sgdwalk.landscape import lines, planes
from sgdwalk.landscape.directions import position
from sgdwalk.landscape.lines import fine_lines, interpolation, random_lines
from sgdwalk.landscape.planes import principal_surface, random_surface
from sgdwalk.landscape.weights import LandscapeSettings, RunCheckpoints
from sgdwalk.networks.build import build_network
from sgdwalk.training.checkpoints import load_checkpoint, not_reached, save_checkpoint
from sgdwalk.training.settings import TrainingSettings

SETTINGS = LandscapeSettings(
    samples=40,
    batch_size=16,
    radius=1.0,
    normalisation="filter",
    bias_and_norm="fixed",
    batch_norm="kept",
    seed=0,
)
STEPS = (0, 2, 8, 20)


def make_run(folder, model="fc1", diverged_at=None, settings=SETTINGS):
    """A run whose positions are a random walk, as files."""
    generator = torch.Generator().manual_seed(0)

    def samples(count):
        labels = torch.arange(count) % 10
        return torch.randn(count, 1, 4, 4, generator=generator), labels

    data = Dataset(*samples(60), *samples(30), num_classes=10, name="noise")
    write_dataset(data, folder / "data.h5")
    torch.manual_seed(0)
    network = build_network(model, (1, 4, 4))
    for step in STEPS:
        if diverged_at is not None and step > diverged_at:
            content = not_reached(step, diverged_at)
        else:
            content = {"status": "reached", "step": step, "model": network.state_dict()}
        save_checkpoint(folder / "checkpoints" / f"{step}.pt", content)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    training = TrainingSettings(model, "noise", 16, 0.1, STEPS[-1], 0, False)
    return RunCheckpoints(
        folder / "data.h5", training, settings, folder / "checkpoints", torch.device("cpu")
    )


def loss_at(run, step):
    inputs, labels = run.train
    with torch.no_grad():
        return run.criterion(run.at(step)(inputs), labels).item()


def test_the_middle_of_a_random_plane_is_the_checkpoint(tmp_path):
    run = make_run(tmp_path)
    plane = random_surface(run, 20, 5)
    values = plane.values.train_loss.reshape(5, 5)
    assert values[2, 2] == pytest.approx(loss_at(run, 20), rel=1e-6)
    norm = float(position(run.at(20)).norm())
    np.testing.assert_allclose(plane.lengths, norm, rtol=1e-5)


def test_tiles_are_shares_of_the_plane(tmp_path):
    run = make_run(tmp_path)
    whole = random_surface(run, 8, 5).values
    parts = [random_surface(run, 8, 5, tile, 4).values for tile in range(4)]
    for name, values in whole.arrays.items():
        joined = np.concatenate([part.arrays[name] for part in parts])
        np.testing.assert_allclose(joined, values, rtol=1e-12)


def test_the_filter_line_is_the_middle_row_of_the_plane(tmp_path):
    run = make_run(tmp_path)
    line = random_lines(run, 20, 5)[0]
    assert line.kind == "filter"
    row = random_surface(run, 20, 5).values.train_loss.reshape(5, 5)[2]
    np.testing.assert_allclose(line.values.train_loss, row, rtol=1e-6)


@pytest.mark.parametrize("batch_norm", ["kept", "recomputed"])
def test_lines_of_a_smooth_loss_have_the_hessians_curvature(tmp_path, batch_norm):
    run = make_run(tmp_path, settings=replace(SETTINGS, batch_norm=batch_norm))
    for line in random_lines(run, 20, 5):
        assert line.curvature == pytest.approx(line.predicted_curvature, rel=2e-3)
        assert line.slope == pytest.approx(line.predicted_slope, rel=2e-3, abs=1e-4)


def test_the_path_is_on_its_plane(tmp_path):
    run = make_run(tmp_path)
    plane = principal_surface(run, 3)
    assert plane.path_step.tolist() == list(STEPS)
    assert 0 < plane.explained_variance.sum() <= 1
    assert plane.x[0] < plane.path[:, 0].min() < plane.path[:, 0].max() < plane.x[-1]
    assert plane.y[0] < plane.path[:, 1].min() < plane.path[:, 1].max() < plane.y[-1]
    np.testing.assert_allclose(plane.lengths, 1, rtol=1e-5)
    assert abs(plane.cosine) < 1e-5


def test_interpolation_ends_at_the_checkpoints(tmp_path):
    run = make_run(tmp_path)
    line = interpolation(run, 2, 20, "same", tmp_path / "checkpoints", 7)
    ends = line.values.train_loss[[0, -1]]
    np.testing.assert_allclose(ends, [loss_at(run, 2), loss_at(run, 20)], rtol=1e-5)
    distance = (position(run.at(20)) - position(run.at(2))).norm().item()
    assert line.length == pytest.approx(distance)


def test_fine_lines_reach_as_far_as_the_neighbour(tmp_path):
    run = make_run(tmp_path)
    found = fine_lines(run, 20, 3, 17)
    assert found.random.loss.shape == (3, 17)
    assert found.chord.loss[0, 8] == pytest.approx(loss_at(run, 20), rel=1e-6)
    assert found.chord.loss[0, 16] == pytest.approx(loss_at(run, 8), rel=1e-5)
    assert found.spacing * 8 == pytest.approx(found.half_length)
    assert fine_lines(run, 0, 2, 17).chord.loss[0, 16] == pytest.approx(loss_at(run, 2), rel=1e-5)


def test_rounding_of_the_losses_is_measured(tmp_path):
    """Single precision has 24 bits: means over samples are off by less, and by more than none."""
    run = make_run(tmp_path)
    found = fine_lines(run, 20, 2, 17)
    loss = np.abs(found.random.loss).mean()
    assert 1e-4 * 2**-24 < found.random.rounding / loss < 16 * 2**-24
    model = run.at(20).double()
    exact = run.surface(model, "kept", test=False)
    chord = position(run.at(8)) - position(run.at(20))
    values = exact.values(
        position(model), chord[None].double(), np.linspace(-1, 1, 17)[:, None]
    ).train_loss
    error = found.chord.loss[0] - values
    assert np.abs(error - error.mean()).max() < 6 * found.chord.rounding


def test_a_diverged_run_says_what_was_not_reached(tmp_path):
    run = make_run(tmp_path, diverged_at=5)
    said = "step 20 was not reached: diverged at step 5"
    assert random_surface(run, 20, 3).missing == {"values": said}
    assert [line.missing for line in random_lines(run, 20, 3)] == [{"values": said}] * 3
    line = interpolation(run, 0, 20, "other", tmp_path / "checkpoints", 3)
    assert line.missing == {"values": f"other: {said}"}
    line = interpolation(run, 20, 0, "other", tmp_path / "checkpoints", 3)
    assert line.missing == {"values": f"this run: {said}"}
    assert fine_lines(run, 20, 2, 17).missing == {"random": said, "chord": said}
    few = "2 checkpoints were reached; three are needed"
    assert principal_surface(run, 3).missing == {"values": few}


def test_all_lines_of_a_run(tmp_path):
    run = make_run(tmp_path)
    between = [{"start": 2, "stop": 20, "run": "same"}]
    folders = {"same": tmp_path / "checkpoints"}
    found = lines.analyse(run, [8, 20], 3, between, folders, 2, 17, 2**30)
    assert [(line.step, line.kind) for line in found.lines] == [
        (step, kind) for step in (8, 20) for kind in ("filter", "layer", "raw")
    ]
    expected = interpolation(run, 2, 20, "same", folders["same"], 3)
    np.testing.assert_array_equal(
        found.interpolations[0].values.train_loss, expected.values.train_loss
    )
    assert [item.step for item in found.roughness] == [8, 20]
    assert found.roughness[1].random.loss.shape == (2, 17)


def test_a_tile_is_of_the_plane_that_was_asked_for(tmp_path):
    run = make_run(tmp_path)
    tile = planes.analyse(run, 8, 3, 1, 2)
    assert (tile.tile, tile.tiles, tile.plane.kind, tile.plane.step) == (1, 2, "random", 8)
    assert len(tile.plane.values.train_loss) == 4
    assert planes.analyse(run, None, 3, 0, 1).plane.kind == "pca"


def test_batch_norm_without_training_has_the_statistics_of_the_samples(tmp_path):
    """Of all of them at once, as for the Hessian, however many a surface takes per pass."""
    run = make_run(tmp_path, "resnet8")
    model = run.at(0)
    means = [b for name, b in model.named_buffers() if name.endswith("running_mean")]
    assert means
    assert all(float(mean.abs().sum()) > 0 for mean in means)
    content = load_checkpoint(tmp_path / "checkpoints" / "0.pt")
    untouched = build_network("resnet8", (1, 4, 4)).eval()
    untouched.load_state_dict(content["model"])
    surface = HessianProduct(model, run.criterion, run.train)
    hessian = HessianProduct(untouched, run.criterion, run.train)
    torch.testing.assert_close(surface.gradient(), hessian.gradient(), rtol=1e-5, atol=1e-6)


def test_bad_checkpoints(tmp_path):
    run = make_run(tmp_path)
    with pytest.raises(InputError, match="allowed are the run's own: 0, 2, 8, 20"):
        run.at(7)
    torch.manual_seed(0)
    other = {"status": "reached", "step": 2, "model": build_network("fc3", (1, 4, 4)).state_dict()}
    save_checkpoint(tmp_path / "checkpoints" / "2.pt", other)
    with pytest.raises(InputError, match="not of this run's network"):
        run.at(2)
