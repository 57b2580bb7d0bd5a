"""When a step is: every real step of an optimizer, told by its own hook, with the step's loss.

A step is real if the optimizer is about to change the parameters: not one that a gradient scaler
skips. Its loss is the mean over its minibatches (gradient accumulation), or the first that a
closure gives, which is that at the position before the step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from sgdwalk.errors import InputError
from sgdwalk.recording.arguments import Number

Record = Callable[[Number | None, int | None, torch.Tensor | None], None]


def bare_optimizer(optimizer: Any) -> Any:
    """What is in the wrappers of Accelerate and Lightning."""
    while hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    return optimizer


class OptimizerSteps:
    """Calls ``record(loss, samples, scale)`` before every real step of an optimizer.

    `loss` and `samples` are None where none was told; `scale` is by what the gradients must still
    be divided, or None.

    Args:
        optimizer: of torch's, or a wrapper that has it as ``optimizer``.
        parameters: those that walk.
        record: what to call.

    Raises:
        InputError: for what is no optimizer, or one of other parameters.
    """

    def __init__(self, optimizer: Any, parameters: Sequence[torch.Tensor], record: Record):
        optimizer = bare_optimizer(optimizer)
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise InputError(
                f"optimizer: a {type(optimizer).__name__}; allowed: one of torch's, or a subclass"
            )
        moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if moved.isdisjoint(map(id, parameters)):
            raise InputError(
                "optimizer: has none of the model's parameters; allowed: the one that moves them"
            )
        self._record = record
        self._losses = StepLosses(parameters)
        self._handles = [
            optimizer.register_step_pre_hook(self._before_step),
            # what a closure's later evaluations told is no one's
            optimizer.register_step_post_hook(lambda *_: self._losses.forget()),
        ]
        self.optimizer = optimizer

    def loss(self, value: Number, samples: int | None) -> None:
        """Told the loss of a minibatch of the step to come."""
        self._losses.tell(value, samples)

    def close(self) -> None:
        """Leave the optimizer and the parameters as they were."""
        for handle in self._handles:
            handle.remove()
        self._losses.close()

    def _before_step(
        self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        # a fused optimizer is called for skipped steps too, with what its scaler found
        found = getattr(optimizer, "found_inf", None)
        if found is not None and bool(found):
            self._losses.forget()
            return None
        if callable(kwargs.get("closure")):
            return args, {**kwargs, "closure": self._recording(kwargs["closure"])}
        if len(args) > 1 and callable(args[1]):
            return (args[0], self._recording(args[1]), *args[2:]), kwargs
        self._record(*self._losses.take(), getattr(optimizer, "grad_scale", None))
        return None

    def _recording(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        first = True

        def evaluated() -> Any:
            nonlocal first
            value = closure()
            if first:
                first = False
                loss, samples = self._losses.take()
                with torch.no_grad():
                    self._record(value if loss is None else loss, samples, None)
            return value

        return evaluated


class StepLosses:
    """Losses told since the last step, of which those of skipped steps are no one's.

    A gradient scaler skips a step by not calling the optimizer at all. What shows it is that the
    next backward pass begins a new gradient, where one of the same step adds to the old: the i-th
    loss told is that of the i-th backward pass, whichever of the two comes first.

    Args:
        parameters: the last of them that is a leaf tells of backward passes.
    """

    def __init__(self, parameters: Sequence[torch.Tensor]):
        self._told: list[Number] = []
        self._samples: list[int | None] = []
        self._passes = self._begun = self._first = 0
        self._seen: tuple[int, int] | None = None
        self._handles: list[Any] = []
        leaves = [p for p in parameters if p.is_leaf and p.requires_grad]
        if leaves:
            self._parameter = leaves[-1]
            self._handles = [
                self._parameter.register_hook(self._before_adding),
                self._parameter.register_post_accumulate_grad_hook(self._after_adding),
            ]

    def _before_adding(self, gradient: torch.Tensor) -> None:
        if self._begins():
            self._begun += 1
            self._first = self._passes
        self._passes += 1

    def _begins(self) -> bool:
        """Whether what a backward pass is about to add to is a new gradient, or one set to zero."""
        before = self._parameter.grad
        if before is None or self._seen is None or id(before) != self._seen[0]:
            return True
        if before._version == self._seen[1]:  # nothing was done to it since the last pass
            return False
        return not bool((before.to_dense() if before.is_sparse else before).any())

    def _after_adding(self, parameter: torch.Tensor) -> None:
        if parameter.grad is not None:
            self._seen = (id(parameter.grad), parameter.grad._version)

    def tell(self, value: Number, samples: int | None) -> None:
        """Of a minibatch."""
        self._told.append(value.detach() if isinstance(value, torch.Tensor) else value)
        self._samples.append(samples)

    def take(self) -> tuple[Number | None, int | None]:
        """Mean loss and all samples of the step that is now made; None where not told."""
        first = 0
        if self._begun > 1:  # steps were skipped
            one_each = len(self._told) == self._passes
            share = len(self._told) // self._begun
            first = self._first if one_each else len(self._told) - share
        told, samples = self._told[first:], self._samples[first:]
        self.forget()
        if not told:
            return None, None
        known = [s for s in samples if s is not None]
        mean = told[0] if len(told) == 1 else sum(told) / len(told)
        return mean, sum(known) if len(known) == len(samples) else None

    def forget(self) -> None:
        """A step was made or skipped."""
        self._told, self._samples = [], []
        self._passes = self._begun = self._first = 0
        self._seen = None

    def close(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
