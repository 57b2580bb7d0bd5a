"""Transformers: `Trainer.train` is recorded as it walks."""

import numpy as np
import pytest
import torch
from cases import flat
from framework_walks import FOLDER, Seen, assert_two_walk_as_one, check, network, run, samples
from torch.nn.functional import cross_entropy

from sgdwalk.errors import InputError
from sgdwalk.recording.trajectory import Trajectory

pytest.importorskip("transformers")
from ddp_transformers import Classifier, trainer_of
from transformers import (
    EarlyStoppingCallback,
    GPT2Config,
    GPT2LMHeadModel,
    PretrainedConfig,
    TrainerCallback,
)

from sgdwalk.integrations.transformers import TransformersRecorder


class Losses(TrainerCallback):
    """What the Trainer itself says of every step."""

    def __init__(self):
        self.told = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.told.append(logs["loss"])


def trained(path, model, *callbacks, record=None, train=None, **options):
    recorder, losses = TransformersRecorder(path, 100, **(record or {})), Losses()
    trainer = trainer_of(
        model, path.parent, [recorder, losses, *callbacks],
        logging_strategy="steps", logging_steps=1, **options,
    )  # fmt: skip
    trainer.train(**(train or {}))
    assert recorder.recorder is None
    assert "backward" not in vars(trainer.accelerator)
    return model.seen, losses.told


@pytest.mark.parametrize(("accumulated", "groups"), [(1, [1]), (3, [3, 3, 2])])
def test_steps_and_losses_are_the_trainings(tmp_path, accumulated, groups):
    seen, told = trained(
        tmp_path / "t.h5",
        Classifier(),
        gradient_accumulation_steps=accumulated,
        eval_strategy="steps",
        eval_steps=3,
        num_train_epochs=5,
    )
    losses = seen.mean_losses(*groups)
    assert not check(tmp_path / "t.h5", seen.positions, losses).interrupted
    np.testing.assert_allclose(told, losses, rtol=1e-6)


class WithoutLoss(Classifier):
    config = PretrainedConfig()

    def forward(self, input, labels=None):
        return {"logits": self.network(input)}


def losses_at(positions, batches, **options):
    """Of every batch, at the position where it was trained on."""
    twin, (inputs, labels) = network().double(), samples()
    for position, batch in zip(positions, batches, strict=True):
        torch.nn.utils.vector_to_parameters(torch.from_numpy(position), twin.parameters())
        logits = twin(inputs[batch].double())
        yield cross_entropy(logits, labels[batch], **options).item()


def test_the_loss_is_that_of_label_smoothing(tmp_path):
    seen, told = trained(tmp_path / "t.h5", WithoutLoss(), label_smoothing_factor=0.2)
    batches = np.tile(np.arange(64).reshape(8, 8), (3, 1))
    losses = list(losses_at(seen.positions, batches, label_smoothing=0.2))
    check(tmp_path / "t.h5", seen.positions, losses)
    np.testing.assert_allclose(told, losses, rtol=1e-6)


def test_the_loss_is_that_of_a_function_of_the_users(tmp_path):
    def mean_of_the_step(outputs, labels, num_items_in_batch=None):
        return cross_entropy(outputs["logits"], labels, reduction="sum") / num_items_in_batch

    seen, told = trained(
        tmp_path / "t.h5",
        WithoutLoss(),
        compute_loss_func=mean_of_the_step,
        gradient_accumulation_steps=4,
        num_train_epochs=6,
    )
    batches = np.tile(np.arange(64).reshape(2, 32), (6, 1))
    losses = list(losses_at(seen.positions, batches))
    check(tmp_path / "t.h5", seen.positions, losses)
    np.testing.assert_allclose(told, losses, rtol=1e-6)


def test_the_loss_of_a_language_model_is_the_mean_over_the_tokens_of_a_step(tmp_path):
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=11, n_positions=6, n_embd=8, n_layer=1, n_head=2)
    config.bos_token_id = config.eos_token_id = None
    config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = 0.0
    model = GPT2LMHeadModel(config)
    tokens = torch.randint(11, (24, 6))
    labels = torch.where(torch.rand(24, 6) < 0.4, -100, tokens)
    labels[:, 0] = -100  # predicted from nothing, but the Trainer would count it
    model.seen, losses = Seen(), []

    def whole_step(*_):
        """Of all minibatches of the step to come, before it."""
        step = len(losses)
        batch = slice(8 * step % 24, 8 * step % 24 + 8)
        with torch.no_grad():
            logits = model(tokens[batch]).logits[:, :-1]
        losses.append(cross_entropy(logits.flatten(0, 1), labels[batch, 1:].flatten()).item())

    trainer = trainer_of(
        model,
        tmp_path,
        [TransformersRecorder(tmp_path / "t.h5", 100)],
        batch_size=4,
        data=[{"input_ids": x, "labels": y} for x, y in zip(tokens, labels, strict=True)],
        gradient_accumulation_steps=2,
        num_train_epochs=4,
    )
    trainer.optimizer.register_step_pre_hook(whole_step)
    trainer.train()
    trajectory = check(tmp_path / "t.h5", model.seen.positions, losses)
    assert trajectory.parameters == sum(p.numel() for p in model.parameters())


class Failing(Classifier):
    def forward(self, input, labels):
        if self.training and len(self.seen.positions) == 14:
            raise OSError("no data")
        return super().forward(input, labels)


def test_what_was_walked_before_an_exception_is_written(tmp_path):
    model = Failing()
    with pytest.raises(OSError, match="no data"):
        trained(tmp_path / "t.h5", model)
    assert check(tmp_path / "t.h5", model.seen.positions, model.seen.losses).interrupted


def test_a_training_resumed_from_its_checkpoint_goes_on_with_the_walk(tmp_path):
    first, second = Failing(), Classifier()
    with pytest.raises(OSError, match="no data"):
        trained(tmp_path / "t.h5", first, save_strategy="steps", save_steps=10)
    trained(
        tmp_path / "t.h5",
        second,
        record={"resume": True},
        train={"resume_from_checkpoint": str(tmp_path / "kept" / "checkpoint-10")},
    )
    trajectory = Trajectory(tmp_path / "t.h5")
    assert trajectory.resumed.tolist() == [[14, 10]]
    losses = first.seen.losses + second.seen.losses
    np.testing.assert_allclose(trajectory.loss, losses, rtol=1e-6)
    assert [(w.start, w.length) for w in trajectory.windows] == [(0, 14), (14, 14)]
    assert not trajectory.interrupted


@pytest.mark.parametrize(("when", "every", "steps"), [("steps", 5, 20), ("epoch", 8, 32)])
def test_the_walk_ends_before_the_best_model_is_loaded(tmp_path, when, every, steps):
    errors = iter(range(100))
    model = Classifier()
    trained(
        tmp_path / "t.h5",
        model,
        EarlyStoppingCallback(3),  # after the first one, which is the best
        compute_metrics=lambda _: {"error": next(errors)},
        metric_for_best_model="error",
        greater_is_better=False,
        load_best_model_at_end=True,
        num_train_epochs=9,
        eval_strategy=when,
        save_strategy=when,
        eval_steps=every,
        save_steps=every,
    )
    trajectory = Trajectory(tmp_path / "t.h5")
    assert trajectory.steps == steps
    assert not trajectory.interrupted
    index, end = (trajectory.gradients[name] for name in ("series_index", "series_end"))
    seen, _ = trained(tmp_path / "twin.h5", Classifier(), max_steps=steps + 1)
    np.testing.assert_array_equal(end, seen.positions[steps][index])
    np.testing.assert_array_equal(flat(model.parameters())[index], seen.positions[every][index])


def test_a_callback_that_is_added_later(tmp_path):
    model = Classifier()
    trainer = trainer_of(model, tmp_path, [])
    trainer.add_callback(TransformersRecorder(tmp_path / "t.h5", 100))
    trainer.train()
    assert not check(tmp_path / "t.h5", model.seen.positions, model.seen.losses).interrupted


def test_it_is_told_if_no_trainer_calls():
    with pytest.raises(InputError, match="called by no Trainer"):
        TransformersRecorder("t.h5").on_train_begin(None, None, None)


def test_two_processes_walk_as_one(tmp_path):
    for processes in (None, 2):
        path, size = tmp_path / f"{processes or 1}.h5", 8 // (processes or 1)
        run(FOLDER / "ddp_transformers.py", path, size, folder=tmp_path, processes=processes)
    assert_two_walk_as_one(tmp_path)
