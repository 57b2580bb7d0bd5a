"""What changes under a recorder is named at the next step, and what was recorded is kept."""

import os
import re

import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.trajectory import Trajectory


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
        self.head = nn.Linear(3, 2)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)

    def forward(self, inputs):
        return self.head(self.body(inputs))


def step(model, recorder, tell=None):
    model(torch.randn(6, 4, dtype=model.head.weight.dtype)).square().mean().backward()
    recorder.record(0.5 if tell is None else tell)
    with torch.no_grad():
        for p in model.parameters():
            if p.grad is not None:
                p -= 0.1 * p.grad
                p.grad = None


def unfreeze(model):
    model.frozen.weight.requires_grad_(True)


def freeze(model):
    model.head.bias.requires_grad_(False)


def replace(model):
    model.head.weight = nn.Parameter(model.head.weight.detach().clone())


def assign(model):
    model.load_state_dict(model.state_dict(), assign=True)


def cast(model):
    model.double()


def cast_one(model):
    model.head.bias.data = model.head.bias.data.bfloat16()


def resize(model):
    model.head.weight.data = torch.randn(5, 3)


def add(model):
    model.scale = nn.Parameter(torch.ones(3))


def add_module(model):
    model.tail = nn.Linear(2, 2)


def add_frozen(model):
    model.tail = nn.Linear(2, 2).requires_grad_(False)


def remove(model):
    del model.head.bias


def swap_module(model):
    model.head = nn.Linear(3, 2)


def move(model):
    model.head.to("meta")


CHANGES = {
    unfreeze: "'frozen.weight' was unfrozen",
    freeze: "'head.bias' was frozen",
    replace: "'head.weight' was replaced",
    assign: "'body.0.weight' was replaced",
    cast: "'body.0.weight' was cast from torch.float32 to torch.float64",
    cast_one: "'head.bias' was cast from torch.float32 to torch.bfloat16",
    resize: "'head.weight' was resized from (2, 3) to (5, 3)",
    add: "'scale' was added",
    add_module: "'tail.weight' was added",
    add_frozen: "'tail.weight' was added",
    remove: "'head.bias' was removed",
    swap_module: "'head.weight' was replaced",
    move: "'head.weight' was ",
}


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_parameter_is_named_and_the_rest_is_kept(change, wrapped, tmp_path):
    torch.manual_seed(0)
    model = Net()
    walked = torch.compile(model, backend="eager") if wrapped else model
    said = f"model: parameter {re.escape(CHANGES[change])}.*; allowed: .*"
    with TrajectoryRecorder(walked, tmp_path / "t.h5", 5) as recorder:
        for _ in range(8):
            step(model, recorder)
        change(model)
        for _ in range(2):  # every time
            with pytest.raises(InputError, match=said) as raised:
                recorder.record(0.5)
            assert "\n" not in str(raised.value)
        assert recorder.step == 8
    trajectory = Trajectory(tmp_path / "t.h5")
    assert trajectory.steps == 8
    assert [(w.start, w.length) for w in trajectory.windows] == [(0, 5), (5, 3)]


def test_what_changes_no_parameter_is_allowed(tmp_path):
    model = Net()
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5) as recorder:
        step(model, recorder)
        model.body.append(nn.Identity())
        model.register_buffer("mean", torch.zeros(3))
        model.eval()
        step(model, recorder)
        model.load_state_dict({k: v + 1 for k, v in model.state_dict().items()})
        step(model, recorder)
        model.head.weight.data = model.head.weight.data.clone()  # other memory, same parameter
        before = model.head.weight.detach().clone().reshape(-1)
        step(model, recorder)
    trajectory = Trajectory(tmp_path / "t.h5")
    assert trajectory.steps == 4
    start = sum(size for name, size in trajectory.layers if name.startswith("body"))
    index = trajectory.gradients["series_index"]
    of_head = (index >= start) & (index < start + 6)
    found = trajectory.gradients["series_position"][3][of_head]
    np.testing.assert_array_equal(found, before[index[of_head] - start])


def test_parameters_that_come_as_pairs_are_watched_too(tmp_path):
    model = Net()
    with TrajectoryRecorder(model.named_parameters(), tmp_path / "t.h5", 5) as recorder:
        step(model, recorder)
        model.head.bias.requires_grad_(False)
        with pytest.raises(InputError, match=r"'head\.bias' was frozen"):
            recorder.record(0.5)


@pytest.mark.parametrize(
    ("walked", "said"),
    [
        (lambda: nn.ReLU(), "model: no trainable parameters"),
        (lambda: Net().parameters(), "model: item 0 is a Parameter; allowed: a module, or pairs"),
        (lambda: [("w", 3.0)], "model: item 0 is a tuple; allowed"),
        (lambda: [], "model: no trainable parameters"),
        (lambda: [("w", torch.ones(2)), ("w", torch.ones(2))], "model: two parameters are named"),
        (lambda: nn.LazyLinear(3), r"model: parameter 'weight' has no size yet; allowed after"),
        (lambda: [("w", torch.ones(3, dtype=torch.int64))], r"model: parameter 'w' is torch.int64"),
        (lambda: nn.Linear(2, 2, device="meta"), r"model: parameter 'weight' is .* on meta"),
        (lambda: [("w", torch.eye(3).to_sparse())], r"model: parameter 'w' is .*sparse_coo"),
        (lambda: 3, "model: a int; allowed: a module, or pairs"),
    ],
)
def test_what_cannot_walk_is_refused(walked, said, tmp_path):
    with pytest.raises(InputError, match=said) as raised:
        TrajectoryRecorder(walked(), tmp_path / "t.h5")
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (None, "record: None; allowed: a number, or a tensor of one"),
        ("low", "record: 'low'; allowed"),
        (torch.ones(3), r"record: a loss of shape \(3,\)"),
        (torch.ones(1, dtype=torch.complex64), "record: a loss of shape"),
        ([1.0], r"record: \[1.0\]; allowed"),
    ],
)
def test_what_is_no_loss_is_refused(loss, said, tmp_path):
    model = Net()
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5) as recorder:
        step(model, recorder)
        with pytest.raises(InputError, match=said):
            recorder.record(loss)
        step(model, recorder)
    assert Trajectory(tmp_path / "t.h5").steps == 2


@pytest.mark.parametrize(
    "loss", [1, np.float32(1), np.float64(1), torch.tensor(1.0), torch.ones(1, 1), torch.tensor(1)]
)
def test_whatever_is_one_number_is_a_loss(loss, tmp_path):
    model = Net()
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5) as recorder:
        step(model, recorder, loss)
    assert Trajectory(tmp_path / "t.h5").loss.tolist() == [1.0]


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ({"when": object()}, "origin: when: Object of type object is not JSON serializable"),
        ({"size": torch.Size([2]), "loss": {1, 2}}, "origin: loss: Object of type set"),
        ({3: "x"}, "origin: key 3; allowed: strings"),
        ("run 7", "origin: a str; allowed: a dict"),
    ],
)
def test_an_origin_that_is_no_json_is_refused_at_once(origin, said, tmp_path):
    with pytest.raises(InputError, match=said):
        TrajectoryRecorder(Net(), tmp_path / "t.h5", origin=origin)
    assert list(tmp_path.iterdir()) == []


def test_without_an_origin_the_file_says_what_can_be_seen(tmp_path):
    model = Net()
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5) as recorder:
        step(model, recorder)
    origin = Trajectory(tmp_path / "t.h5").origin
    assert origin["versions"]["torch"] == torch.__version__.split("+")[0]
    assert origin["model"].endswith("Net")
    assert origin["recorded"].startswith("20")
    with TrajectoryRecorder(model, tmp_path / "u.h5", 5, origin={"run": 7}) as recorder:
        step(model, recorder)
    assert Trajectory(tmp_path / "u.h5").origin == {"run": 7}


@pytest.mark.parametrize(
    "options",
    [
        {"steps_per_epoch": 0},
        {"steps_per_epoch": 2.5},
        {"samples_per_step": -1},
        {"coordinates_per_layer": None},
    ],
    ids=str,
)
def test_nonsense_options_are_refused(options, tmp_path):
    (name,) = options
    with pytest.raises(InputError, match=f"{name}: .*; allowed: a whole number from"):
        TrajectoryRecorder(Net(), tmp_path / "t.h5", **options)


def test_a_file_that_exists_is_kept(tmp_path):
    path = tmp_path / "t.h5"
    path.write_bytes(b"dear to somebody")
    with pytest.raises(InputError, match=r"t\.h5: exists; allowed: another path, resume=True"):
        TrajectoryRecorder(Net(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]
    assert path.read_bytes() == b"dear to somebody"


def test_overwriting_is_done_only_by_a_walk(tmp_path, capfd):
    path = tmp_path / "t.h5"
    path.write_bytes(b"dear to somebody")
    with TrajectoryRecorder(Net(), path, overwrite=True):
        pass
    assert path.read_bytes() == b"dear to somebody"
    assert "no step was recorded, and nothing is written" in capfd.readouterr().err
    model = Net()
    with TrajectoryRecorder(model, path, 5, overwrite=True) as recorder:
        step(model, recorder)
        assert path.read_bytes() == b"dear to somebody"  # until the new one is whole
    assert Trajectory(path).steps == 1
    assert os.listdir(tmp_path) == ["t.h5"]


def test_an_error_before_the_first_step_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), TrajectoryRecorder(Net(), tmp_path / "t.h5"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_closed_recorder_says_so(tmp_path):
    model = Net()
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5) as recorder:
        step(model, recorder)
    recorder.close()  # again: nothing to do
    with pytest.raises(InputError, match="record: the recorder is closed"):
        step(model, recorder)


def test_a_window_longer_than_the_run_says_so_and_is_kept(tmp_path, capfd):
    model = Net()
    with TrajectoryRecorder(model, tmp_path / "t.h5", [(100, 1), (40, 5)]) as recorder:
        for _ in range(12):
            step(model, recorder)
    said = capfd.readouterr().err
    assert "12 steps fill no window of 100 positions, one every 1: kept as one of 12" in said
    assert "12 steps fill no window of 40 positions, one every 5: kept as one of 3" in said
    windows = Trajectory(tmp_path / "t.h5").windows
    assert [(w.length, w.stride, w.partial) for w in windows] == [(12, 1, True), (3, 5, True)]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_was_before_a_divergence_stays(bad, tmp_path):
    model = Net()
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5) as recorder:
        for _ in range(8):
            step(model, recorder)
        for _ in range(4):
            recorder.record(bad)
    trajectory = Trajectory(tmp_path / "t.h5")
    assert trajectory.diverged_at == 8
    assert trajectory.steps == 12
    assert [(w.start, w.length) for w in trajectory.windows] == [(0, 5), (5, 3)]
    assert all(np.isfinite(w.gram).all() and np.isfinite(w.loss).all() for w in trajectory.windows)


def test_a_walk_that_recovers_from_a_bad_loss_goes_on_in_a_new_window(tmp_path):
    model = Net()
    with TrajectoryRecorder(model, tmp_path / "t.h5", [(5, 1), (3, 2)]) as recorder:
        for i in range(16):
            step(model, recorder, np.nan if i == 3 else 0.5)
    trajectory = Trajectory(tmp_path / "t.h5")
    assert trajectory.diverged_at is None
    found = [(w.stride, w.start, w.length) for w in trajectory.windows]
    assert found == [(1, 0, 3), (1, 4, 5), (1, 9, 5), (2, 4, 3), (2, 10, 3)]


def test_positions_that_are_not_finite_end_their_window(tmp_path, capfd):
    model = Net()
    with TrajectoryRecorder(model, tmp_path / "t.h5", 8, layer_grams=True) as recorder:
        for i in range(8):
            if i == 5:
                with torch.no_grad():
                    model.head.bias += torch.inf
            recorder.record(0.5)
            with torch.no_grad():
                model.head.weight += torch.randn(2, 3)
    trajectory = Trajectory(tmp_path / "t.h5")
    (window,) = trajectory.windows
    assert (window.start, window.length, window.partial) == (0, 5, True)
    assert np.isfinite(window.gram).all()
    layers = np.array(list(trajectory.group_grams(window).values()))
    np.testing.assert_allclose(layers.sum(0), window.gram)
    assert (
        "the position at step 5 is not finite; its window ends before it" in capfd.readouterr().err
    )


def test_a_long_piece_of_work_says_how_far_it_is(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("sgdwalk.recording.notices._PATIENCE", 0.0)
    model = Net()
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5) as recorder:
        for _ in range(5):
            step(model, recorder)
    assert "sgdwalk: Gram matrix of steps 0 to 4: 100 %" in capfd.readouterr().err
