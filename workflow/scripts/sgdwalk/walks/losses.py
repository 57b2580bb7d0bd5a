"""Losses of a series of checkpoints, from a table that somebody else wrote."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence

import numpy as np

from sgdwalk.errors import InputError


def read_losses(
    path: str | os.PathLike[str], steps: Sequence[int]
) -> tuple[np.ndarray | None, list[str]]:
    """Loss at each of some steps, from a CSV file with the columns `step` and `loss`.

    Other columns and steps are ignored.

    Args:
        path: of the file.
        steps: (T,) at which losses are wanted.

    Returns:
        (T,) losses; None where a step has none, or one that is not finite. And what to say of that.

    Raises:
        InputError: one line if it is no such file, or has two losses of one step.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            table = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from None
    columns = list(table[0]) if table else []
    for name in ("step", "loss"):
        if name not in columns:
            has = ", ".join(map(str, columns)) or "no rows"
            raise InputError(f"{path}: no column {name!r}; it has {has}")
    found: dict[int, float] = {}
    for number, row in enumerate(table, start=2):
        if not row["loss"]:  # a step of which something else was logged
            continue
        try:
            step, loss = float(row["step"]), float(row["loss"])
        except (TypeError, ValueError):
            raise InputError(
                f"{path}: line {number}: step {row['step']!r}, loss {row['loss']!r}; allowed: "
                "numbers"
            ) from None
        if not step.is_integer():
            raise InputError(f"{path}: line {number}: step {row['step']}; allowed: a whole number")
        if int(step) in found and found[int(step)] != loss:
            raise InputError(f"{path}: line {number}: another loss of step {int(step)}")
        found[int(step)] = loss
    lacking = [step for step in steps if not math.isfinite(found.get(step, math.nan))]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        said = f"{path}: no finite loss of step {lacking[0]}{more}; losses are left out"
        return None, [said]
    return np.array([found[step] for step in steps]), []
