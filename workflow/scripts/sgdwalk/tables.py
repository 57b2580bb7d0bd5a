"""Tables over runs and windows, as CSV; an undefined number is an empty cell."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from sgdwalk.diffusion_file import EXPONENTS, RunDiffusion
from sgdwalk.files import written


def exponent_rows(run: str, settings: Mapping, result: RunDiffusion) -> list[dict]:
    """Rows of ``exponents.csv`` for one run: one per window, or one without if it has none."""
    shared = {
        "run": run,
        **settings,
        "diverged_at": result.diverged_at,
        "versions": versions_cell(result.origin),
    }
    if not result.windows:
        return [_row(shared, None)]
    return [_row(shared, window) for window in result.windows]


def _row(shared: Mapping, window) -> dict:
    row = dict(shared)
    row["window_length"] = window.length if window else None
    row["stride"] = window.stride if window else None
    row["window_start"] = window.start if window else None
    for name in EXPONENTS:
        values = window.exponents[name] if window else (None, None, None)
        row[name], row[f"{name}_low"], row[f"{name}_high"] = values
    row["regimes"] = len(window.curves["segments"]) if window else None
    row["effective_dimension"] = window.effective_dimension if window else None
    return row


def versions_cell(origin: Mapping) -> str:
    """Versions of the libraries that trained and analysed a run, in one cell."""
    found = {**origin.get("run", {}).get("versions", {}), **origin.get("versions", {})}
    return " ".join(f"{n} {found[n]}" for n in ("torch", "numpy", "scipy") if n in found)


def write_table(path: str | Path, rows: list[dict]) -> None:
    """Write rows under the union of their columns, in order of first appearance.

    A column ``mixed_versions`` says ``yes`` in every row if the ``versions`` of the rows differ.
    """
    mixed = len({row.get("versions") for row in rows}) > 1
    rows = [{**row, "mixed_versions": "yes" if mixed else "no"} for row in rows]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with written(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({k: _cell(v) for k, v in row.items()} for row in rows)


def _cell(value: object) -> object:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value
