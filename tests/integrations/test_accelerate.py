"""Accelerate: a loop is recorded as it walks."""

import numpy as np
import pytest
import torch
from framework_walks import FOLDER, assert_two_walk_as_one, check, network, run

from sgdwalk.errors import InputError
from sgdwalk.recording.trajectory import Trajectory

pytest.importorskip("accelerate")
from accelerate import Accelerator
from ddp_accelerate import prepared, train

from sgdwalk.integrations.accelerate import AccelerateRecorder


@pytest.mark.parametrize(("accumulated", "groups"), [(1, [1]), (3, [3, 3, 2])])
def test_steps_and_losses_are_the_loops(tmp_path, accumulated, groups):
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulated)
    model, optimizer, batches, seen = prepared(accelerator)
    with AccelerateRecorder(accelerator, model, optimizer, tmp_path / "t.h5", 100):
        train(accelerator, model, optimizer, batches, seen, epochs=5)
    assert "backward" not in vars(accelerator)
    check(tmp_path / "t.h5", seen.positions, seen.mean_losses(*groups))


def test_steps_that_a_scaler_skips_are_none(tmp_path):
    accelerator = Accelerator(cpu=True)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    model, optimizer, batches, seen = prepared(accelerator)
    with AccelerateRecorder(accelerator, model, optimizer, tmp_path / "t.h5", 100):
        train(
            accelerator, model, optimizer, batches, seen,
            loss_of=lambda loss, i: loss * 1e38 if i % 5 == 2 else loss,
        )  # fmt: skip
    losses = [loss for i, loss in enumerate(seen.losses) if i % 5 != 2]
    assert len(losses) < len(seen.losses)
    check(tmp_path / "t.h5", seen.positions, losses)


def failing(at):
    def loss_of(loss, step):
        if step == at:
            raise OSError("no data")
        return loss

    return loss_of


def cut_off(accelerator, model, optimizer, batches, seen, path):
    """A loop that is saved after one epoch, and fails at its 14th step."""
    with AccelerateRecorder(accelerator, model, optimizer, path, 100):
        train(accelerator, model, optimizer, batches, seen, epochs=1)
        accelerator.save_state(path.with_name("kept"))
        train(accelerator, model, optimizer, batches, seen, loss_of=failing(14))


def test_a_loop_resumed_from_its_checkpoint_goes_on_with_the_walk(tmp_path):
    accelerator = Accelerator(cpu=True)
    model, optimizer, batches, first = prepared(accelerator)
    path = tmp_path / "t.h5"
    with pytest.raises(OSError, match="no data"):
        cut_off(accelerator, model, optimizer, batches, first, path)
    assert check(path, first.positions, first.losses).interrupted

    accelerator = Accelerator(cpu=True)
    model, optimizer, batches, second = prepared(accelerator)
    accelerator.load_state(tmp_path / "kept")
    with AccelerateRecorder(accelerator, model, optimizer, path, 100, resume=True):
        train(accelerator, model, optimizer, batches, second, epochs=2)
    trajectory = Trajectory(path)
    assert trajectory.resumed.tolist() == [[14, 8]]
    np.testing.assert_allclose(trajectory.loss, first.losses + second.losses, rtol=1e-6)
    assert [(w.start, w.length) for w in trajectory.windows] == [(0, 14), (14, 16)]
    assert not trajectory.interrupted


def test_only_one_recorder_takes_the_losses_of_an_accelerator(tmp_path):
    accelerator = Accelerator(cpu=True)
    model, optimizer, *_ = prepared(accelerator)
    with (
        AccelerateRecorder(accelerator, model, optimizer, tmp_path / "a.h5", 100),
        pytest.raises(InputError, match="another recorder takes its losses"),
    ):
        AccelerateRecorder(accelerator, model, optimizer, tmp_path / "b.h5", 100)
    with pytest.raises(InputError, match="exists"):
        AccelerateRecorder(accelerator, model, optimizer, tmp_path / "a.h5", 100)
    assert "backward" not in vars(accelerator)


class TwoProcesses(Accelerator):
    num_processes = 2


def test_a_model_that_was_not_prepared_is_refused(tmp_path):
    accelerator, model = TwoProcesses(cpu=True), network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(InputError, match="a Sequential on 2 processes; allowed: one in Distr"):
        AccelerateRecorder(accelerator, model, optimizer, tmp_path / "t.h5", 100)


def test_two_processes_walk_as_one(tmp_path):
    for processes in (None, 2):
        path = tmp_path / f"{processes or 1}.h5"
        run(FOLDER / "ddp_accelerate.py", path, folder=tmp_path, processes=processes)
    assert_two_walk_as_one(tmp_path)
