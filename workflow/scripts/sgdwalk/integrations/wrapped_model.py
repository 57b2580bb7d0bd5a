"""The model as a framework runs it, in which a recorder sees the other processes."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from sgdwalk.errors import InputError
from sgdwalk.recording.ranks import is_dtensor


def recordable(model: Any, processes: int) -> nn.Module:
    """A framework's model without the wrapper of torch.compile, which would hide what is in it.

    Args:
        model: in its outermost wrapper.
        processes: that train it.

    Raises:
        InputError: if the processes share it in a way that a recorder does not know.
    """
    module: nn.Module = getattr(model, "_orig_mod", model)
    known = isinstance(module, DistributedDataParallel) or any(map(is_dtensor, module.parameters()))
    if processes > 1 and not known:
        raise InputError(
            f"model: a {type(module).__name__} on {processes} processes; allowed: one in "
            "DistributedDataParallel, or with DTensor parameters (fully_shard)"
        )
    return module
