"""Which files are the checkpoints of a walk, and of which steps: by their names alone.

This is what a study needs before any job; it opens no checkpoint.
"""

from __future__ import annotations

import csv
import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sgdwalk.errors import InputError

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".npz")
INDEX = ".index.json"
# What a folder of a checkpoint may hold beside the model: states of what trained it.
_NO_MODEL = re.compile(r"^(optim|sched|scaler|rng|random|training_args|trainer|state_dict_ema)")
_SHARD = re.compile(r"\d{2,}-of-\d{2,}|shard|rank", re.I)
_UNITS = {"": 1, "k": 1000, "m": 1_000_000}
_ALLOWED = f"files ending in {', '.join(SUFFIXES)}, or folders with one of these or with shards"


@dataclass(frozen=True)
class Checkpoint:
    """The files of one position of a walk.

    Attributes:
        step: optimizer steps taken before it.
        paths: one file; or the shards of one, their index first if there is one.
    """

    step: int
    paths: tuple[str, ...]


def checkpoint_series(
    patterns: str | Sequence[str], steps: Sequence[int] | str | None = None
) -> list[Checkpoint]:
    """Checkpoints in the order of their steps.

    Args:
        patterns: one or more patterns of paths, of files or of folders; `**` is any folders.
        steps: a list in the order of the names, numbers in these compared as numbers; a regular
            expression on the path, whose first group, or all of it, is the step; or a CSV file with
            a column `step`, another after a colon (`file.csv:iteration`), in that order too or by
            its column `file`. None: the last number in the name of the file, or of the folder that
            holds several.

    Raises:
        InputError: one line if no file matches, steps cannot be told or are not different, or
            there are fewer than two.
    """
    given = [patterns] if isinstance(patterns, str) else list(patterns)
    found = _positions(given)
    names = sorted(found, key=_natural)
    numbers = _steps(names, steps)
    seen: dict[int, str] = {}
    for name, step in zip(names, numbers, strict=True):
        if step < 0:
            raise InputError(f"steps: {step}, of {name}; allowed: 0 or more")
        if step in seen:
            raise InputError(
                f"steps: {seen[step]} and {name} are both of step {step}; allowed: one of each, "
                "or steps that are given"
            )
        seen[step] = name
    if len(seen) < 2:
        raise InputError(f"checkpoints: {names[0]} alone matches; allowed: two checkpoints or more")
    return [Checkpoint(step, found[seen[step]]) for step in sorted(seen)]


def _positions(patterns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Files of each position, by the file or the folder that its step is said by."""
    found: dict[str, tuple[str, ...]] = {}
    for pattern in patterns:
        matches = [Path(path) for path in glob.glob(str(pattern), recursive=True)]
        if len(matches) == 1 and matches[0].is_dir() and not _model_files(matches[0]):
            matches = list(matches[0].iterdir())  # a folder of checkpoints
        here = _of_matches(matches)
        if not here:
            raise InputError(f"checkpoints: nothing matches {str(pattern)!r}; allowed: {_ALLOWED}")
        found |= here
    return found


def _of_matches(matches: Iterable[Path]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    shards: dict[Path, list[Path]] = {}
    for path in sorted(matches, key=lambda path: _natural(str(path))):
        if path.is_dir():
            files = _model_files(path)
            if files:
                found[str(path)] = tuple(map(str, files))
        elif path.name.endswith(INDEX) or (_is_model(path) and _SHARD.search(path.stem)):
            shards.setdefault(path.parent, []).append(path)
        elif _is_model(path):
            found[str(path)] = (str(path),)
    for folder in shards:
        found[str(folder)] = tuple(map(str, _model_files(folder)))
    return found


def _model_files(folder: Path) -> list[Path]:
    """The model in the folder of one checkpoint: one file, or shards after their index; or none."""
    indices = sorted(folder.glob(f"*{INDEX}"))
    files = sorted((p for p in folder.iterdir() if _is_model(p)), key=lambda p: _natural(p.name))
    for suffix in (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".npz"):
        same = [path for path in files if path.suffix == suffix]
        index = [path for path in indices if path.name.endswith(f"{suffix}{INDEX}")]
        sharded = [path for path in same if _SHARD.search(path.stem)]
        if index and sharded:
            return [*index[:1], *sharded]
        if len(same) == 1 or (same and sharded == same):
            return same
        named = [path for path in same if path.stem in ("model", "pytorch_model", "adapter_model")]
        if named:
            return named[:1]
    return []


def _is_model(path: Path) -> bool:
    return path.suffix in SUFFIXES and not _NO_MODEL.match(path.name) and path.is_file()


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that puts `step9` before `step10`."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


def _steps(names: Sequence[str], steps: Sequence[int] | str | None) -> list[int]:
    if steps is None:
        return [_last_number(name) for name in names]
    if not isinstance(steps, str):
        if len(steps) != len(names):
            raise InputError(
                f"steps: {len(steps)} of them for {len(names)} checkpoints; allowed: one for each"
            )
        return [int(step) for step in steps]
    path, _, column = steps.partition(":")
    if path.endswith(".csv"):
        return _of_table(names, Path(path), column or "step")
    try:
        expression = re.compile(steps)
    except re.error as error:
        raise InputError(
            f"steps: {steps!r} is no regular expression ({error}); allowed: one, a list of "
            "steps, or a CSV file"
        ) from None
    return [_matched(expression, name) for name in names]


def _last_number(name: str) -> int:
    path = Path(name)
    numbers = re.findall(r"\d+", path.name if path.is_dir() else path.stem)
    if not numbers:
        raise InputError(
            f"steps: no number in the name of {name}; allowed: one, or steps that are given"
        )
    return int(numbers[-1])


def _matched(expression: re.Pattern[str], name: str) -> int:
    match = expression.search(name)
    said = match and (match.group(1) if expression.groups else match.group())
    number = re.fullmatch(r"(\d[\d_]*)([kKmM]?)", said or "")
    if not number:
        what = f"{said!r} in" if said else "nothing in"
        raise InputError(
            f"steps: {expression.pattern!r} finds {what} {name}; allowed: a number, as 1000 or 143k"
        )
    return int(number[1]) * _UNITS[number[2].lower()]


def _of_table(names: Sequence[str], path: Path, column: str) -> list[int]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"steps: {path} cannot be read ({error})") from None
    if rows and column not in rows[0]:
        raise InputError(
            f"steps: {path} has no column {column!r}; it has {', '.join(map(str, rows[0]))}"
        )
    if rows and "file" in rows[0]:
        by_file = {Path(row["file"]).name: row for row in rows}
        lacking = [name for name in names if Path(name).name not in by_file]
        if lacking:
            raise InputError(f"steps: {path} has no row of {lacking[0]}; allowed: one for each")
        rows = [by_file[Path(name).name] for name in names]
    if len(rows) != len(names):
        raise InputError(
            f"steps: {len(rows)} rows of {path} for {len(names)} checkpoints; allowed: one for each"
        )
    found = []
    for row in rows:
        try:
            found.append(int(row[column]))
        except (TypeError, ValueError):
            raise InputError(
                f"steps: {row[column]!r} in column {column!r} of {path}; allowed: whole numbers"
            ) from None
    return found
