"""What a finished study says to the person who ran it: the exponents, and where the figures are."""

from __future__ import annotations

import csv
from math import nan
from pathlib import Path

from sgdwalk.files.table import aligned, estimate_cell
from sgdwalk.fits.estimate import Estimate

# Behind an exponent whose regime is no power law.
_BENT = "~"
_EXPONENTS = ("exponent_short", "exponent_max", "exponent_long", "crossover_lag")


def summary(study: str, tables: Path, figures: Path) -> str:
    """The exponents table of a study in columns, and the paths of its tables and figures.

    Args:
        study: its name.
        tables: folder that holds ``exponents.csv``.
        figures: folder of the figures.

    Raises:
        OSError: if the table does not exist.
    """
    with open(tables / "exponents.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name.replace("_", " ") for name in _EXPONENTS]
    header = ["run", "steps from", "to", "stride", "regimes", *names]
    text = aligned([header, *(_cells(row) for row in rows)])
    drawn = sorted(path.as_posix() for path in figures.rglob("*.png"))
    return "\n".join(
        [
            "",
            f"Diffusion exponents of study '{study}' with their 95 % intervals:",
            "",
            *text,
            "",
            f"{_BENT}: the curve bends there, the exponent is its mean slope. "
            "Empty: an interval wider than 1; no crossover.",
            *_warnings(rows),
            "",
            "Tables:  " + "  ".join(sorted(path.as_posix() for path in tables.glob("*.csv"))),
            *(["Figures: " + "  ".join(drawn)] if drawn else []),
        ]
    )


def _cells(row: dict[str, str]) -> list[str]:
    if not row["window_start"]:
        diverged = row["diverged_at"]
        state = f"diverged at step {diverged}" if diverged else "no whole window"
        return [row["run"], state, *[""] * (3 + len(_EXPONENTS))]
    first = int(row["window_start"])
    if row.get("window_last"):
        last = int(row["window_last"])
    else:  # a table of an older sgdwalk has equal steps alone
        last = first + (int(row["window_length"]) - 1) * int(row["stride"])
    stride = row["stride"] or "unequal"
    values = [_value(row, name) for name in _EXPONENTS]
    # the paper counts steps from 1
    return [row["run"], str(first + 1), str(last + 1), stride, row["regimes"], *values]


def _value(row: dict[str, str], name: str) -> str:
    cells = (row[name], row[f"{name}_low"], row[f"{name}_high"])
    estimate = Estimate(*(float(cell) if cell else nan for cell in cells))
    cell = estimate_cell(estimate, 0 if name == "crossover_lag" else 2)
    bends = row.get(f"bends_{name.removeprefix('exponent_')}") == "yes"
    return f"{cell} {_BENT}" if bends else cell


def _warnings(rows: list[dict[str, str]]) -> list[str]:
    ragged = sorted({row["run"] for row in rows if row.get("warning")})
    said = "much of the squared gradient is that of ragged batches (`ragged_share`)"
    return [f"{run}: {said}" for run in ragged]
