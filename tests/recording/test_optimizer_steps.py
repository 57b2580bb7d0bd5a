"""With `optimizer=` a record is a real step, with the loss and the gradient norm of that step."""

import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.trajectory import Trajectory


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors]).double().numpy().copy()


class Seen:
    """What the loop itself knows of the steps that its optimizer really makes."""

    def __init__(self, model):
        self.model = model
        self.places, self.losses, self.norms = [], [], []

    def step(self, losses, norm=None):
        self.places.append(flat(self.model.parameters()))
        self.losses.append(np.mean(losses))
        gradient = flat(p.grad for p in self.model.parameters())
        self.norms.append(np.linalg.norm(gradient) if norm is None else norm)

    def compare(self, path, samples=None):
        trajectory = Trajectory(path)
        assert trajectory.steps == len(self.losses)
        np.testing.assert_allclose(trajectory.loss, self.losses, rtol=1e-6)
        np.testing.assert_allclose(trajectory.gradient_norm, self.norms, rtol=1e-5)
        index = trajectory.gradients["series_index"]
        found = trajectory.gradients["series_position"]
        np.testing.assert_allclose(found, np.array(self.places)[:, index], rtol=1e-6)
        if samples is not None:
            assert trajectory.batch_size.tolist() == samples


def batches(count):
    draw = torch.Generator().manual_seed(5)
    return [torch.randn(6, 4, generator=draw) for _ in range(count)]


@pytest.mark.parametrize("told_first", [True, False])
@pytest.mark.parametrize("set_to_none", [True, False])
def test_accumulated_gradients_are_one_step(told_first, set_to_none, tmp_path):
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    seen, losses = Seen(model), []
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5, optimizer=optimizer) as recorder:
        for i, inputs in enumerate(batches(12)):
            loss = model(inputs).square().mean()
            if told_first:
                recorder.loss(loss, len(inputs))
            (loss / 3).backward()
            if not told_first:
                recorder.loss(loss, len(inputs))
            losses.append(loss.item())
            if i % 3 == 2:
                seen.step(losses)
                optimizer.step()
                optimizer.zero_grad(set_to_none=set_to_none)
                losses = []
    seen.compare(tmp_path / "t.h5", [18] * 4)


@pytest.mark.parametrize("zero", ["before_forward", "before_backward", "after_step"])
@pytest.mark.parametrize("told_first", [True, False])
@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("micro", [1, 2])
def test_steps_that_a_scaler_skips_are_none(zero, told_first, set_to_none, fused, micro, tmp_path):
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
    seen, losses, parts = Seen(model), [], []

    def clear():
        optimizer.zero_grad(set_to_none=set_to_none)

    with TrajectoryRecorder(model, tmp_path / "t.h5", 4, optimizer=optimizer) as recorder:
        for i, inputs in enumerate(batches(12 * micro)):
            first, last = i % micro == 0, i % micro == micro - 1
            attempt = i // micro
            if first and zero == "before_forward":
                clear()
            loss = model(inputs).square().mean()
            if told_first:
                recorder.loss(loss)
            if first and zero == "before_backward":
                clear()
            overflow = attempt in (0, 3, 4, 8) and last
            scaler.scale(loss * (torch.inf if overflow else 1.0)).backward()
            if not told_first:
                recorder.loss(loss)
            losses.append(loss.item())
            parts.append(
                flat(torch.autograd.grad(model(inputs).square().mean(), model.parameters()))
            )
            if not last:
                continue
            if not overflow:
                seen.step(losses, np.linalg.norm(np.sum(parts, axis=0)))
            before = flat(model.parameters())
            scaler.step(optimizer)
            scaler.update()
            assert np.array_equal(before, flat(model.parameters())) == overflow
            losses, parts = [], []
            if zero == "after_step":
                clear()
    assert len(seen.losses) == 8
    seen.compare(tmp_path / "t.h5")


@pytest.mark.parametrize("fused", [True, False])
def test_the_norm_is_that_of_what_the_optimizer_applies(fused, tmp_path):
    """Unscaled by hand and clipped, in between."""
    model = make()
    optimizer = torch.optim.AdamW(model.parameters(), fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
    seen = Seen(model)
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5, optimizer=optimizer) as recorder:
        for inputs in batches(10):
            optimizer.zero_grad()
            loss = 100 * model(inputs).square().mean()
            recorder.loss(loss.item())
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            seen.step([loss.item()], 0.5)
            scaler.step(optimizer)
            scaler.update()
    seen.compare(tmp_path / "t.h5")


@pytest.mark.parametrize("as_keyword", [True, False])
def test_a_closure_called_many_times_is_one_step(as_keyword, tmp_path):
    model = make()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=6)
    seen, calls = Seen(model), []
    with TrajectoryRecorder(model, tmp_path / "t.h5", 4, optimizer=optimizer) as recorder:
        for inputs in batches(8):
            begun = len(calls)

            def closure(inputs=inputs, begun=begun):
                optimizer.zero_grad()
                loss = (model(inputs) - 1).square().mean()
                loss.backward()
                if len(calls) == begun:
                    seen.step([loss.item()])
                calls.append(loss.item())
                return loss

            optimizer.step(closure=closure) if as_keyword else optimizer.step(closure)
    assert len(calls) > 24
    assert recorder.step == 8
    seen.compare(tmp_path / "t.h5")


def test_losses_that_a_closure_tells_are_those_of_its_first_call(tmp_path):
    model = make()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=6)
    first = []
    with TrajectoryRecorder(model, tmp_path / "t.h5", 4, optimizer=optimizer) as recorder:
        for inputs in batches(6):
            told = []

            def closure(inputs=inputs, told=told):
                optimizer.zero_grad()
                loss = (model(inputs) - 1).square().mean()
                loss.backward()
                recorder.loss(7 * loss)  # not what it returns
                told.append(7 * loss.item())
                return loss

            optimizer.step(closure)
            first.append(told[0])
    np.testing.assert_allclose(Trajectory(tmp_path / "t.h5").loss, first, rtol=1e-6)


def test_groups_with_settings_of_their_own(tmp_path):
    model = make()
    groups = [
        {"params": model[0].parameters(), "lr": 0.1},
        {"params": model[2].parameters(), "lr": 0.001, "momentum": 0.9},
    ]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    seen = Seen(model)
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5, optimizer=optimizer) as recorder:
        for inputs in batches(10):
            optimizer.zero_grad()
            loss = model(inputs).square().mean()
            loss.backward()
            recorder.loss(loss)
            seen.step([loss.item()])
            optimizer.step()
            schedule.step()
    seen.compare(tmp_path / "t.h5")
    told = Trajectory(tmp_path / "t.h5").origin["optimizer"]
    assert told["class"] == "torch.optim.sgd.SGD"
    assert [(g["lr"], g["momentum"]) for g in told["groups"]] == [(0.1, 0), (0.001, 0.9)]


def test_without_losses_the_walk_is_recorded_and_said_to_have_none(tmp_path, capfd):
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5, optimizer=optimizer):
        for inputs in batches(10):
            optimizer.zero_grad()
            model(inputs).square().mean().backward()
            optimizer.step()
    trajectory = Trajectory(tmp_path / "t.h5")
    assert np.isnan(trajectory.loss).all()
    assert trajectory.diverged_at is None
    assert [w.length for w in trajectory.windows] == [5, 5]
    assert "at 10 of 10 steps no loss was told; recorder.loss(value)" in capfd.readouterr().err


def test_the_optimizer_is_left_as_it_was(tmp_path):
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TrajectoryRecorder(model, tmp_path / "t.h5", 5, optimizer=optimizer) as recorder:
        pass
    model(batches(1)[0]).sum().backward()
    optimizer.step()  # records nothing, and is no error
    assert recorder.step == 0
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    for p in model.parameters():
        assert not p._post_accumulate_grad_hooks
        assert not p._backward_hooks


@pytest.mark.parametrize(
    ("make_optimizer", "said"),
    [
        (lambda model: "sgd", "optimizer: a str; allowed: one of torch's"),
        (lambda model: torch.optim.SGD, "optimizer: a type; allowed"),
        (
            lambda model: torch.optim.SGD(make().parameters(), lr=0.1),
            "optimizer: has none of the model's parameters",
        ),
    ],
)
def test_what_is_no_optimizer_of_the_model_is_refused(make_optimizer, said, tmp_path):
    model = make()
    with pytest.raises(InputError, match=said):
        TrajectoryRecorder(model, tmp_path / "t.h5", optimizer=make_optimizer(model))
    assert list(tmp_path.iterdir()) == []


def test_by_hand_and_by_hook_do_not_mix(tmp_path):
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    by_hook = TrajectoryRecorder(model, tmp_path / "a.h5", optimizer=optimizer)
    with pytest.raises(InputError, match=r"record: .*; allowed with it: loss\(value\)"):
        by_hook.record(1.0)
    by_hand = TrajectoryRecorder(model, tmp_path / "b.h5")
    with pytest.raises(InputError, match=r"loss: .*; allowed without it: record\(loss\)"):
        by_hand.loss(1.0)
