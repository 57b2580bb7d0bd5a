"""What a finished study says to the person who ran it: the exponents, and where the figures are."""

from __future__ import annotations

import csv
from pathlib import Path

from sgdwalk.files.table import aligned

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
    drawn = sorted(path.as_posix() for path in figures.glob("*.png"))
    return "\n".join(
        [
            "",
            f"Diffusion exponents of study '{study}' with their 95 % intervals:",
            "",
            *text,
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
    first, stride = int(row["window_start"]), int(row["stride"])
    last = first + (int(row["window_length"]) - 1) * stride
    # the paper counts steps from 1
    values = [_value(row, name) for name in _EXPONENTS]
    return [row["run"], str(first + 1), str(last + 1), str(stride), row["regimes"], *values]


def _value(row: dict[str, str], name: str) -> str:
    if not row[name]:
        return "-"
    digits = 0 if name == "crossover_lag" else 2
    low, high = (
        f"{float(row[f'{name}_{end}']):.{digits}f}" if row[f"{name}_{end}"] else "?"
        for end in ("low", "high")
    )
    return f"{float(row[name]):.{digits}f} ({low} to {high})"
