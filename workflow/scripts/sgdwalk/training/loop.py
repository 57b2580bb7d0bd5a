"""Train a network step by step, with everything at hand that observers of the walk need."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn import functional

from sgdwalk.training.batches import Batches
from sgdwalk.training.losses import Criterion

_EVALUATION_BATCH = 1024


class Recorder(Protocol):
    """What the loop tells of its walk; ``TrajectoryRecorder`` is one."""

    def record(self, loss: float, samples: int) -> None:
        """Called at every step between ``backward()`` and ``optimizer.step()``.

        Args:
            loss: mean loss of the minibatch.
            samples: in it.
        """

    def record_epoch(self, **values: float) -> None:
        """Called after every epoch."""


def forward_alone(
    run: TrainingRun, inputs: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, float, int]:
    """Evaluate a whole minibatch in this process.

    Returns:
        What to differentiate; the mean loss; the number of correct predictions.
    """
    outputs = run.model(inputs)
    loss = run.criterion(outputs, labels)
    return loss, loss.item(), int((outputs.detach().argmax(1) == labels).sum().item())


@dataclass
class TrainingRun:
    """One training run and how far it has come.

    Attributes:
        model: the network, on the device.
        optimizer: moves the model's parameters.
        batches: the training set.
        test: (inputs, labels) of the test set, or None to evaluate nothing after an epoch.
        criterion: mean loss of (outputs, labels).
        scheduler: called after every step, or None for a constant learning rate.
        forward: evaluates a minibatch; see `forward_alone`.
        clip: norm to which a larger gradient is scaled before the step, or None.
        step: optimizer steps taken.
        running: summed loss, correct predictions and samples of the epoch so far.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    batches: Batches
    test: tuple[torch.Tensor, torch.Tensor] | None
    criterion: Criterion = functional.cross_entropy
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None
    clip: float | None = None
    forward: Callable[
        [TrainingRun, torch.Tensor, torch.Tensor], tuple[torch.Tensor, float, int]
    ] = forward_alone
    step: int = 0
    running: tuple[float, int, int] = (0.0, 0, 0)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on from here, loadable with ``weights_only=True``."""
        cuda = torch.cuda.is_available() and next(self.model.parameters()).is_cuda
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "rng": torch.get_rng_state(),
            "rng_cuda": torch.cuda.get_rng_state() if cuda else None,
            "running": list(self.running),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what ``state`` returned."""
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler:
            self.scheduler.load_state_dict(state["scheduler"])
        torch.set_rng_state(state["rng"])
        if state["rng_cuda"] is not None:
            torch.cuda.set_rng_state(state["rng_cuda"])
        self.running = tuple(state["running"])


def train(
    run: TrainingRun,
    steps: int,
    recorder: Recorder,
    *,
    before_step: Callable[[TrainingRun], None] = lambda run: None,
    after_step: Callable[[TrainingRun, float], None] = lambda run, loss: None,
) -> int | None:
    """Train until a number of steps is reached or the loss is no longer finite.

    Args:
        run: where to start from; it is at its last position when this returns.
        steps: optimizer steps of the whole run.
        recorder: told of every step and epoch.
        before_step: called with the run at every position, the last one included.
        after_step: called with the run and the loss after every step.

    Returns:
        The step whose loss was not finite, or None.
    """
    run.model.train()
    while run.step < steps:
        before_step(run)
        inputs, labels = run.batches.at(run.step)
        loss, value, correct = run.forward(run, inputs, labels)
        if not math.isfinite(value):
            return run.step
        run.optimizer.zero_grad()
        loss.backward()
        recorder.record(value, len(labels))  # the loss's gradient, before it is clipped
        if run.clip is not None:
            nn.utils.clip_grad_norm_(run.model.parameters(), run.clip)
        run.optimizer.step()
        if run.scheduler:
            run.scheduler.step()
        total, right, seen = run.running
        run.running = (total + value * len(labels), right + correct, seen + len(labels))
        run.step += 1
        if run.step % run.batches.per_epoch == 0:
            _end_epoch(run, recorder)
        after_step(run, value)
    before_step(run)
    return None


def _end_epoch(run: TrainingRun, recorder: Recorder) -> None:
    total, right, seen = run.running
    run.running = (0.0, 0, 0)
    if run.test is None:
        return
    loss, accuracy = evaluate(run.model, *run.test, run.criterion)
    recorder.record_epoch(
        train_loss=total / seen,
        train_accuracy=right / seen,
        test_loss=loss,
        test_accuracy=accuracy,
    )


def evaluate(
    model: nn.Module,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    criterion: Criterion,
) -> tuple[float, float]:
    """Mean loss and accuracy of a model in eval mode over a whole set; its mode is kept."""
    training = model.training
    model.eval()
    total, right = 0.0, 0
    with torch.inference_mode():
        for x, y in zip(
            inputs.split(_EVALUATION_BATCH), labels.split(_EVALUATION_BATCH), strict=True
        ):
            outputs = model(x)
            total += criterion(outputs, y).item() * len(y)
            right += (outputs.argmax(1) == y).sum().item()
    model.train(training)
    return total / len(labels), right / len(labels)
