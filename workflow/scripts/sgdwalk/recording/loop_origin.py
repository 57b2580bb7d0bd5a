"""Where a walk comes from, as far as it can be seen, for loops that do not say it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from sgdwalk.files.provenance import commit_of, library_versions
from sgdwalk.recording.optimizer_steps import bare_optimizer


def origin_of_loop(model: object, optimizer: Any) -> dict[str, Any]:
    """Versions, time, classes of model and optimizer, its settings, and the script's commit."""
    found: dict[str, Any] = {
        "versions": library_versions(),
        "recorded": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    model = getattr(model, "_orig_mod", model)  # of torch.compile
    if isinstance(model, DistributedDataParallel):
        model = model.module
    if isinstance(model, torch.nn.Module):
        found["model"] = _class(model)
    optimizer = bare_optimizer(optimizer)
    if isinstance(optimizer, torch.optim.Optimizer):
        groups = [
            {name: _plain(value) for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ]
        found["optimizer"] = {"class": _class(optimizer), "groups": groups}
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    commit = commit_of(Path(script).resolve().parent) if script else None
    if commit is not None:
        found["commit"] = commit
    return found


def _class(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return str(value)
    return value
