"""Which optimizers there are and what goes together, known without torch, for a plan to check."""

from __future__ import annotations

from sgdwalk.errors import InputError

NAMES = ("sgd", "adam", "adamw")


def check_optimizer(optimizer: str, momentum: float, nesterov: bool) -> None:
    """Raise an `InputError` if an optimizer is unknown or does not take these options.

    Args:
        optimizer: one of `NAMES`.
        momentum: of SGD.
        nesterov: Nesterov's form of that momentum.
    """
    if optimizer not in NAMES:
        raise InputError(f"optimizer: {optimizer!r}; allowed: {', '.join(NAMES)}")
    if optimizer != "sgd" and momentum:
        raise InputError(f"momentum: {momentum}; allowed with optimizer {optimizer!r}: 0")
    if nesterov and not momentum:
        raise InputError("nesterov: True; allowed with momentum above 0 alone")
