"""Record the walk of a Hugging Face `Trainer`: one more callback.

    trainer = Trainer(..., callbacks=[TransformersRecorder("trajectory.h5", window=1000)])

The losses are those that the Trainer hands to its accelerator, whatever computed them.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback

from sgdwalk.errors import InputError
from sgdwalk.integrations.accelerate import AccelerateRecorder


class TransformersRecorder(TrainerCallback):
    """Callback that records every optimizer step of `train`, with the loss that it descends.

    That loss is the mean over the step's minibatches, or over its tokens where the Trainer weighs
    them by tokens. The file is written when training ends; where it ends by an exception, it is
    marked as interrupted (if the callback came by ``add_callback``, it is left to `sgdwalk.recover`
    after the process). With ``resume_from_checkpoint`` use ``resume=True``.

    Args:
        path: the trajectory file to write.
        window: positions per window, or several (length, stride) families of windows.
        options: further arguments of `TrajectoryRecorder`.

    Attributes:
        recorder: the recorder, while `train` trains.

    Raises:
        InputError: when training begins, for processes that share the model in a way that is not
            known, or what `TrajectoryRecorder` refuses.
    """

    def __init__(
        self, path: str | Path, window: int | Sequence[tuple[int, int]] = 1000, **options: Any
    ):
        self.path = Path(path)
        self.recorder: AccelerateRecorder | None = None
        self._window, self._options = window, options

    def on_init_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """See to it that an exception in `train` is heard of, for which there is no event."""
        trainer = _calling_trainer()
        train = trainer.train

        @wraps(train)
        def closing(*args: Any, **kwargs: Any) -> Any:
            try:
                return train(*args, **kwargs)
            finally:
                self._close(interrupted=True)

        trainer.train = closing

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Make the recorder: now the model is in place, and a checkpoint was read."""
        self._close(interrupted=True)  # of a start that failed
        trainer = _calling_trainer()
        self.recorder = _TrainerRecorder(trainer, self.path, self._window, **self._options)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the file if this was the last step.

        `on_train_end` may be too late: the best model was loaded by then.
        """
        if control.should_training_stop:
            self._close()

    on_epoch_end = on_evaluate = on_save = on_step_end

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the file."""
        self._close()

    def _close(self, interrupted: bool = False) -> None:
        recorder, self.recorder = self.recorder, None
        if recorder is not None:
            recorder.close(interrupted)


class _TrainerRecorder(AccelerateRecorder):
    """Recorder of a Trainer's own accelerator, model and optimizer."""

    def __init__(self, trainer: Trainer, path: Path, window: Any, **options: Any):
        self._trainer = trainer
        model, optimizer = trainer.model_wrapped, trainer.optimizer
        super().__init__(trainer.accelerator, model, optimizer, path, window, **options)

    def loss(self, value: Any, samples: int | None = None) -> None:
        """Tell a minibatch's part of the step's loss: the parts add up to it."""
        super().loss(value * self._trainer.current_gradient_accumulation_steps, samples)


def _calling_trainer() -> Trainer:
    """The Trainer that calls back: it hands over the bare model, and neither wrapper nor losses.

    Raises:
        InputError: if there is none.
    """
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, Trainer):
            return caller
        frame = frame.f_back
    raise InputError("TransformersRecorder: called by no Trainer; allowed: a callback of one")
