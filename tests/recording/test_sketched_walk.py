"""A walk that is kept as its sketch: against snapshots, beside windows, broken, resumed."""

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.recording import room, row_streams, sketched_walk, step_numbers
from sgdwalk.recording.analysed_windows import analysed_windows, longest_window, sketched_window
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.recover import recover
from sgdwalk.recording.row_buffer import RowBuffer
from sgdwalk.recording.sketch import Buckets, Sketch
from sgdwalk.recording.trajectory import Trajectory

STEPS = 60


def start(dtype=torch.float32, width=40):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, width), nn.Tanh(), nn.Linear(width, 10)).to(dtype)
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def flat(model):
    parts = [torch.view_as_real(p) if p.is_complex() else p for p in model.parameters()]
    return np.concatenate([p.detach().double().numpy().ravel() for p in parts])


def walk(model, optimizer, recorder, steps, first=0, losses=None):
    """Record steps; (steps + 1, P) positions, the last that after the last step."""
    places = []
    for step in range(first, first + steps):
        draw = torch.Generator().manual_seed(step)
        inputs = torch.randn(16, 30, generator=draw).to(next(model.parameters()).dtype)
        loss = model(inputs).abs().square().mean()
        optimizer.zero_grad()
        loss.backward()
        told = loss if losses is None or step not in losses else losses[step]
        recorder.record(told)
        places.append(flat(model))
        optimizer.step()
    return np.array([*places, flat(model)])


def recorded(path, steps=STEPS, dtype=torch.float32, **options):
    model, optimizer = start(dtype)
    options = {"window": None, "sketch": 16, "origin": {}, **options}
    with TrajectoryRecorder(model, path, **options) as recorder:
        places = walk(model, optimizer, recorder, steps)
    return Trajectory(path), places, model


def assert_is_of(path, places, sketch, rtol=1e-6):
    """A sketched path is that of positions, by the map that anybody can make."""
    steps = np.diff(places, axis=0)
    scale = np.linalg.norm(steps, axis=1).max()
    np.testing.assert_allclose(path.start, sketch(places[0]), atol=1e-6)
    for found, step in zip(path.increments, steps, strict=True):
        np.testing.assert_allclose(found, sketch(step), atol=rtol * scale)
    np.testing.assert_allclose(path.norms, np.linalg.norm(steps, axis=1), rtol=rtol)
    away = np.linalg.norm(places - places[0], axis=1)
    np.testing.assert_allclose(path.distance_from_start, away, rtol=rtol)


def sketch_of(size, k=16):
    map_ = Sketch([torch.empty(size)], k)
    return lambda vector: map_.apply([torch.from_numpy(vector)])


@pytest.mark.parametrize("small", [True, False], ids=["small", "in chunks"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_increments_norms_and_distances_are_those_of_the_walk(tmp_path, monkeypatch, dtype, small):
    if not small:
        monkeypatch.setattr(step_numbers, "_SMALL", 0)
        monkeypatch.setattr(sketched_walk, "_CHUNK", 257)
    trajectory, places, _ = recorded(tmp_path / "t.h5", dtype=dtype)
    path = trajectory.sketch
    assert path.increments.shape == (STEPS, 16)
    assert path.increments.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    assert (path.k, path.seed, path.parameters, len(path)) == (16, 0, places.shape[1], STEPS + 1)
    assert_is_of(path, places, sketch_of(places.shape[1]))
    assert not trajectory.windows


def test_complex_parameters_are_sketched_as_reals(tmp_path):
    trajectory, places, model = recorded(tmp_path / "t.h5", 20, torch.complex64)
    assert_is_of(trajectory.sketch, places, sketch_of(places.shape[1]), rtol=2e-6)
    found = Sketch(model.parameters(), 16).apply(model.parameters())
    np.testing.assert_allclose(trajectory.sketch.positions([20])[0], found, atol=1e-5)


def test_two_walks_of_one_network_are_in_one_space(tmp_path):
    _, one, model = recorded(tmp_path / "a.h5")
    at = Trajectory(tmp_path / "a.h5").sketch.positions(np.array([0, 7, STEPS]))
    sketch = Sketch(model.parameters(), 16)
    for found, place in zip(at, one[[0, 7, STEPS]], strict=True):
        parts = np.split(place, np.cumsum([p.numel() for p in model.parameters()])[:-1])
        expected = sketch.apply([torch.from_numpy(part) for part in parts])
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_beside_windows_it_is_the_same_and_so_are_they(tmp_path):
    alone, _, _ = recorded(tmp_path / "a.h5")
    both, _, _ = recorded(tmp_path / "b.h5", window=[(10, 1), (5, 4)])
    windows, _, _ = recorded(tmp_path / "c.h5", window=[(10, 1), (5, 4)], sketch=None)
    np.testing.assert_array_equal(both.sketch.increments, alone.sketch.increments)
    np.testing.assert_array_equal(both.sketch.norms, alone.sketch.norms)
    for w, same in zip(both.windows, windows.windows, strict=True):
        np.testing.assert_array_equal(w.gram, same.gram)
    assert windows.sketch is None
    exact = [w for w in both.windows if w.stride == 1][2]
    cut = sketched_window(both, exact.start, exact.length, 1)
    assert cut.loss.tolist() == exact.loss.tolist()
    assert cut.step.tolist() == exact.step.tolist()
    assert np.trace(cut.gram) == pytest.approx(np.trace(exact.gram), rel=5 * np.sqrt(2 / 16))


def test_windows_of_any_length_start_and_stride_are_sums_of_increments(tmp_path):
    trajectory, places, _ = recorded(tmp_path / "t.h5")
    sketch = sketch_of(places.shape[1])
    images = np.array([sketch(place) for place in places])
    for begin, length, stride in ((0, 61, 1), (3, 20, 1), (1, 12, 5), (0, 4, 20), (58, 3, 1)):
        at = begin + stride * np.arange(length)
        steps = np.diff(images[at], axis=0)
        found = trajectory.sketch.gram(begin, length, stride)
        np.testing.assert_allclose(found, steps @ steps.T, atol=1e-4 * np.trace(found))
    for begin, length, stride in ((0, 62, 1), (-1, 5, 1), (0, 1, 1), (0, 5, 0), (41, 3, 10)):
        with pytest.raises(InputError, match="allowed: 2 or more of 61"):
            trajectory.sketch.gram(begin, length, stride)


def test_with_as_many_numbers_as_parameters_nothing_is_lost(tmp_path):
    trajectory, places, _ = recorded(tmp_path / "t.h5", sketch=1650)
    assert places.shape[1] == 1650
    assert trajectory.sketch.exact
    steps = np.diff(places[:20], axis=0)
    np.testing.assert_allclose(trajectory.sketch.gram(0, 20), steps @ steps.T, rtol=1e-4, atol=1e-9)
    assert longest_window(trajectory, 1000).sketched.shape == (59, 0)


def test_groups_are_walks_of_their_own_tensors(tmp_path):
    groups = {"first": "0.*", "biases": ["0.bias", "*.bias"], "all": "*"}
    trajectory, places, _ = recorded(tmp_path / "t.h5", window=10, groups=groups)
    ends = np.cumsum([0, 1200, 40, 400, 10])
    parts = [np.arange(a, b) for a, b in pairwise(ends)]
    columns = {
        "first": np.concatenate(parts[:2]),
        "biases": np.concatenate([parts[1], parts[3]]),
        "all": np.arange(1650),
    }
    assert trajectory.groups["biases"] == ["0.bias", "2.bias"]
    window = trajectory.windows[1]
    for name, own in columns.items():
        mine = places[:, own]
        path = trajectory.sketch.groups[name]
        assert path.parameters == len(own)
        assert_is_of(path, mine, sketch_of(len(own)))
        steps = np.diff(mine[window.step], axis=0)
        gram = trajectory.group_grams(window)[name]
        np.testing.assert_allclose(gram, steps @ steps.T, atol=1e-6 * np.trace(gram))
    np.testing.assert_array_equal(trajectory.group_grams(window)["all"], window.gram)


def test_what_groups_are_refused(tmp_path):
    model, _ = start()
    for groups, said in (
        ({"a": "1.*"}, r"groups: a: '1\.\*' is no parameter's; .* as '0.weight'"),
        ({"a": []}, "groups: a: no pattern"),
        ({"a/b": "*"}, "groups: name 'a/b'; allowed"),
        ({"": "*"}, "groups: name ''; allowed"),
        (["*"], "groups: a list; allowed: a dict of patterns by name"),
        ({"a": 1}, "groups: a: 1; allowed: a pattern, or a list of them"),
        ({"a": ["*", 3]}, r"groups: a: \['\*', 3\]; allowed: a pattern"),
    ):
        with pytest.raises(InputError, match=said):
            TrajectoryRecorder(model, tmp_path / "t.h5", groups=groups)
    with pytest.raises(InputError, match=r"groups: 0\.bias: a parameter tensor's"):
        TrajectoryRecorder(model, tmp_path / "t.h5", groups={"0.bias": "*"}, layer_grams=True)
    assert not list(tmp_path.iterdir())


def test_what_sketches_are_refused(tmp_path, monkeypatch):
    model, _ = start()
    for k in (0, -3, 1.5, True, 10**12):
        with pytest.raises(InputError, match=r"sketch: .*; allowed: a whole number from 1 to"):
            TrajectoryRecorder(model, tmp_path / "t.h5", sketch=k)
    with pytest.raises(InputError, match="window: None; allowed with a sketch, as sketch=1024"):
        TrajectoryRecorder(model, tmp_path / "t.h5", None)
    with pytest.raises(InputError, match="weights: True; allowed with windows"):
        TrajectoryRecorder(model, tmp_path / "t.h5", None, sketch=4, weights=True)
    monkeypatch.setattr(room, "free_host_memory", lambda: 13_000)
    with pytest.raises(
        InputError, match=r"sketch: 2 copies of 1650 .* need 1\.32e-05 GB of memory"
    ):
        TrajectoryRecorder(model, tmp_path / "t.h5", None, sketch=4)
    assert not list(tmp_path.iterdir())


def test_the_probe_is_asked_at_every_step(tmp_path):
    asked = []

    def probe():
        asked.append(1)
        return torch.tensor(float(len(asked)))

    trajectory, _, _ = recorded(tmp_path / "t.h5", 30, probe=probe)
    assert trajectory.probe_loss.tolist() == list(range(1, 31))
    assert sketched_window(trajectory, 4, 20, 1).probe_loss.tolist() == list(range(5, 25))


def test_a_walk_that_diverges_is_kept_up_to_there(tmp_path):
    model, optimizer = start()
    path = tmp_path / "t.h5"
    with TrajectoryRecorder(model, path, None, sketch=16, origin={}) as recorder:
        places = walk(model, optimizer, recorder, 40, losses={38: float("nan"), 39: float("nan")})
    trajectory = Trajectory(path)
    assert trajectory.diverged_at == 38
    assert_is_of(trajectory.sketch, places, sketch_of(places.shape[1]))
    (window,) = analysed_windows(trajectory)
    assert (window.start, window.length) == (0, 38)


def test_positions_that_are_not_finite_end_it(tmp_path):
    model, optimizer = start()
    path = tmp_path / "t.h5"
    with TrajectoryRecorder(model, path, None, sketch=16, origin={}) as recorder:
        walk(model, optimizer, recorder, 30)
        with torch.no_grad():
            next(model.parameters()).fill_(float("inf"))
        recorder.record(1.0)
        recorder.record(1.0)
    trajectory = Trajectory(path)
    assert trajectory.sketch.stretches() == [(0, 30)]
    (window,) = analysed_windows(trajectory)
    assert (window.start, window.length) == (0, 30)


# ---------------------------------------------------------------- cut off, and taken up again


def test_a_walk_goes_on_at_its_end_without_a_break(tmp_path):
    """From a whole file: the first position is no longer there, so distances from it are not."""
    model, optimizer = start()
    path, options = tmp_path / "t.h5", {"window": None, "sketch": 16, "groups": {"first": "0.*"}}
    with TrajectoryRecorder(model, path, **options, origin={}) as recorder:
        one = walk(model, optimizer, recorder, 30)
    with TrajectoryRecorder(model, path, **options, origin={}, resume=True) as recorder:
        two = walk(model, optimizer, recorder, 30, first=30)
    trajectory = Trajectory(path)
    places = np.concatenate([one[:-1], two])
    assert trajectory.resumed.tolist() == [[30, 30]]
    assert trajectory.sketch.stretches() == [(0, 61)]
    sketch = sketch_of(places.shape[1])
    for found, step in zip(trajectory.sketch.increments, np.diff(places, axis=0), strict=True):
        np.testing.assert_allclose(found, sketch(step), atol=1e-6)
    away = trajectory.sketch.distance_from_start
    assert np.isfinite(away[:31]).all()
    assert np.isnan(away[31:]).all()
    assert trajectory.sketch.groups["first"].stretches() == [(0, 61)]


def test_a_walk_that_goes_back_is_broken_there(tmp_path):
    path = tmp_path / "t.h5"
    recorded(path, 40)
    model, optimizer = start()
    with TrajectoryRecorder(model, tmp_path / "other.h5", None, sketch=16) as recorder:
        walk(model, optimizer, recorder, 10)
    options = {"window": None, "sketch": 16, "origin": {}, "resume": True}
    with TrajectoryRecorder(model, path, **options) as recorder:
        two = walk(model, optimizer, recorder, 30, first=10)
    trajectory = Trajectory(path)
    assert trajectory.resumed.tolist() == [[40, 10]]
    assert trajectory.sketch.stretches() == [(0, 40), (40, 71)]
    sketch = sketch_of(two.shape[1])
    for found, step in zip(trajectory.sketch.increments[40:], np.diff(two, axis=0), strict=True):
        np.testing.assert_allclose(found, sketch(step), atol=1e-6)
    with pytest.raises(InputError, match="broken between positions 30 and 49"):
        trajectory.sketch.gram(30, 20)
    assert [(w.start, w.length) for w in analysed_windows(trajectory, [{"length": 25}])] == [
        (0, 25),
        (40, 25),
    ]
    whole = longest_window(trajectory, 1000)
    assert (whole.start, whole.length) == (0, 40)


def test_an_end_that_was_walked_on_from_is_no_end_any_more(tmp_path):
    """A loop that is killed after it went on, and starts again from where it had ended before."""
    path, options = tmp_path / "t.h5", {"window": None, "sketch": 16, "origin": {}}
    model, optimizer = start()
    with TrajectoryRecorder(model, path, **options) as recorder:
        walk(model, optimizer, recorder, 20)
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    recorder = TrajectoryRecorder(model, path, **options, resume=True)
    walk(model, optimizer, recorder, 10, first=20)
    recorder._let_go()  # as the end of the process would
    model.load_state_dict(saved)
    with TrajectoryRecorder(model, path, **options, resume=True) as recorder:
        walk(model, optimizer, recorder, 10, first=20)
    trajectory = Trajectory(path)
    assert trajectory.resumed.tolist() == [[20, 20], [30, 20]]
    assert trajectory.sketch.stretches() == [(0, 30), (30, 41)]


def test_what_a_killed_loop_left_goes_on_with_its_distances(tmp_path):
    """The first position is kept beside the rows until the file is whole."""
    path = tmp_path / "t.h5"
    model, optimizer = start()
    recorder = TrajectoryRecorder(model, path, None, sketch=16, origin={})
    one = walk(model, optimizer, recorder, 25)
    recorder._let_go()  # as the end of the process would
    with TrajectoryRecorder(model, path, None, sketch=16, origin={}, resume=True) as recorder:
        two = walk(model, optimizer, recorder, 25, first=25)
    trajectory = Trajectory(path)
    assert trajectory.resumed.tolist() == [[25, -1]]
    assert trajectory.sketch.stretches() == [(0, 25), (25, 51)]
    away = np.linalg.norm(np.concatenate([one[:-1], two]) - one[0], axis=1)
    np.testing.assert_allclose(trajectory.sketch.distance_from_start, away, rtol=1e-6)
    assert not (tmp_path / "t.h5.parts").exists()


def test_recovered_it_lacks_the_last_increment_alone(tmp_path):
    path = tmp_path / "t.h5"
    model, optimizer = start()
    recorder = TrajectoryRecorder(model, path, None, sketch=16, origin={})
    places = walk(model, optimizer, recorder, 25)
    recorder._let_go()
    trajectory = recover(path)
    assert trajectory.steps == 25
    assert_is_of(trajectory.sketch, places[:-1], sketch_of(places.shape[1]))


def test_a_resumed_point_is_as_never_stopped(tmp_path):
    options = {"window": [(10, 1)], "sketch": 16, "origin": {}, "groups": {"first": "0.*"}}
    whole, _, _ = recorded(tmp_path / "whole.h5", 40, **options)
    path = tmp_path / "t.h5"
    model, optimizer = start()
    recorder = TrajectoryRecorder(model, path, resumable=True, **options)
    walk(model, optimizer, recorder, 13)
    recorder.state()
    recorder.state_saved()
    walk(model, optimizer, recorder, 4, first=13)
    point = recorder.state()
    recorder.state_saved()
    kept = {p.name for p in (tmp_path / "t.h5.parts").iterdir()}
    assert "previous-16.rows" in kept
    assert "previous-12.rows" not in kept
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    moved = [dict(state) for state in optimizer.state.values()]
    buffers = [state["momentum_buffer"].clone() for state in moved]
    walk(model, optimizer, recorder, 6, first=17)  # of a process that is then killed
    recorder._let_go()
    model.load_state_dict(saved)
    for state, buffer in zip(optimizer.state.values(), buffers, strict=True):
        state["momentum_buffer"].copy_(buffer)
    recorder = TrajectoryRecorder(model, path, resumable=True, resume=point, **options)
    walk(model, optimizer, recorder, 23, first=17)
    recorder.close()
    found = Trajectory(path)
    np.testing.assert_array_equal(found.loss, whole.loss)
    for one, other in (
        (found.sketch, whole.sketch),
        (found.sketch.groups["first"], whole.sketch.groups["first"]),
    ):
        np.testing.assert_array_equal(one.increments, other.increments)
        np.testing.assert_array_equal(one.norms, other.norms)
        np.testing.assert_array_equal(one.distance_from_start, other.distance_from_start)


def test_another_sketch_cannot_go_on_with_a_walk(tmp_path):
    path = tmp_path / "t.h5"
    recorded(path, 20)
    before = path.read_bytes()
    model, _ = start()
    for sketch, there in ((8, 16), (None, 16)):
        window = 10 if sketch is None else None
        with pytest.raises(InputError, match=f"resume: sketch {sketch or 0}, but .* has {there}"):
            TrajectoryRecorder(model, path, window, sketch=sketch, resume=True)
    assert path.read_bytes() == before


def test_an_interrupt_in_a_step_breaks_nothing_silently(tmp_path, monkeypatch):
    """What is then recorded is the walk from the last position that was kept."""
    model, optimizer = start()
    path = tmp_path / "t.h5"
    with TrajectoryRecorder(model, path, None, sketch=16, origin={}) as recorder:
        one = walk(model, optimizer, recorder, 10)

        def stopped(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(row_streams.os, "pwrite", stopped)
            with pytest.raises(KeyboardInterrupt):
                walk(model, optimizer, recorder, 1, first=10)
        two = walk(model, optimizer, recorder, 10, first=10)
    places = np.concatenate([one[:-1], two])
    assert_is_of(Trajectory(path).sketch, places, sketch_of(places.shape[1]))


def test_memory_is_two_copies_and_the_parameters_once(tmp_path):
    """Of what is as large as the network."""
    size = 3_000_000
    model = nn.ParameterList([nn.Parameter(torch.zeros(size))])
    recorder = TrajectoryRecorder(model, tmp_path / "t.h5", None, sketch=16)
    own = {}
    for owner in (recorder, recorder._sketched, recorder._numbers):
        for value in vars(owner).values():
            if isinstance(value, torch.Tensor) and value.numel() >= size:
                own[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
    assert sum(own.values()) == 3 * size * 4
    recorder.close()


def test_rows_are_all_that_grows_on_disk(tmp_path):
    model, optimizer = start()
    path = tmp_path / "t.h5"
    recorder = TrajectoryRecorder(model, path, None, sketch=16, origin={})
    walk(model, optimizer, recorder, 5)
    names = {p.name for p in (tmp_path / "t.h5.parts").iterdir()}
    assert names == {"steps.rows", "first.rows", "sketch-start.rows", "recording.json", "lock"}
    shutil.rmtree(tmp_path / "t.h5.parts", ignore_errors=True)


def test_a_recorder_that_records_nothing_changes_nothing_of_a_walk(tmp_path):
    path, options = tmp_path / "t.h5", {"window": None, "sketch": 16, "origin": {}}
    before, _, model = recorded(path)
    for _ in range(2):
        TrajectoryRecorder(model, path, **options, resume=True).close()
    after = Trajectory(path)
    assert after.steps == STEPS
    np.testing.assert_array_equal(after.sketch.increments, before.sketch.increments)
    np.testing.assert_array_equal(after.sketch.norms, before.sketch.norms)


@pytest.mark.parametrize("groups", [None, {"first": "0.*"}])
def test_a_walk_of_one_step_and_one_of_none_go_on(tmp_path, groups):
    options = {"window": None, "sketch": 16, "origin": {}, "groups": groups}
    model, optimizer = start()
    path = tmp_path / "one.h5"
    recorder = TrajectoryRecorder(model, path, **options)
    walk(model, optimizer, recorder, 1)
    recorder._let_go()
    recover(path)
    with TrajectoryRecorder(model, path, **options, resume=True) as recorder:
        walk(model, optimizer, recorder, 3, first=1)
    assert Trajectory(path).sketch.stretches() == [(1, 5)]
    path = tmp_path / "none.h5"
    TrajectoryRecorder(model, path, **options).close()
    assert Trajectory(path).sketch is None
    with TrajectoryRecorder(model, path, **options, resume=True) as recorder:
        walk(model, optimizer, recorder, 3)
    assert len(Trajectory(path).sketch) == 4


def test_a_point_of_other_rows_is_refused(tmp_path):
    model, optimizer = start()
    path, options = tmp_path / "t.h5", {"window": None, "origin": {}, "resumable": True}
    recorder = TrajectoryRecorder(model, path, sketch=16, **options)
    walk(model, optimizer, recorder, 3)
    point = recorder.state()
    recorder._let_go()
    with pytest.raises(InputError, match="stream steps: row"):
        TrajectoryRecorder(model, path, sketch=8, resume=point, **options)


def test_tensors_without_numbers_are_groups_that_do_not_move(tmp_path):
    parameters = [("a", torch.ones(4)), ("none", torch.empty(0)), ("b", torch.ones(3))]
    path = tmp_path / "t.h5"
    with TrajectoryRecorder(parameters, path, None, sketch=4, layer_grams=True) as recorder:
        for _ in range(3):
            recorder.record(1.0)
            parameters[0][1].add_(1.0)
    groups = Trajectory(path).sketch.groups
    assert groups["a"].norms.tolist() == [2.0] * 3
    assert groups["none"].norms.tolist() == groups["b"].norms.tolist() == [0.0] * 3


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_tiny_and_huge_steps_have_norms(tmp_path, scale):
    tensor = torch.zeros(50)
    path = tmp_path / "t.h5"
    with TrajectoryRecorder([("a", tensor)], path, None, sketch=4) as recorder:
        for _ in range(3):
            tensor.grad = torch.full((50,), scale)
            recorder.record(1.0)
            tensor += scale
    trajectory = Trajectory(path)
    expected = scale * np.sqrt(50)
    np.testing.assert_allclose(trajectory.sketch.norms, expected, rtol=1e-6)
    np.testing.assert_allclose(trajectory.gradient_norm, expected, rtol=1e-6)


@pytest.mark.parametrize("small", [True, False], ids=["small", "in chunks"])
def test_an_interrupt_while_a_step_is_summed_leaves_nothing_in_the_next(
    tmp_path, monkeypatch, small
):
    if not small:
        monkeypatch.setattr(step_numbers, "_SMALL", 0)
    model, optimizer = start()
    path = tmp_path / "t.h5"
    kind = Buckets

    def stopped(*_):
        raise KeyboardInterrupt

    with TrajectoryRecorder(model, path, window=30, sketch=16, origin={}) as recorder:
        one = walk(model, optimizer, recorder, 10)
        with monkeypatch.context() as patch:
            patch.setattr(kind, "of_small" if small else "take", stopped)
            with pytest.raises(KeyboardInterrupt):
                walk(model, optimizer, recorder, 1, first=10)
        two = walk(model, optimizer, recorder, 20, first=10)
    places = np.concatenate([one[:-1], two])
    trajectory = Trajectory(path)
    assert_is_of(trajectory.sketch, places, sketch_of(places.shape[1]))
    steps = np.diff(places[:30], axis=0)
    gram = trajectory.windows[0].gram
    np.testing.assert_allclose(gram, steps @ steps.T, atol=1e-5 * np.trace(gram) / 29)


def test_an_interrupt_while_a_position_is_kept_breaks_the_sketch_and_not_the_window(
    tmp_path, monkeypatch
):
    model, optimizer = start()
    path = tmp_path / "t.h5"
    walk_of = sketched_walk.SmallWalk

    def stopped(self, position, step):
        self._walk.at = None
        raise KeyboardInterrupt

    with TrajectoryRecorder(model, path, window=30, sketch=16, origin={}) as recorder:
        one = walk(model, optimizer, recorder, 10)
        with monkeypatch.context() as patch:
            patch.setattr(walk_of, "go_on", stopped)
            with pytest.raises(KeyboardInterrupt):
                walk(model, optimizer, recorder, 1, first=10)
        two = walk(model, optimizer, recorder, 20, first=10)
    places = np.concatenate([one[:-1], two])
    trajectory = Trajectory(path)
    assert trajectory.sketch.stretches() == [(0, 10), (10, 31)]
    steps = np.diff(places[:30], axis=0)
    gram = trajectory.windows[0].gram
    np.testing.assert_allclose(gram, steps @ steps.T, atol=1e-5 * np.trace(gram) / 29)


def test_an_interrupt_after_a_window_is_closed_does_not_close_it_twice(tmp_path, monkeypatch):
    model, optimizer = start()
    path = tmp_path / "t.h5"
    clear = RowBuffer.clear

    def stopped(self):
        raise KeyboardInterrupt

    with TrajectoryRecorder(model, path, window=10, origin={}) as recorder:
        walk(model, optimizer, recorder, 9)
        with monkeypatch.context() as patch:
            patch.setattr(RowBuffer, "clear", stopped)
            with pytest.raises(KeyboardInterrupt):
                walk(model, optimizer, recorder, 1, first=9)
        walk(model, optimizer, recorder, 10, first=10)
    assert RowBuffer.clear is clear
    assert [w.start for w in Trajectory(path).windows] == [0, 10]


def test_a_point_that_the_disk_did_not_take_is_written_by_the_next(tmp_path, monkeypatch):
    model, optimizer = start()
    path, options = tmp_path / "t.h5", {"window": None, "sketch": 16, "origin": {}}
    recorder = TrajectoryRecorder(model, path, resumable=True, **options)
    walk(model, optimizer, recorder, 5)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(row_streams, "_write", full)
        with pytest.raises(OSError, match="No space"):
            recorder.state()
    point = recorder.state()
    assert point["lengths"]["previous-4"] == 1


def test_layers_that_an_older_recorder_left_are_recovered_as_groups(tmp_path):
    """Its streams were named otherwise, and its layout did not tell of groups."""
    model, optimizer = start()
    path = tmp_path / "t.h5"
    recorder = TrajectoryRecorder(model, path, window=10, layer_grams=True, origin={})
    walk(model, optimizer, recorder, 15)
    recorder._let_go()
    folder = tmp_path / "t.h5.parts"
    for stream in folder.glob("groups-*.rows"):
        stream.rename(folder / stream.name.replace("groups-", "layers-"))
    told = json.loads((folder / "recording.json").read_text())
    del told["groups"], told["sketch"]
    (folder / "recording.json").write_text(json.dumps(told))
    trajectory = recover(path)
    grams = trajectory.group_grams(trajectory.windows[0])
    assert list(grams) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    whole = trajectory.windows[0].gram
    np.testing.assert_allclose(sum(grams.values()), whole, rtol=1e-9)


def test_another_position_with_the_same_coordinates_is_not_joined(tmp_path):
    """A few coordinates of every tensor agree where sparse steps are taken up elsewhere."""
    path = tmp_path / "t.h5"
    tensor = torch.zeros(100)
    with TrajectoryRecorder([("a", tensor)], path, None, sketch=4) as recorder:
        for _ in range(5):
            recorder.record(1.0)
            tensor += 1.0
    known = Trajectory(path).gradients["series_index"]
    other = tensor.clone()
    other[np.setdiff1d(np.arange(100), known)] += 3.0
    with TrajectoryRecorder([("a", other)], path, None, sketch=4, resume=True) as recorder:
        recorder.record(1.0)
        recorder.record(1.0)
    trajectory = Trajectory(path)
    assert trajectory.resumed.tolist() == [[5, 5]]
    assert trajectory.sketch.stretches() == [(0, 5), (5, 8)]


def test_an_apply_that_was_refused_leaves_nothing_in_the_next(monkeypatch):
    sketch = Sketch([torch.ones(3), torch.ones(2)], 2)
    expected = sketch.apply([torch.ones(3), torch.ones(2)])
    take = Buckets.take

    def stopped(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Buckets, "take", stopped)
    with pytest.raises(KeyboardInterrupt):
        sketch.apply([torch.ones(3), torch.ones(2)])
    monkeypatch.setattr(Buckets, "take", take)
    np.testing.assert_array_equal(sketch.apply([torch.ones(3), torch.ones(2)]), expected)


def test_a_sketch_of_few_numbers_is_recorded_and_not_analysed(tmp_path):
    trajectory, _, _ = recorded(tmp_path / "t.h5", sketch=8)
    assert trajectory.sketch.gram(0, 30).shape == (29, 29)
    assert analysed_windows(trajectory) == []
    assert longest_window(trajectory, 1000) is None


def test_a_position_that_was_counted_before_an_interrupt_is_not_in_its_window_twice(tmp_path):
    """As where the interrupt comes after the counts of a step and before the step is counted."""
    model, optimizer = start()
    path = tmp_path / "t.h5"
    options = {"steps_per_epoch": 15, "origin": {}}
    with TrajectoryRecorder(model, path, window=[(30, 1), (5, 3)], **options) as recorder:
        one = walk(model, optimizer, recorder, 10)
        recorder.step -= 1
        two = walk(model, optimizer, recorder, 21, first=10)
    places = np.concatenate([one[:-2], two])
    trajectory = Trajectory(path)
    assert trajectory.steps == 30
    for window in trajectory.windows:
        steps = np.diff(places[window.step], axis=0)
        error = np.abs(window.gram - steps @ steps.T).max()
        assert error < 1e-5 * np.trace(window.gram) / len(steps)
    assert trajectory.epochs["noise_norm"].shape == (2, 15)
