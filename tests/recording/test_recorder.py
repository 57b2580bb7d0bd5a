"""The recorder: what is in the file is what the loop did."""

import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.errors import InputError
from sgdwalk.files import hdf5
from sgdwalk.recording.gram import increment_gram
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.trajectory import Trajectory


def loop(path, steps=50, *, lr=0.1, momentum=0.0, watch=None, epoch_at=(), **options):
    """A small training with everything it did written down beside the recorder."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    seen = {"position": [], "gradient": [], "loss": []}
    with TrajectoryRecorder(model, path, **options) as recorder:
        for step in range(steps):
            inputs, labels = torch.randn(8, 6), torch.randint(3, (8,))
            loss = nn.functional.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            seen["position"].append(flat(model.parameters()))
            seen["gradient"].append(flat(p.grad for p in model.parameters()))
            seen["loss"].append(loss.item())
            recorder.record(loss, len(labels))
            optimizer.step()
            if step + 1 in epoch_at:
                recorder.record_epoch(train_loss=1.5, test_accuracy=0.25)
            if watch:
                watch(recorder, step)
    return {key: np.array(value) for key, value in seen.items()}


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors]).numpy().copy()


def test_windows_are_contiguous_and_hold_the_loss_at_their_positions(tmp_path):
    seen = loop(tmp_path / "t.h5", 50, window=20)
    windows = Trajectory(tmp_path / "t.h5").windows
    found = [(w.start, w.length, w.partial) for w in windows]
    assert found == [(0, 20, False), (20, 20, False), (40, 10, True)]
    for w in windows:
        np.testing.assert_array_equal(w.step, np.arange(w.start, w.start + w.length))
        np.testing.assert_array_equal(w.loss, seen["loss"][w.step])
        expected = np.diff(seen["position"][w.step].astype(float), axis=0)
        np.testing.assert_allclose(w.gram, expected @ expected.T, rtol=1e-4, atol=1e-9)


def test_families_of_windows_come_from_one_run(tmp_path):
    seen = loop(tmp_path / "t.h5", 65, window=[(10, 1), (8, 4)])
    windows = Trajectory(tmp_path / "t.h5").windows
    assert [(w.length, w.stride, w.start) for w in windows] == [
        *((10, 1, 10 * i) for i in range(6)),
        (5, 1, 60),
        (8, 4, 0),
        (8, 4, 32),
    ]
    last = windows[-1]
    np.testing.assert_array_equal(last.step, 32 + 4 * np.arange(8))
    np.testing.assert_allclose(last.gram, increment_gram(seen["position"][last.step]), rtol=1e-6)


def test_grams_can_be_made_again_from_raw_weights(tmp_path):
    seen = loop(tmp_path / "t.h5", 41, window=[(20, 1), (10, 3)], weights=True)
    trajectory = Trajectory(tmp_path / "t.h5")
    for window in trajectory.windows:
        weights = trajectory.weights(window)
        np.testing.assert_array_equal(weights, seen["position"][window.step])
        np.testing.assert_allclose(increment_gram(weights), window.gram, rtol=1e-6)


def test_layer_grams_add_up(tmp_path):
    loop(tmp_path / "t.h5", 20, window=20, layer_grams=True)
    trajectory = Trajectory(tmp_path / "t.h5")
    (window,) = trajectory.windows
    layers = np.array(list(trajectory.group_grams(window).values()))
    assert layers.shape == (4, 19, 19)
    assert [name for name, _ in trajectory.layers] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    np.testing.assert_allclose(layers.sum(0), window.gram, rtol=1e-12)


def test_what_was_not_recorded_is_said(tmp_path):
    loop(tmp_path / "t.h5", 20, window=20)
    trajectory = Trajectory(tmp_path / "t.h5")
    with pytest.raises(InputError, match=r"recorded without weights \(recording.weights: true\)"):
        trajectory.weights(trajectory.windows[0])


def test_gradient_norms_samples_and_series(tmp_path):
    seen = loop(tmp_path / "t.h5", 30, window=10, samples_per_step=7, coordinates_per_layer=3)
    trajectory = Trajectory(tmp_path / "t.h5")
    norms = np.linalg.norm(seen["gradient"].astype(float), axis=1)
    np.testing.assert_allclose(trajectory.gradient_norm, norms, rtol=1e-6)
    g = trajectory.gradients
    assert g["sample_index"].shape == (30, 7)
    rows = np.arange(30)[:, None]
    np.testing.assert_array_equal(g["sample_value"], seen["gradient"][rows, g["sample_index"]])
    np.testing.assert_array_equal(g["series_gradient"], seen["gradient"][:, g["series_index"]])
    np.testing.assert_array_equal(g["series_position"], seen["position"][:, g["series_index"]])
    edges = np.cumsum([0, 30, 5, 15, 3])
    per_layer = np.histogram(g["series_index"], edges)[0]
    np.testing.assert_array_equal(per_layer, [3, 3, 3, 3])


def test_samples_are_uniform_over_parameters(tmp_path):
    loop(tmp_path / "t.h5", 200, window=100, samples_per_step=100)
    index = Trajectory(tmp_path / "t.h5").gradients["sample_index"].ravel()
    counts = np.bincount(index, minlength=53)
    expected = len(index) / 53
    assert len(counts) == 53
    assert ((counts - expected) ** 2 / expected).sum() < 53 + 5 * np.sqrt(2 * 53)


def test_epoch_noise_is_about_the_mean_of_the_epoch(tmp_path):
    seen = loop(tmp_path / "t.h5", 25, window=10, steps_per_epoch=8)
    epochs = Trajectory(tmp_path / "t.h5").epochs
    assert epochs["noise_norm"].shape == (3, 8)  # 25 steps are three whole epochs
    for epoch in range(3):
        gradients = seen["gradient"][8 * epoch : 8 * epoch + 8].astype(float)
        noise = gradients - gradients.mean(0)
        np.testing.assert_allclose(
            epochs["noise_norm"][epoch], np.linalg.norm(noise, axis=1), rtol=1e-5
        )
        np.testing.assert_allclose(epochs["noise_gram"][epoch], noise @ noise.T, atol=1e-6)
        np.testing.assert_allclose(
            epochs["mean_gradient_norm"][epoch], np.linalg.norm(gradients.mean(0)), rtol=1e-5
        )
        entries = epochs["mean_gradient_index"]
        np.testing.assert_allclose(
            epochs["mean_gradient"][epoch], gradients.mean(0)[entries], atol=1e-7
        )


def test_epoch_values_are_kept_with_their_step(tmp_path):
    loop(tmp_path / "t.h5", 20, window=10, epoch_at=(5, 20))
    epochs = Trajectory(tmp_path / "t.h5").epochs
    np.testing.assert_array_equal(epochs["step"], [5, 20])
    np.testing.assert_array_equal(epochs["train_loss"], [1.5, 1.5])
    assert np.isnan(epochs["train_accuracy"]).all()


def test_increments_are_positions_not_gradients(tmp_path):
    """With momentum a step is no multiple of the gradient."""
    seen = loop(tmp_path / "t.h5", 20, window=20, momentum=0.9)
    (window,) = Trajectory(tmp_path / "t.h5").windows
    _, msd = mean_squared_displacement(window.gram)
    np.testing.assert_allclose(
        msd[-1], ((seen["position"][-1] - seen["position"][0]).astype(float) ** 2).sum(), rtol=1e-5
    )


def test_sizes_of_batches_are_kept_where_they_are_told_at_every_step(tmp_path):
    def record(name, sizes):
        model = nn.Linear(3, 2)
        with TrajectoryRecorder(model, tmp_path / name, window=5) as recorder:
            for samples in sizes:
                model(torch.randn(4, 3)).sum().backward()
                recorder.record(0.0, samples)
        return Trajectory(tmp_path / name).batch_size

    sizes = [4, 4, 1, 4, 4, 1]
    assert record("told.h5", sizes).tolist() == sizes
    assert record("silent.h5", [None] * 6) is None
    assert record("at_times.h5", [4, None, 1, 4, 4, 1]) is None
    assert record("nothing.h5", []) is None


@pytest.mark.parametrize("samples", [0, -3])
def test_a_batch_without_samples_is_refused(tmp_path, samples):
    recorder = TrajectoryRecorder(nn.Linear(2, 2), tmp_path / "t.h5")
    with pytest.raises(InputError, match=f"record: {samples} samples; allowed: 1 or more, or None"):
        recorder.record(0.0, samples)


def test_probe_is_evaluated_at_recorded_steps_only(tmp_path):
    calls = []

    def probe():
        calls.append(None)
        return torch.tensor(float(len(calls)))

    loop(tmp_path / "t.h5", 30, window=[(5, 3)], probe=probe)
    windows = Trajectory(tmp_path / "t.h5").windows
    assert len(calls) == 10
    np.testing.assert_array_equal(windows[1].probe_loss, [6, 7, 8, 9, 10])


@pytest.mark.parametrize("stop", [3, 17, 24, 38])
def test_a_resumed_recording_equals_an_uninterrupted_one(tmp_path, stop):
    """Streams grow past the saved point before the kill; they must be cut back to it."""
    options = dict(window=[(10, 1), (6, 4)], steps_per_epoch=8, weights=True)
    loop(tmp_path / "whole.h5", 48, **options)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def run(recorder, first, last):
        for _ in range(first, last):
            inputs, labels = torch.randn(8, 6), torch.randint(3, (8,))
            loss = nn.functional.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            recorder.record(loss, len(labels))
            optimizer.step()

    recorder = TrajectoryRecorder(model, tmp_path / "t.h5", resumable=True, **options)
    run(recorder, 0, stop)
    point = recorder.state()
    recorder.state_saved()
    saved = [p.detach().clone() for p in model.parameters()], torch.get_rng_state()
    run(recorder, stop, stop + 9)  # lost with the process
    recorder._let_go()  # as the system does for a process that is killed
    with torch.no_grad():
        for p, old in zip(model.parameters(), saved[0], strict=True):
            p.copy_(old)
    torch.set_rng_state(saved[1])
    recorder = TrajectoryRecorder(model, tmp_path / "t.h5", resumable=True, resume=point, **options)
    run(recorder, stop, 48)
    recorder.close()
    assert_same(Trajectory(tmp_path / "t.h5"), Trajectory(tmp_path / "whole.h5"))


def assert_same(a, b):
    np.testing.assert_array_equal(a.loss, b.loss)
    np.testing.assert_array_equal(a.gradient_norm, b.gradient_norm)
    np.testing.assert_array_equal(a.batch_size, b.batch_size)
    for one, other in ((a.epochs, b.epochs), (a.gradients, b.gradients)):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    assert len(a.windows) == len(b.windows)
    for one, other in zip(a.windows, b.windows, strict=True):
        np.testing.assert_array_equal(one.gram, other.gram)
        np.testing.assert_array_equal(a.weights(one), b.weights(other))


def test_an_exception_in_the_loop_loses_no_whole_window(tmp_path):
    def fail(recorder, step):
        if step == 25:
            raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        loop(tmp_path / "t.h5", 50, window=10, watch=fail)
    trajectory = Trajectory(tmp_path / "t.h5")
    assert trajectory.interrupted
    assert [w.length for w in trajectory.windows] == [10, 10, 6]
    assert not (tmp_path / "t.h5.parts").exists()


def test_frozen_parameters_do_not_walk(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    model[0].requires_grad_(False)
    with TrajectoryRecorder(model, tmp_path / "t.h5", window=5) as recorder:
        for _ in range(5):
            model(torch.randn(4, 3)).sum().backward()
            recorder.record(0.0)
    assert Trajectory(tmp_path / "t.h5").parameters == 3


def test_a_mapped_file_gives_the_same_windows_as_memory(tmp_path):
    loop(tmp_path / "memory.h5", 20, window=10, weights=True)
    loop(tmp_path / "file.h5", 20, window=10, weights=True, host_memory=0)
    assert_same(Trajectory(tmp_path / "memory.h5"), Trajectory(tmp_path / "file.h5"))


def test_file_size_is_bounded(tmp_path):
    loop(tmp_path / "t.h5", 500, window=500, samples_per_step=0, coordinates_per_layer=0)
    assert (tmp_path / "t.h5").stat().st_size <= 12 * 500**2


@pytest.mark.parametrize(
    "window",
    [2, -5, 0, True, 10.0, "100", [], [(10, 0)], [(10, 1), (10, 1)], [10, 20], [(10, 1.5)]],
)
def test_bad_windows_are_refused(tmp_path, window):
    with pytest.raises(InputError, match=r"^window: .*; allowed: a length of 3 or more"):
        TrajectoryRecorder(nn.Linear(2, 2), tmp_path / "t.h5", window=window)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_parameters_is_refused(tmp_path):
    with pytest.raises(InputError, match="no trainable parameters"):
        TrajectoryRecorder(nn.ReLU(), tmp_path / "t.h5")


def test_unknown_epoch_values_are_refused(tmp_path):
    recorder = TrajectoryRecorder(nn.Linear(2, 2), tmp_path / "t.h5")
    with pytest.raises(InputError, match="loss_train; allowed: train_loss"):
        recorder.record_epoch(loss_train=1.0)


def test_a_trajectory_is_checked_once_and_read_once(tmp_path, monkeypatch):
    path = tmp_path / "t.h5"
    loop(path, steps=30, window=[(10, 1)])
    checked = []
    monkeypatch.setattr(hdf5, "check", lambda *arguments: checked.append(arguments))
    trajectory = Trajectory(path)
    assert trajectory.windows is trajectory.windows
    assert len(trajectory.windows) == 3
    assert trajectory.gradients is trajectory.gradients
    assert trajectory.layers == trajectory.layers
    assert checked == [(path, "trajectory")]
