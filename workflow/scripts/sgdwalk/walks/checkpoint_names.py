"""Which files are the checkpoints of a walk, and of which steps: by their names alone.

This is what a study needs before any job; it opens no checkpoint.
"""

from __future__ import annotations

import csv
import glob
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sgdwalk.errors import InputError

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".npz")
INDEX = ".index.json"
_PREFERRED = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".npz")  # of one folder
_NAMES = ("model", "pytorch_model", "adapter_model")
# What lies beside a model: states of what trained it.
_NO_MODEL = re.compile(
    r"(optim|optimizer|sched|scheduler|scaler|rng_state|random_states?|training_args|trainer_state)"
    r"([-._]\d+)*"
)
_SHARD = re.compile(r"(.*?)[-._]?\d{4,}-of-\d{4,}")
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
            its column `file`. None: the last number in the name of the file, or of the folder
            where it holds several or no file has a number.

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
    folders: dict[Path, set[str]] = {}
    for path in sorted(matches, key=lambda path: _natural(str(path))):
        if path.is_dir():
            files = _model_files(path)
            if files:
                found[str(path)] = tuple(map(str, files))
        elif path.name.endswith(INDEX):
            folders.setdefault(path.parent, set()).add(Path(path.name.removesuffix(INDEX)).stem)
        elif _is_model(path):
            shard = _SHARD.fullmatch(path.stem)
            if shard:
                folders.setdefault(path.parent, set()).add(shard[1])
            else:
                found[str(path)] = (str(path),)
    for folder, beginnings in folders.items():
        found |= _sharded(folder, beginnings)
    return found


def _sharded(folder: Path, beginnings: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The shards of a folder: of one position, or of several whose names begin differently."""
    whole = _model_files(folder)
    if whole:
        return {str(folder): tuple(map(str, whole))}
    found = {}
    for beginning in beginnings:
        files = [file for same in _shards(folder).values() for file in same.get(beginning, [])]
        indices = sorted(folder.glob(f"{glob.escape(beginning)}.*{INDEX}"))
        if files:
            found[str(folder / beginning)] = tuple(map(str, [*indices[:1], *files]))
    return found


def _model_files(folder: Path) -> list[Path]:
    """The model in the folder of one checkpoint: one file, or shards after their index; or none."""
    for suffix, shards in _shards(folder).items():
        indices = {b: folder / f"{b}{suffix}{INDEX}" for b in shards}
        indexed = [b for b, index in indices.items() if index.is_file()]
        if len(indexed) == 1:
            return [indices[indexed[0]], *shards[indexed[0]]]
        if len(shards) > 1:
            return []
        alone = [p for p in folder.iterdir() if _is_model(p) and p.suffix == suffix]
        alone = [path for path in alone if not _SHARD.fullmatch(path.stem)]
        if shards and not alone:
            return next(iter(shards.values()))
        if len(alone) > 1:
            alone = [path for path in alone if path.stem in _NAMES]
        if len(alone) == 1:
            return alone
    return []


def _shards(folder: Path) -> dict[str, dict[str, list[Path]]]:
    """Shards of a folder by how their names end and begin; of the endings that are there."""
    files = sorted((p for p in folder.iterdir() if _is_model(p)), key=lambda p: _natural(p.name))
    found: dict[str, dict[str, list[Path]]] = {}
    for suffix in _PREFERRED:
        for path in files:
            if path.suffix == suffix:
                of_suffix = found.setdefault(suffix, {})
                shard = _SHARD.fullmatch(path.stem)
                if shard:
                    of_suffix.setdefault(shard[1], []).append(path)
    return found


def _is_model(path: Path) -> bool:
    return path.suffix in SUFFIXES and not _NO_MODEL.fullmatch(path.stem) and path.is_file()


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that puts `step9` before `step10`."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


def _steps(names: Sequence[str], steps: Sequence[int] | str | None) -> list[int]:
    if steps is None:
        return _last_numbers(names)
    if not isinstance(steps, str):
        if len(steps) != len(names):
            raise InputError(
                f"steps: {len(steps)} of them for {len(names)} checkpoints; allowed: one for each"
            )
        return [_whole(step) for step in steps]
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


def _whole(step: int) -> int:
    try:
        return operator.index(step)
    except TypeError:
        raise InputError(f"steps: {step!r}; allowed: whole numbers") from None


def _last_numbers(names: Sequence[str]) -> list[int]:
    """Of files; of their folders if no file has any, as in step1000/model.safetensors."""
    paths = [Path(name) for name in names]
    own = [path.stem if path.suffix in SUFFIXES else path.name for path in paths]
    if not any(re.search(r"\d", said) for said in own):
        own = [path.parent.name for path in paths]
    found = []
    for name, said in zip(names, own, strict=True):
        numbers = re.findall(r"\d+", said)
        if not numbers:
            raise InputError(
                f"steps: no number in the name of {name}; allowed: one, or steps that are given"
            )
        found.append(int(numbers[-1]))
    return found


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


def _row_of(
    name: str, rows: Mapping[tuple[str, ...], dict[str, str]], path: Path
) -> dict[str, str]:
    """The row whose file is a path, or the end of it; of several the longest end."""
    parts = Path(name).parts
    for first in range(len(parts)):
        if parts[first:] in rows:
            return rows[parts[first:]]
    raise InputError(f"steps: {path} has no row of {name}; allowed: one for each")


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
        by_file = {Path(row["file"] or "").parts: row for row in rows}
        rows = [_row_of(name, by_file, path) for name in names]
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
