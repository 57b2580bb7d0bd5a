"""Where a walk comes from: what the loop says, or else what can be seen of it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sgdwalk.errors import InputError
from sgdwalk.files.provenance import commit_of, library_versions


def checked_origin(origin: Mapping[str, Any]) -> dict[str, Any]:
    """The origin as it was told.

    Raises:
        InputError: if JSON cannot hold it; names the entry.
    """
    if not isinstance(origin, Mapping):
        raise InputError(f"origin: a {type(origin).__name__}; allowed: a dict")
    for name, value in origin.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise InputError(f"origin: {name}: {error}; allowed: what JSON can hold") from error
        if not isinstance(name, str):
            raise InputError(f"origin: key {name!r}; allowed: strings")
    return dict(origin)


def origin_of_loop(model: object, optimizer: Any) -> dict[str, Any]:
    """Versions, time, classes of model and optimizer, its settings, and the script's commit."""
    found: dict[str, Any] = {
        "versions": library_versions(),
        "recorded": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    if isinstance(model, torch.nn.Module):
        found["model"] = _class(model)
    while hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
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
