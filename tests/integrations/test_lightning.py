"""Lightning: `fit` is recorded as it walks."""

import numpy as np
import pytest
import torch
from framework_walks import FOLDER, assert_two_walk_as_one, check, run, samples
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from sgdwalk.errors import InputError
from sgdwalk.recording.trajectory import Trajectory

pytest.importorskip("lightning")
from ddp_lightning import Classifier, quiet
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins import MixedPrecision

from sgdwalk.integrations.lightning import LightningRecorder


def batches(size=8):
    return DataLoader(TensorDataset(*samples()), batch_size=size)


class Validated(Classifier):
    def validation_step(self, batch, index):
        inputs, labels = batch
        self.log("loss", cross_entropy(self.network(inputs), labels))


def fitted(path, model, *callbacks, record=None, fit=None, **options):
    recorder = LightningRecorder(path, window=100, **(record or {}))
    quiet(path.parent, recorder, *callbacks, **options).fit(model, batches(), **(fit or {}))
    assert recorder.recorder is None
    return model.seen


@pytest.mark.parametrize(("accumulated", "groups"), [(1, [1]), (3, [3, 3, 2])])
def test_steps_and_losses_are_the_trainings(tmp_path, accumulated, groups):
    seen = fitted(
        tmp_path / "t.h5",
        Validated(),
        fit={"val_dataloaders": batches()},
        accumulate_grad_batches=accumulated,
        max_epochs=5,
    )
    trajectory = check(tmp_path / "t.h5", seen.positions, seen.mean_losses(*groups))
    assert not trajectory.interrupted
    assert trajectory.layers[0] == ("network.0.weight", 30)


def test_the_optimizer_is_in_the_origin_and_further_arguments_arrive(tmp_path):
    fitted(tmp_path / "t.h5", Classifier(), record={"samples_per_step": 3, "overwrite": True})
    trajectory = Trajectory(tmp_path / "t.h5")
    assert trajectory.gradients["sample_index"].shape == (24, 3)
    assert trajectory.origin["optimizer"]["groups"][0]["momentum"] == 0.5


class Overflowing(Classifier):
    """Of every five batches, the gradient of one is not finite once it is scaled."""

    def training_step(self, batch, index):
        loss = super().training_step(batch, index)
        return loss * 1e38 if index % 5 == 2 else loss


def test_steps_that_a_scaler_skips_are_none(tmp_path):
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    seen = fitted(
        tmp_path / "t.h5", Overflowing(), plugins=[MixedPrecision("16-mixed", "cpu", scaler)]
    )
    losses = [loss for i, loss in enumerate(seen.losses) if i % 8 % 5 != 2]
    assert len(losses) < len(seen.losses)
    check(tmp_path / "t.h5", seen.positions, losses)


class ByHand(Classifier):
    automatic_optimization = False

    def training_step(self, batch, index):
        optimizer = self.optimizers()
        loss = super().training_step(batch, index)
        self.manual_backward(loss)
        if index % 2:
            optimizer.step()
            optimizer.zero_grad()


def test_manual_optimization(tmp_path):
    seen = fitted(tmp_path / "t.h5", ByHand())
    check(tmp_path / "t.h5", seen.positions, seen.mean_losses(2))


class QuasiNewton(Classifier):
    def __init__(self):
        super().__init__()
        self.first = []

    def configure_optimizers(self):
        optimizer = self.seen.watch(torch.optim.LBFGS(self.parameters(), lr=0.1, max_iter=3))
        optimizer.register_step_pre_hook(lambda *_: self.first.append(len(self.seen.losses)))
        return optimizer


def test_a_closure_that_is_evaluated_again_and_again(tmp_path):
    model = QuasiNewton()
    seen = fitted(tmp_path / "t.h5", model)
    assert len(seen.losses) > len(model.first)
    check(tmp_path / "t.h5", seen.positions, [seen.losses[i] for i in model.first])


class Adversaries(ByHand):
    def training_step(self, batch, index):
        raise AssertionError("training began")

    def configure_optimizers(self):
        layers = self.network[0], self.network[2]
        return [torch.optim.SGD(layer.parameters(), lr=0.1) for layer in layers]


def test_several_optimizers_are_refused(tmp_path):
    with pytest.raises(InputError, match="2 optimizers; allowed: 1"):
        fitted(tmp_path / "t.h5", Adversaries())
    assert not list(tmp_path.iterdir())


class Failing(Classifier):
    def __init__(self, error, at):
        super().__init__()
        self.error, self.at = error, at

    def training_step(self, batch, index):
        if self.global_step == self.at:
            raise self.error
        return super().training_step(batch, index)


@pytest.mark.parametrize(
    ("error", "seen_outside"), [(OSError("no data"), OSError), (KeyboardInterrupt(), SystemExit)]
)
def test_what_was_walked_before_an_exception_is_written(tmp_path, error, seen_outside):
    model = Failing(error, at=14)
    with pytest.raises(seen_outside):
        fitted(tmp_path / "t.h5", model)
    seen = model.seen
    assert check(tmp_path / "t.h5", seen.positions[:14], seen.losses).interrupted
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def test_a_training_resumed_from_its_checkpoint_goes_on_with_the_walk(tmp_path):
    keep = ModelCheckpoint(tmp_path / "kept", every_n_train_steps=10, save_top_k=-1)
    first = Failing(OSError("no data"), at=14)
    with pytest.raises(OSError, match="no data"):
        fitted(tmp_path / "t.h5", first, keep)
    (point,) = (tmp_path / "kept").iterdir()
    second = Classifier()
    fitted(tmp_path / "t.h5", second, record={"resume": True}, fit={"ckpt_path": point})
    trajectory = Trajectory(tmp_path / "t.h5")
    assert trajectory.resumed.tolist() == [[14, 10]]
    np.testing.assert_allclose(trajectory.loss, first.seen.losses + second.seen.losses, rtol=1e-6)
    assert [(w.start, w.length) for w in trajectory.windows] == [(0, 14), (14, 14)]
    assert not trajectory.interrupted


def test_it_is_a_callback_of_the_package_of_the_other_name_too(tmp_path):
    code = (
        "import sys; sys.modules['lightning'] = None; import pytorch_lightning; "
        "from sgdwalk.integrations.lightning import LightningRecorder; "
        "assert issubclass(LightningRecorder, pytorch_lightning.Callback)"
    )
    run("-c", code, folder=tmp_path)


def test_two_processes_walk_as_one(tmp_path):
    for processes in (1, 2):
        run(FOLDER / "ddp_lightning.py", tmp_path / f"{processes}.h5", processes, folder=tmp_path)
    assert_two_walk_as_one(tmp_path)
