"""Exponents that the paper read off its plots by hand, one superdiffusive and one subdiffusive."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

DATA_FILES = ("published_exponents.csv",)


@dataclass(frozen=True)
class Published:
    """One row of Chen, Qu and Gong (arXiv 2009.10588), figures S3 and S4; CIFAR-10.

    Attributes:
        model: network, by our names.
        depth: its number of layers with weights.
        shortcut: whether it has shortcuts; None where the paper does not say.
        batch_size: samples per step; None where the paper does not say.
        learning_rate: of plain SGD.
        values: ``exponent_max``, ``exponent_long`` and, where given, ``crossover_lag`` in steps.
    """

    model: str
    depth: int
    shortcut: bool | None
    batch_size: int | None
    learning_rate: float
    values: dict[str, float]


def published_exponents() -> list[Published]:
    """All published values, in the paper's order."""
    with open(Path(__file__).with_name(DATA_FILES[0]), newline="", encoding="utf-8") as file:
        return [_row(row) for row in csv.DictReader(file)]


def _row(row: dict[str, str]) -> Published:
    values = {
        "exponent_max": float(row["exponent_short"]),
        "exponent_long": float(row["exponent_long"]),
    }
    if row["crossover_lag"]:
        values["crossover_lag"] = float(row["crossover_lag"])
    return Published(
        row["model"],
        int(row["depth"]),
        {"true": True, "false": False}.get(row["shortcut"]),
        int(row["batch_size"]) if row["batch_size"] else None,
        float(row["learning_rate"]),
        values,
    )
