"""Which optimizers there are and what goes together, known without torch, for a plan to check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sgdwalk.errors import InputError

NAMES = ("sgd", "adam", "adamw")


def check_optimizer(training: Mapping[str, Any]) -> None:
    """Raise an `InputError` if an optimizer is unknown or does not take its options.

    Args:
        training: settings of a run: `optimizer`, one of `NAMES`; `momentum` of SGD; `nesterov`,
            Nesterov's form of that momentum.
    """
    optimizer, momentum, nesterov = (training[k] for k in ("optimizer", "momentum", "nesterov"))
    if optimizer not in NAMES:
        raise InputError(f"optimizer: {optimizer!r}; allowed: {', '.join(NAMES)}")
    if optimizer != "sgd" and momentum:
        raise InputError(f"momentum: {momentum}; allowed with optimizer {optimizer!r}: 0")
    if nesterov and not momentum:
        raise InputError("nesterov: True; allowed with momentum above 0 alone")
