"""Results go into files and come back the same, and every field says what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import h5py
import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.files import hdf5, records
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.power_law import PowerLaw


@dataclass(frozen=True)
class Curve:
    x: Annotated[np.ndarray, "(n,) where", "step"]
    fit: Annotated[PowerLaw, "its power law"]


@dataclass(frozen=True)
class Piece:
    ROW: ClassVar[str] = "slope with its ends, first lag"

    slope: Estimate
    first: int


@dataclass(frozen=True)
class Result:
    number: Annotated[float, "a number", "loss"]
    count: Annotated[int, "how many"]
    word: Annotated[str, "a word"]
    words: Annotated[tuple[str, ...], "words"]
    estimate: Annotated[Estimate, "an estimate", "step"]
    curve: Annotated[Curve, "a curve", records.Unit(x="parameter")]
    other: Curve | None
    curves: dict[str, Curve]
    numbered: tuple[Curve, ...]
    pieces: Annotated[tuple[Piece, ...], "pieces", "1; step"]
    arrays: Annotated[dict[str, np.ndarray], "arrays by name", "loss"]
    at: Annotated[int | None, "when, if at all", "step"]
    missing: Annotated[dict[str, str], "why this part could not be had"]
    origin: dict[str, str] = field(default_factory=dict)


LAW = PowerLaw(Estimate(0.5, 0.4, 0.6), 2.0, 1.0, 10.0, 7)


def curve(n):
    return Curve(np.arange(float(n)), LAW)


def result(**changed):
    values = {
        "number": 1.5,
        "count": 3,
        "word": "é, and more",
        "words": ("one", "two"),
        "estimate": Estimate(1.0, 0.5, np.nan),
        "curve": curve(3),
        "other": None,
        "curves": {"a": curve(2), "b": curve(4)},
        "numbered": (curve(1), curve(2)),
        "pieces": (Piece(Estimate(1.0, 0.9, 1.1), 4), Piece(Estimate(2.0, 1.9, 2.1), 8)),
        "arrays": {"x": np.eye(2), "y": np.zeros(0)},
        "at": None,
        "missing": {"other": "it is too short"},
    }
    return Result(**{**values, **changed})


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(v, other[k]) for k, v in one.items())
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "__dataclass_fields__"):
        return all(same(getattr(one, f), getattr(other, f)) for f in one.__dataclass_fields__)
    return type(one) is type(other) and (one == other or (one != one and other != other))


@pytest.mark.parametrize("changed", [{}, {"other": curve(5), "at": 7}, {"pieces": (), "words": ()}])
def test_what_is_written_is_read(tmp_path, changed):
    path, written = tmp_path / "r.h5", result(**changed)
    records.write_file(path, "result", written, {"made": "here"})
    read = records.read_file(path, "result", Result)
    assert read.origin == {"made": "here"}
    for name in Result.__dataclass_fields__:
        if name != "origin":
            assert same(getattr(written, name), getattr(read, name)), name


def test_every_dataset_has_its_meaning_and_unit(tmp_path):
    path = tmp_path / "r.h5"
    records.write_file(path, "result", result(), {})
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: (item.attrs["meaning"], item.attrs["unit"])})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    assert found["number"] == ("a number", "loss")
    assert found["estimate"] == (f"an estimate: {Estimate.ROW}", "step")
    assert found["pieces"] == (f"pieces: {Piece.ROW}", "1; step")
    assert found["curve/x"] == ("(n,) where", "parameter")  # in another unit than by itself
    assert found["curves/a/x"] == ("(n,) where", "step")
    assert found["missing/other"] == ("why this part could not be had", "1")
    assert "at" not in found


def test_a_field_without_meaning_is_a_mistake_of_the_program(tmp_path):
    @dataclass(frozen=True)
    class Bare:
        x: float

    with (
        hdf5.create(tmp_path / "r.h5", "result") as file,
        pytest.raises(KeyError, match="no meaning is given"),
    ):
        records.write(file, Bare(1.0))


def test_a_field_that_is_not_there_is_one_line(tmp_path):
    path = tmp_path / "r.h5"
    with hdf5.create(path, "result") as file:
        records.write(file, result())
        del file["number"]
    with pytest.raises(InputError, match=r"not a readable result file .*no number"):
        records.read_file(path, "result", Result)


@dataclass(frozen=True)
class Line:
    name: Annotated[str, "a name"]
    step: Annotated[int | None, "a step", "step"]
    count: Annotated[int, "how many"]
    alpha: Annotated[Estimate, "a tail index"]
    ratio: Annotated[float, "a ratio"]


def test_rows_are_columns(tmp_path):
    rows = (Line("a", 3, 1, Estimate(1.5, 1.0, 2.0), np.nan), Line("", None, 2, Estimate(0.5), 0.1))
    with h5py.File(tmp_path / "t.h5", "w") as file:
        records.write_columns(file, rows, Line)
        assert list(file) == ["alpha", "alpha_high", "alpha_low", "count", "name", "ratio", "step"]
        assert file["count"].dtype == np.int64
        assert file["alpha_low"].attrs["meaning"] == "low end of a tail index"
        assert same(records.read_columns(file, Line), rows)
