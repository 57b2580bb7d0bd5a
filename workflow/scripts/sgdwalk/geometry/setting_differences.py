"""In which settings two trainings differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, str]:
    """Both values, ``0.05 / 0.1``, of every setting that is not the same, in order.

    How long a training is makes its walk another one only where the learning rate has a schedule
    over that length; without one `steps` are said of trainings that differ in nothing else.
    """
    names = dict.fromkeys([*one, *other])
    found = {
        name: f"{_said(one.get(name))} / {_said(other.get(name))}"
        for name in names
        if one.get(name) != other.get(name)
    }
    if one.get("schedule") == other.get("schedule") == "constant" and len(found) > 1:
        found.pop("steps", None)
    return found


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
