"""Tail indices of runs as rows of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sgdwalk.files.table import versions_cell
from sgdwalk.gradients.file import COLUMNS, WHOLE_NUMBERS, RunGradients


def tail_rows(run: str, settings: Mapping, result: RunGradients) -> list[dict]:
    """Rows of ``tails.csv`` for one run: one per tail index."""
    shared = {
        "run": run,
        **settings,
        "diverged_at": result.diverged_at,
        "versions": versions_cell(result.origin),
    }
    return [{**shared, **{name: _whole(row, name) for name in COLUMNS}} for row in result.rows]


def _whole(row: Mapping, name: str) -> str | float | int | None:
    """A number that counts something as an integer, None if undefined."""
    value = row[name]
    if name not in WHOLE_NUMBERS:
        return value
    return None if math.isnan(value) else int(value)
