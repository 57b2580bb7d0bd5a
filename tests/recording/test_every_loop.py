"""Every type of number and every optimizer: MSD as float64 arithmetic on snapshots gives it."""

import cases
import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.trajectory import Trajectory

STEPS = 24


class Walker(nn.Module):
    """Parameters of given types whose loss is a random quadratic form of them all."""

    def __init__(self, shapes_and_types):
        super().__init__()
        for i, (shape, dtype) in enumerate(shapes_and_types):
            start = torch.randn(
                shape, dtype=torch.complex128 if dtype.is_complex else torch.float64
            )
            self.register_parameter(f"p{i}", nn.Parameter(start.to(dtype)))

    def forward(self, target):
        total = 0.0
        for i, p in enumerate(self.parameters()):
            wide = p.to(torch.complex128 if p.is_complex() else torch.float64)
            total = total + (wide - target * (i + 1)).abs().square().mean()
        return total


def snapshot(parameters):
    """Flat float64 numbers, complex ones as two."""
    parts = [torch.view_as_real(p) if p.is_complex() else p for p in parameters]
    return torch.cat([p.detach().to_dense().double().reshape(-1) for p in parts]).numpy().copy()


def walk(model, make_optimizer, path, *, step=None, **options):
    """Trajectory of a loop that the optimizer's hook records, with snapshots and losses beside."""
    draw = torch.Generator().manual_seed(1)
    optimizer = make_optimizer(model.parameters())
    places, losses, norms = [], [], []
    with TrajectoryRecorder(model, path, STEPS, optimizer=optimizer, **options) as recorder:
        for _ in range(STEPS):
            target = torch.randn((), generator=draw, dtype=torch.float64)

            def closure(target=target):
                optimizer.zero_grad()
                loss = model(target)
                loss.backward()
                return loss

            places.append(snapshot(model.parameters()))
            if isinstance(optimizer, torch.optim.LBFGS):
                losses.append(model(target).item())
                closure()
                norms.append(np.linalg.norm(snapshot(p.grad for p in model.parameters())))
                optimizer.step(closure)
            else:
                loss = closure()
                recorder.loss(loss)
                losses.append(loss.item())
                norms.append(np.linalg.norm(snapshot(p.grad for p in model.parameters())))
                optimizer.step()
    return Trajectory(path), np.array(places), np.array(losses), np.array(norms)


def assert_exact(trajectory, places, losses, norms):
    assert trajectory.steps == STEPS
    assert trajectory.parameters == places.shape[1]
    (window,) = trajectory.windows
    exact = cases.exact_msd(places)
    assert exact[0] > 0
    _, msd = mean_squared_displacement(window.gram)
    lags = np.array([1, 2, STEPS // 2, STEPS - 1])
    np.testing.assert_allclose(msd[lags - 1], exact[lags - 1], rtol=1e-5)
    np.testing.assert_allclose(msd, exact, rtol=1e-5)
    np.testing.assert_allclose(trajectory.loss, losses, rtol=1e-12)
    np.testing.assert_allclose(trajectory.gradient_norm, norms, rtol=1e-6)


TYPES = {
    "float16": [torch.float16],
    "bfloat16": [torch.bfloat16],
    "float32": [torch.float32],
    "float64": [torch.float64],
    "complex64": [torch.complex64],
    "complex128": [torch.complex128],
    "complex32": [torch.complex32],
    "halves": [torch.float16, torch.bfloat16],
    "half_first": [torch.bfloat16, torch.float32],
    "single_first": [torch.float32, torch.float64],
    "double_last": [torch.float16, torch.bfloat16, torch.float32, torch.float64],
    "complex_among": [torch.float32, torch.complex64, torch.bfloat16],
    "wide_complex_among": [torch.float32, torch.complex128, torch.float64, torch.complex64],
}


@pytest.mark.parametrize("types", TYPES.values(), ids=TYPES.keys())
def test_every_type_and_mix(types, tmp_path):
    torch.manual_seed(0)
    model = Walker([((3, 4), t) for t in types] + [((), t) for t in types])
    seen = walk(model, lambda p: torch.optim.SGD(p, 0.05), tmp_path / "t.h5")
    assert_exact(*seen)


def test_double_precision_keeps_steps_that_single_would_round_away(tmp_path):
    torch.manual_seed(0)
    model = Walker([((5,), torch.float32), ((50,), torch.float64)])
    with torch.no_grad():
        model.p1 += 1e6
    seen = walk(model, lambda p: torch.optim.SGD(p, 1e-9), tmp_path / "t.h5")
    assert np.abs(np.diff(seen[1][:, 5:], axis=0)).max() < 1e-3  # a last digit there is 0.06
    assert_exact(*seen)


OPTIMIZERS = {
    name: thing
    for name, thing in vars(torch.optim).items()
    if isinstance(thing, type) and issubclass(thing, torch.optim.Optimizer)
}
EXCLUDED = {"Optimizer": "the base class moves nothing"}
OPTIONS = {
    "SGD": {"lr": 0.05, "momentum": 0.9},
    "LBFGS": {"lr": 0.1, "max_iter": 3},
    "Adadelta": {"lr": 1.0},
}
# What an optimizer itself refuses, by the types it takes in this test.
FLAT = [((7,), torch.float32), ((), torch.float64), ((2, 3), torch.bfloat16)]
SHAPES = {
    "Muon": [((3, 4), torch.float32), ((4, 2), torch.float64)],  # matrices only
    "SparseAdam": [((3, 4), torch.float32)],  # sparse gradients only; another test has those
    "LBFGS": [((7,), torch.float64), ((2, 3), torch.float64)],  # adds up tensors of one type
}


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - set(EXCLUDED) - {"SparseAdam"}))
def test_every_optimizer(name, tmp_path):
    torch.manual_seed(0)
    model = Walker(SHAPES.get(name, FLAT))
    options = OPTIONS.get(name, {})
    seen = walk(model, lambda p: OPTIMIZERS[name](p, **options), tmp_path / "t.h5")
    assert_exact(*seen)
    assert name in seen[0].origin["optimizer"]["class"]


@pytest.mark.parametrize("name", ["SparseAdam", "SGD", "Adagrad"])
def test_sparse_gradients(name, tmp_path):
    torch.manual_seed(0)
    model = nn.Embedding(20, 3, sparse=True)
    optimizer = OPTIMIZERS[name](model.parameters(), lr=0.1)
    places, norms = [], []
    with TrajectoryRecorder(
        model, tmp_path / "t.h5", STEPS, optimizer=optimizer, coordinates_per_layer=60
    ) as recorder:
        for step in range(STEPS):
            optimizer.zero_grad()
            loss = model(torch.tensor([step % 20, 3, 3])).square().sum()  # one row twice
            loss.backward()
            assert model.weight.grad.is_sparse
            places.append(snapshot(model.parameters()))
            norms.append(np.linalg.norm(snapshot([model.weight.grad])))
            recorder.loss(loss)
            optimizer.step()
    trajectory = Trajectory(tmp_path / "t.h5")
    _, msd = mean_squared_displacement(trajectory.windows[0].gram)
    np.testing.assert_allclose(msd, cases.exact_msd(np.array(places)), rtol=1e-5)
    np.testing.assert_allclose(trajectory.gradient_norm, norms, rtol=1e-6)
    rows = trajectory.gradients["series_gradient"].reshape(STEPS, 20, 3).any(axis=2)
    np.testing.assert_array_equal(rows.sum(1), [2 if s % 20 != 3 else 1 for s in range(STEPS)])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_leaves_the_walk_alone(dtype, tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    places = []
    with TrajectoryRecorder(model, tmp_path / "t.h5", STEPS, optimizer=optimizer) as recorder:
        for _ in range(STEPS):
            with torch.autocast("cpu", dtype=dtype):
                loss = model(torch.randn(8, 6)).square().mean()
                places.append(snapshot(model.parameters()))
                optimizer.zero_grad()
                loss.backward()
                recorder.loss(loss)
                optimizer.step()  # inside of autocast, as careless loops do
    (window,) = Trajectory(tmp_path / "t.h5").windows
    _, msd = mean_squared_displacement(window.gram)
    np.testing.assert_allclose(msd, cases.exact_msd(np.array(places)), rtol=1e-5)


@pytest.mark.parametrize("layout", ["channels_last", "tied", "compiled", "without_gradient"])
def test_shapes_of_models(layout, tmp_path):
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
    idle = nn.Linear(2, 2)  # has no part in the loss: its gradient stays None
    model = nn.ModuleDict({"a": first, "b": second, "idle": idle})
    if layout == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        assert not first.weight.is_contiguous()
    if layout == "tied":
        model["b"].weight = nn.Parameter(0.1 * torch.randn(4, 4, 3, 3))
        model["c"] = nn.Conv2d(4, 4, 3)
        model["c"].weight = model["b"].weight
    run = torch.compile(first, backend="eager") if layout == "compiled" else first
    walked = torch.compile(model, backend="eager") if layout == "compiled" else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    places = []
    with TrajectoryRecorder(walked, tmp_path / "t.h5", STEPS, optimizer=optimizer) as recorder:
        for _ in range(STEPS):
            loss = second(run(torch.randn(2, 3, 6, 6))).square().mean()
            optimizer.zero_grad()
            loss.backward()
            places.append(snapshot(model.parameters()))
            recorder.loss(loss)
            optimizer.step()
    trajectory = Trajectory(tmp_path / "t.h5")
    expected = [n for n, _ in model.named_parameters()]
    assert [n for n, _ in trajectory.layers] == expected
    index = trajectory.gradients["series_index"]
    series = trajectory.gradients["series_position"]
    np.testing.assert_array_equal(series, np.array(places)[:, index].astype(np.float32))
    _, msd = mean_squared_displacement(trajectory.windows[0].gram)
    np.testing.assert_allclose(msd, cases.exact_msd(np.array(places)), rtol=1e-5)


def test_any_tensors_walk_if_they_have_names(tmp_path):
    """Averaged weights, say, which no optimizer moves."""
    average = {"w": torch.zeros(3, 2), "b": torch.zeros(2, dtype=torch.float64)}
    places = []
    with TrajectoryRecorder(average.items(), tmp_path / "t.h5", 10) as recorder:
        for step in range(10):
            places.append(snapshot(average.values()))
            recorder.record(1.0)
            for tensor in average.values():
                tensor += torch.randn_like(tensor) * (step + 1)
    trajectory = Trajectory(tmp_path / "t.h5")
    assert trajectory.layers == [("w", 6), ("b", 2)]
    assert not trajectory.gradient_norm.any()
    _, msd = mean_squared_displacement(trajectory.windows[0].gram)
    np.testing.assert_allclose(msd, cases.exact_msd(np.array(places)), rtol=1e-12)
