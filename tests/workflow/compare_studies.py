"""Whether two finished studies hold the same numbers, bit for bit, wherever these now lie.

python tests/workflow/compare_studies.py OLD NEW      (folders of studies, such as results/digits)

Every dataset and attribute of every HDF5 file of OLD, every tensor of its checkpoints and every
column of its tables must have its place in NEW, given by the tables below or else its own; one
without a place is a difference, and so is a value that is not the same. Where a study comes from
(origins, versions, times) is not compared, nor are figures and logs.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import torch

# New place of what has moved: patterns of "file: dataset", "file: group@attribute" or "file:
# column", and what they become.
MOVED = [
    (r"^(tables/walker\.csv): landscape$", r"\1: terrain"),
    (r"^(.*diffusion\.h5: windows/\d+)@(\w+)$", r"\1/\2"),
    (r"^(.*diffusion\.h5: windows/\d+)/segments$", r"\1/regimes"),
    (r"^(.*\.h5): @diverged_at$", r"\1: diverged_at"),
    (r"^(.*geometry\.h5): moving_variance@window$", r"\1: moving_window"),
    (r"^(.*)/gradients\.h5: loss/moving_variance$", r"\1/geometry.h5: moving_variance"),
    (r"^(.*/gradients\.h5): loss/absolute_increment$", r"\1: absolute_increment"),
    (r"^(.*)/gradients\.h5: @moving_window$", r"\1/geometry.h5: moving_window"),
    (r"^(runs/[^/]+/hessian(?:/\d+)?\.h5): @(step|parameters|samples)$", r"\1: \2"),
    (r"^(.*/landscape\.h5: planes/[^/]+/missing)$", r"\1/values"),
    (r"^(.*/landscape_tile/[^/]+\.h5: plane/missing)$", r"\1/values"),
    (r"^(.*/landscape.*: .*(?:lines|interpolations)/\d+/missing)$", r"\1/values"),
    (r"^(.*/landscape.*: .*roughness/\d+/missing)$", r"\1/random"),
    (r"^(walker/[^/]+\.h5): @(held_share|frozen_share)$", r"\1: \2"),
    (r"^(walker/[^/]+\.h5: stages/.*)/segments$", r"\1/regimes"),
    (r"^(.*geometry\.h5: windows/\d+/modes)/share$", r"\1/shares/centred"),
    (r"^(.*geometry\.h5: windows/\d+/modes)/brownian$", r"\1/brownian/centred"),
]
# What there is no more, each with the value that it had and the reason; any value where it is None.
DROPPED: list[tuple[str, object, str]] = [
    (
        r"geometry\.h5: windows/\d+/(avalanches/independent_mean_duration|path/shuffled_\w+"
        r"|shuffled_(excursions|exponents|homology)/.*|(distance|contour)/quadratic/.*)$",
        None,
        "nulls are surrogates of the window, losses on smooth landscapes, and losses in any order",
    ),
    (
        r"geometry\.h5: windows/\d+/(modes/(share_(low|high)|brownian_error)|homology/.*"
        r"|exponents/.*)$",
        None,
        "one window has no interval of these; its nulls have",
    ),
    (
        r"tables/geometry\.csv: (walk_\w+|first_component_share\w*|homology_dimension\w*"
        r"|\w+_null)$",
        None,
        "nulls are surrogates, and exponents of jumps, memory and ageing are of seeds",
    ),
    (r"\.h5: @diverged_at$", -1, "a run that did not diverge has no such step"),
    (r"/hessian(/\d+)?\.h5: @status$", None, "missing says why there is no Hessian"),
    (
        r"diffusion\.h5: windows/\d+/(shorter|shuffled_(low|high))$",
        None,
        "one shorter fit, `quarter`; the random order has no band",
    ),
    (
        r"(diffusion\.h5: windows/\d+|walker/.*\.h5: stages/.*)[/@]"
        r"(segments|regimes|fitted|effective_dimension|crossover_lag|exponent_\w+)$",
        None,
        "exponents are slopes of their own segments",
    ),
    (
        r"tables/(exponents|walker)\.csv: "
        r"(regimes|effective_dimension|(crossover_lag|exponent_\w+))",
        None,
        "exponents are slopes of their own segments",
    ),
    (
        r"walker/.*\.h5: (roughness/(hurst|walkers)|ground/roughness\w*)$",
        None,
        "exponents are of distances that the grid resolves, and at which there is a power law",
    ),
    (
        r"tables/walker\.csv: (roughness_(measured|before_floor)|hurst_walks(_low|_high)?)$",
        None,
        "the same",
    ),
    (
        r"landscape\.h5: .*/roughness/(fits|second_fit)$",
        None,
        "lags at which rounding of the losses counts are left out",
    ),
]
# What is computed otherwise, by how much it may differ, relative, and why.
CHANGED = [
    (
        r"geometry\.h5: .*/path/shuffled_(msd|dimension)$",
        1e-14,
        "the mean over all orders is one formula for geometry and diffusion",
    ),
    (
        r"^ensembles/.*/exponents/\w+$",
        1e-14,
        "the mean over seeds is the one of all other numbers",
    ),
]
_ORIGIN = ("origin", "format_version")
_VERSIONS = ("versions", "mixed_versions")


def values(study: Path) -> Iterator[tuple[str, object]]:
    """Every number and text of a study with its place."""
    for path in sorted(study.rglob("*")):
        name = path.relative_to(study).as_posix()
        if path.is_symlink() or any(part.startswith(".") for part in Path(name).parts):
            continue
        if path.suffix == ".h5":
            yield from _of_hdf5(name, path)
        elif path.suffix == ".csv":
            yield from _of_table(name, path)
        elif path.suffix == ".pt":
            content = torch.load(path, weights_only=True)["content"]
            yield from ((f"{name}: {key}", value) for key, value in _flat("", content))
        elif path.suffix == ".vtk":
            yield f"{name}: bytes", path.read_bytes()


def _of_hdf5(name: str, path: Path) -> Iterator[tuple[str, object]]:
    found: list[tuple[str, object]] = []

    def visit(inner: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found.append((f"{name}: {inner}", item[()]))
        found.extend(
            (f"{name}: {inner}@{key}", value)
            for key, value in item.attrs.items()
            if key not in ("meaning", "unit")
        )

    with h5py.File(path) as file:
        file.visititems(visit)
        found.extend((f"{name}: @{k}", v) for k, v in file.attrs.items() if k not in _ORIGIN)
    yield from found


def _of_table(name: str, path: Path) -> Iterator[tuple[str, object]]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("whole_run") != "yes"]
    for column in rows[0] if rows else []:
        if column not in _VERSIONS:
            yield f"{name}: {column}", [row[column] for row in rows]


def _flat(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{path}/{key}", inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _flat(f"{path}/{number}", inner)
    else:
        yield path, value


def new_place(old: str) -> str:
    """Where a value lies now."""
    if old.startswith("runs/") and "trajectory.h5" in old:
        return old.replace("/layer_grams", "/group_grams")  # of format 1, as ever
    for pattern, place in MOVED:
        old = re.sub(pattern, place, old)
    return old


def same(one: object, other: object) -> bool:
    """Bit for bit; nan equals nan."""
    if isinstance(one, torch.Tensor):
        one, other = one.numpy(), other.numpy() if isinstance(other, torch.Tensor) else other
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))


def differences(old: Path, new: Path) -> tuple[list[str], int]:
    """Lines about all that is not the same, and how many values were compared."""
    found = dict(values(new))
    lines, count = [], 0
    for place, value in values(old):
        if any(
            re.search(pattern, place) and (was is None or same(was, value))
            for pattern, was, _ in DROPPED
        ):
            continue
        count += 1
        now = new_place(place)
        if now not in found:
            lines.append(f"{place}: has no place any more")
        elif not same(value, found[now]) and not _explained(place, value, found[now]):
            lines.append(f"{place}: differs")
    return lines, count


def _explained(place: str, value: object, now: object) -> bool:
    tolerance = next((most for pattern, most, _ in CHANGED if re.search(pattern, place)), None)
    return tolerance is not None and bool(np.allclose(value, now, tolerance, 0, equal_nan=True))


def main(old: str, new: str) -> int:
    """Print the differences; 1 if there are any, 2 if there was nothing to compare."""
    lines, count = differences(Path(old), Path(new))
    print("\n".join(lines[:200]))
    print(f"{count} values of {old} compared, {len(lines)} differ")
    return 2 if count == 0 else int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
