"""Record the walk of an Accelerate loop: one line around it.

    model, optimizer, batches = accelerator.prepare(model, optimizer, batches)
    with AccelerateRecorder(accelerator, model, optimizer, "trajectory.h5", window=1000):
        for inputs, labels in batches:
            with accelerator.accumulate(model):
                loss = loss_function(model(inputs), labels)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()

The losses are those that the loop hands to ``accelerator.backward``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from sgdwalk.errors import InputError
from sgdwalk.integrations.wrapped_model import recordable
from sgdwalk.recording.recorder import TrajectoryRecorder


class AccelerateRecorder(TrajectoryRecorder):
    """A `TrajectoryRecorder` that takes the losses from ``accelerator.backward``.

    It records every real step of the optimizer, with the mean loss of its minibatches. Make it
    after ``accelerator.load_state``, if there is one, with ``resume=True``.

    Args:
        accelerator: the Accelerator of the loop.
        model: as `prepare` returned it.
        optimizer: as `prepare` returned it.
        path: the trajectory file to write.
        window: positions per window, or several (length, stride) families of windows.
        options: further arguments of `TrajectoryRecorder`.

    Raises:
        InputError: for an accelerator whose losses another recorder takes, a model that is not
            prepared, or what `TrajectoryRecorder` refuses.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: torch.nn.Module,
        optimizer: Any,
        path: str | Path,
        window: int | Sequence[tuple[int, int]] = 1000,
        **options: Any,
    ):
        model = recordable(model, accelerator.num_processes)
        self._losses = LossesOfBackward(accelerator, self.loss)
        try:
            super().__init__(model, path, window, optimizer=optimizer, **options)
        except BaseException:
            self._losses.close()
            raise

    def close(self, interrupted: bool = False, diverged_at: int | None = None) -> None:
        """Give the accelerator back as it was; write the file."""
        self._losses.close()
        super().close(interrupted, diverged_at)


class LossesOfBackward:
    """Tells every loss that is handed to ``accelerator.backward``, undivided and unscaled.

    Args:
        accelerator: the Accelerator.
        tell: called with each.

    Raises:
        InputError: if another one listens already.
    """

    def __init__(self, accelerator: Accelerator, tell: Callable[[torch.Tensor], None]):
        self._accelerator, self._tell = accelerator, tell
        self._before = vars(accelerator).get("backward")
        if isinstance(self._before, LossesOfBackward):
            raise InputError("accelerator: another recorder takes its losses; allowed: one")
        self._backward = accelerator.backward
        accelerator.backward = self

    def __call__(self, loss: torch.Tensor, **options: Any) -> None:
        """In place of ``accelerator.backward``."""
        self._backward(loss, **options)
        self._tell(loss.detach())

    def close(self) -> None:
        """Leave the accelerator as it was."""
        if vars(self._accelerator).get("backward") is not self:
            return
        if self._before is None:
            del self._accelerator.backward
        else:
            self._accelerator.backward = self._before
