"""Tail indices of runs as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sgdwalk.files.table import versions_cell
from sgdwalk.gradients.run import RunGradients


def tail_rows(run: str, settings: Mapping[str, Any], result: RunGradients) -> list[dict[str, Any]]:
    """Rows of ``tails.csv`` for one run: one per tail index."""
    shared = {
        "run": run,
        **settings,
        "diverged_at": result.diverged_at,
        "versions": versions_cell(result.origin),
    }
    return [{**shared, **vars(tail)} for tail in result.tails]
