"""Tables as CSV; an undefined number is an empty cell."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sgdwalk.files.atomic import written
from sgdwalk.fits.estimate import Estimate


def versions_cell(origin: Mapping[str, Any]) -> str:
    """Versions of the libraries that trained and analysed a run, in one cell."""
    found = {**origin.get("run", {}).get("versions", {}), **origin.get("versions", {})}
    return " ".join(f"{n} {found[n]}" for n in ("torch", "numpy", "scipy") if n in found)


def write_table(path: str | Path, rows: list[dict[str, Any]]) -> None:
    """Write rows under the union of their columns, in order of first appearance.

    An `Estimate` is three columns, its name, and with ``_low`` and ``_high`` the ends.
    A column ``mixed_versions`` says ``yes`` in every row if the ``versions`` of the rows differ.
    """
    mixed = len({row.get("versions") for row in rows}) > 1
    rows = flat_rows([{**row, "mixed_versions": "yes" if mixed else "no"} for row in rows])
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with written(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({k: _cell(v) for k, v in row.items()} for row in rows)


def flat_rows(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Rows with every `Estimate` as three columns, as `write_table` has them."""
    return [_flat(row) for row in rows]


def _flat(row: Mapping[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in row.items():
        if isinstance(value, Estimate):
            flat |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
        else:
            flat[name] = value
    return flat


def estimate_cell(estimate: Estimate, digits: int) -> str:
    """A number with its interval for a terminal, ``1.23 (1.1 to ?)``; a dash if there is none."""
    if not estimate.defined:
        return "-"
    low, high = (
        f"{end:.{digits}f}" if math.isfinite(end) else "?" for end in (estimate.low, estimate.high)
    )
    return f"{estimate.value:.{digits}f} ({low} to {high})"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines for a terminal: rows of cells of equal numbers, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cell(value: object) -> object:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value) if value else ""
    return f"{value:.6g}" if isinstance(value, float) else value
