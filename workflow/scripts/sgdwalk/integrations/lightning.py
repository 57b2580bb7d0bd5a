"""Record the walk of a Lightning training: one more callback.

    trainer = Trainer(callbacks=[LightningRecorder("trajectory.h5", window=1000)])

The losses are those of ``on_before_backward``, in automatic and in manual optimization.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sgdwalk.errors import InputError
from sgdwalk.integrations.wrapped_model import recordable
from sgdwalk.recording.recorder import TrajectoryRecorder

try:
    from lightning.pytorch.callbacks import Callback
except ModuleNotFoundError:  # the same package under its other name
    from pytorch_lightning.callbacks import Callback


class LightningRecorder(Callback):
    """Callback that records every optimizer step of `fit`, with the mean loss of its minibatches.

    The file is written when training ends; where it ends by an exception, it is marked as
    interrupted. With ``ckpt_path`` use ``resume=True``. Callbacks that put other weights in place
    when training ends (averages) belong after this one.

    Args:
        path: the trajectory file to write.
        window: positions per window, or several (length, stride) families of windows.
        options: further arguments of `TrajectoryRecorder`.

    Attributes:
        recorder: the recorder, while `fit` trains.

    Raises:
        InputError: when training begins, for more than one optimizer, a strategy whose processes
            share the model in a way that is not known, or what `TrajectoryRecorder` refuses.
    """

    def __init__(
        self, path: str | Path, window: int | Sequence[tuple[int, int]] = 1000, **options: Any
    ):
        self.path = Path(path)
        self.recorder: TrajectoryRecorder | None = None
        self._window, self._options = window, options

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Make the recorder: now the model is in place, and a checkpoint was read."""
        if len(trainer.optimizers) != 1:
            raise InputError(f"LightningRecorder: {len(trainer.optimizers)} optimizers; allowed: 1")
        model = recordable(trainer.strategy.model, trainer.world_size)
        self.recorder = TrajectoryRecorder(
            model, self.path, self._window, optimizer=trainer.optimizers[0], **self._options
        )

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: torch.Tensor) -> None:
        """Tell the loss, which comes divided for accumulation and multiplied by a scaler."""
        if self.recorder is None:
            return
        loss = loss.detach() * trainer.accumulate_grad_batches
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            loss = loss / scaler.scale(torch.ones_like(loss))
        self.recorder.loss(loss)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the file."""
        self._close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write what there is, marked as interrupted."""
        self._close(interrupted=True)

    def _close(self, interrupted: bool = False) -> None:
        recorder, self.recorder = self.recorder, None
        if recorder is not None:
            recorder.close(interrupted)
