"""Losses of a series of checkpoints, from a table that somebody else wrote."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence

import numpy as np

from sgdwalk.errors import InputError


def read_losses(path: str | os.PathLike[str]) -> dict[int, float]:
    """Loss by step, from a CSV file with the columns `step` and `loss`; others are ignored.

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
        before = found.setdefault(int(step), loss)
        if before != loss and not (math.isnan(before) and math.isnan(loss)):
            raise InputError(f"{path}: line {number}: another loss of step {int(step)}")
    return found


def losses_at(
    steps: Sequence[int], losses: Mapping[int, float], path: str | os.PathLike[str]
) -> tuple[np.ndarray | None, list[str]]:
    """Losses (T,) at some steps; None where one has none, or one that is not finite.

    Args:
        steps: (T,) at which they are wanted.
        losses: by step.
        path: of the file that they are from.

    Returns:
        Them, and what to say if there are none.
    """
    lacking = [step for step in steps if not math.isfinite(losses.get(step, math.nan))]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        return None, [f"{path}: no finite loss of step {lacking[0]}{more}; losses are left out"]
    return np.array([losses[step] for step in steps]), []
