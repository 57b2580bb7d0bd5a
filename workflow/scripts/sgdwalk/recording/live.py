"""A recording that is going on, read from its files: what is new, and no more than that.

The files are only read, and the folder's lock is only asked about: the recorder does not notice.
Rows that may be half written are not read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.files import hdf5
from sgdwalk.recording.recording_folder import holder_of, parts_folder
from sgdwalk.recording.row_streams import read_header, row_bytes
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.trajectory_writer import Layout
from sgdwalk.recording.window_families import family_key, family_of

MOST = 1000  # positions of a part of a walk from its sketch, at most
LOSSES = 100  # that are shown, at most
_CHUNK = 2**22  # bytes of rows that are read at a time


@dataclass(frozen=True)
class WalkPart:
    """T positions of a walk, known by the Gram matrix of their increments.

    Attributes:
        start: steps taken before the first position.
        stride: steps between them.
        gram: (T-1, T-1) float64 inner products of increments.
    """

    start: int
    stride: int
    gram: np.ndarray

    @property
    def stop(self) -> int:
        """Steps taken before the last position."""
        return self.start + len(self.gram) * self.stride


@dataclass(frozen=True)
class SketchSoFar:
    """What the sketch of a walk adds to what is known of it.

    Attributes:
        k: numbers that are kept of every increment.
        exact: whether inner products are those of the walk.
        distance: exact distance of the last position from the first.
        unbroken: step of the first position of the walk that is shown; more than 0 where it is not
            known how it came there.
    """

    k: int
    exact: bool
    distance: float
    unbroken: int


@dataclass(frozen=True)
class WalkSoFar:
    """What is known of a walk.

    Attributes:
        steps: recorded, one or more.
        losses: (n,) of the last `LOSSES` steps, those that were told.
        parts: with a sketch, the last positions, and some of the whole walk if these are not all;
            without, the last closed window of each family.
        sketch: None without one.
    """

    steps: int
    losses: np.ndarray
    parts: list[WalkPart]
    sketch: SketchSoFar | None = None


@dataclass(frozen=True)
class Sighting:
    """A recording as it was found.

    Attributes:
        there: whether it was; one that ends is gone, and a whole file instead.
        holder: who records it; None if nobody does any more.
        walk: None before the first step.
    """

    there: bool
    holder: str | None
    walk: WalkSoFar | None


class LiveRecording:
    """Follows a recording: every look reads what has been written since the last one.

    Args:
        path: the trajectory file that it is to be.
    """

    def __init__(self, path: Path):
        self._folder = parts_folder(path)
        self._files: _Files | None = None
        self._layout: tuple[int, int] | None = None  # which recording they are of
        self._holder: str | None = None

    def look(self) -> Sighting:
        """The recording as it is now."""
        while True:
            holder, layout = holder_of(self._folder), self._identity()
            if layout is None:  # one that was seen has ended, even if its lock is still held
                return Sighting(holder is not None and self._files is None, holder, None)
            try:
                walk = self._read(holder, layout)
            except FileNotFoundError:
                continue
            if layout == self._identity():  # else what was read may be of two recordings
                return Sighting(True, holder, walk)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = (self._folder / "recording.json").stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _read(self, holder: str | None, layout: tuple[int, int]) -> WalkSoFar | None:
        # another recorder may have gone back to an earlier step
        another = holder is not None and holder != self._holder
        if self._files is None or layout != self._layout or another:
            self._files, self._layout, self._holder = _Files(self._folder), layout, holder
        return self._files.read()


def walk_of_file(path: Path) -> WalkSoFar | None:
    """The same of a whole file; None if it is of no step.

    Raises:
        InputError: as `Trajectory`.
    """
    trajectory = Trajectory(path)
    if not trajectory.steps:
        return None
    losses = trajectory.loss[-LOSSES:]
    if trajectory.diverged_at is None:  # nan is a loss that was not told
        losses = losses[~np.isnan(losses)]
    with hdf5.opened(path, "trajectory", checked=True) as file:
        if "sketch" not in file:
            return WalkSoFar(trajectory.steps, losses, _last_windows(file["windows"]))
        increments = file["sketch/increments"]
        seen = _Increments(increments.shape[1], increments.dtype)
        last = trajectory.steps - 1  # not that after the last step
        at_a_time = max(1, _CHUNK // (seen.k * increments.dtype.itemsize))
        while seen.count < last:
            seen.add(increments[seen.count : min(seen.count + at_a_time, last)])
        distance = float(file["sketch/distance_from_start"][last])
    exact = trajectory.parameters <= seen.k
    sketch = SketchSoFar(seen.k, exact, distance, seen.unbroken)
    return WalkSoFar(trajectory.steps, losses, seen.parts(), sketch)


def _last_windows(windows: h5py.Group) -> list[WalkPart]:
    """The last whole window of each family; the last shorter one where there is none."""
    found: dict[tuple[int, int], h5py.Group] = {}
    for key in sorted(windows, reverse=True):
        family = length, _ = family_of(key)
        if family not in found or found[family].attrs["length"] < length:
            whole = windows[key].attrs["length"] == length
            if whole or family not in found:
                found[family] = windows[key]
    parts = [
        WalkPart(int(g.attrs["start"]), int(g.attrs["stride"]), g["gram"][()])
        for g in found.values()
    ]
    return sorted(parts, key=_order)


def _order(part: WalkPart) -> tuple[int, int]:
    return part.stride, len(part.gram)


class _Files:
    """The streams of a recording, and how far they were read."""

    def __init__(self, folder: Path):
        self._folder = folder
        told = folder / "recording.json"
        try:
            self._layout = Layout.of(json.loads(told.read_text()))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{told}: not readable ({error!r})") from error
        self._begin()

    def _begin(self) -> None:
        folder, layout = self._folder, self._layout
        self._seen = 0
        self._steps = _Rows(folder, "steps")
        self._increments = _Increments(layout.sketch, np.dtype(layout.dtype))
        self._windows = [_Windows(folder, *family) for family in layout.families]

    def read(self) -> WalkSoFar | None:
        steps = self._steps.count()
        if steps < self._seen:  # it was cut
            self._begin()
        self._seen = steps
        last = self._steps.read(max(0, steps - LOSSES), steps)
        if not len(last):
            return None
        losses = last["loss"][last["told"] != 0]
        if not self._layout.sketch:
            parts = [window.read() for window in self._windows]
            shown = sorted((part for part in parts if part is not None), key=_order)
            return WalkSoFar(steps, losses, shown)
        seen, at_a_time = self._increments, max(1, _CHUNK // last.itemsize)
        while seen.count < steps - 1:
            first = seen.count + 1  # a row has what leads to its position; nothing to the first
            rows = self._steps.read(first, min(first + at_a_time, steps))
            if not len(rows):
                break
            seen.add(rows["sketch"])
        exact = sum(size for _, size in self._layout.layers) <= seen.k
        sketch = SketchSoFar(seen.k, exact, float(last["moved"][-1, 0, 1]), seen.unbroken)
        return WalkSoFar(steps, losses, seen.parts(), sketch)


class _Rows:
    """A stream of rows that another process may be writing."""

    def __init__(self, folder: Path, name: str):
        self._path = folder / f"{name}.rows"
        self._told: tuple[int, tuple[int, ...], np.dtype] | None = None  # by its header

    def count(self) -> int:
        """Whole rows there are; 0 if it is not there yet."""
        try:
            if self._told is None:
                self._told = read_header(self._path)
            size = self._path.stat().st_size
        except (FileNotFoundError, ValueError):  # or its header is not whole yet
            return 0
        header, shape, dtype = self._told
        return max(0, size - header) // row_bytes(shape, dtype)

    def read(self, first: int, stop: int) -> np.ndarray:
        """Rows from one to before another, or fewer if there are fewer."""
        stop = min(stop, self.count())
        if first >= stop or self._told is None:
            return np.zeros(0)
        header, shape, dtype = self._told
        size = row_bytes(shape, dtype)
        with open(self._path, "rb") as file:
            file.seek(header + first * size)
            data = file.read((stop - first) * size)
        return np.frombuffer(data[: len(data) // size * size], dtype).reshape(-1, *shape)


class _Windows:
    """The closed windows of a family, of which the last is kept."""

    def __init__(self, folder: Path, length: int, stride: int):
        family = family_key(length, stride)
        self._length, self._stride = length, stride
        self._closed = _Rows(folder, f"closed-{family}")
        self._gram = _Rows(folder, f"gram-{family}")
        self._count = self._numbers = 0  # of windows, and of their Gram matrices
        self._last: WalkPart | None = None
        self._whole = False  # whether that is as long as its family's

    def read(self) -> WalkPart | None:
        """The last whole one; the last shorter one where there is none, None if none is closed."""
        shown = None
        for start, positions, *_ in self._closed.read(self._count, self._closed.count()).tolist():
            if positions == self._length or not self._whole:
                shown = start, positions - 1, self._numbers
                self._whole = positions == self._length
            self._count, self._numbers = self._count + 1, self._numbers + (positions - 1) ** 2
        if shown is not None:
            start, n, first = shown
            numbers = self._gram.read(first, first + n**2)
            if len(numbers) == n**2:  # else it was cut meanwhile
                self._last = WalkPart(start, self._stride, numbers.reshape(n, n))
        return self._last


class _Increments:
    """The sketch of a walk, as far as it was read: its end, and some positions of all of it.

    Attributes:
        k: numbers of an increment.
        count: increments read.
        unbroken: step of the first position after the last increment that is not known.
    """

    def __init__(self, k: int, dtype: np.dtype):
        self.k, self._dtype = k, dtype
        self.count = 0
        self._begin()

    def _begin(self) -> None:
        self.unbroken = self.count
        self._last = np.zeros((0, self.k), self._dtype)
        self._some = _Strided(self.k)

    def add(self, rows: np.ndarray) -> None:
        """Add the next (n, k) increments."""
        unknown = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(unknown):
            known = int(unknown[-1]) + 1
            self.count += known
            self._begin()
            rows = rows[known:]
        self.count += len(rows)
        self._last = np.concatenate([self._last, rows[1 - MOST :]])[1 - MOST :].copy()
        self._some.add(rows)

    def parts(self) -> list[WalkPart]:
        """The last positions, and if these are not all, some of the whole walk; from 3 on."""
        found = [WalkPart(self.count - len(self._last), 1, _gram(self._last))]
        if self._some.stride > 1:
            found.append(WalkPart(self.unbroken, self._some.stride, _gram(self._some.increments)))
        return [part for part in found if len(part.gram) > 1]


class _Strided:
    """Increments between positions so many steps apart that there are at most `MOST` of these.

    Attributes:
        stride: steps between them, doubled when there are too many.
    """

    def __init__(self, k: int):
        self.stride = 1
        self._rows = np.zeros((MOST - 2, k))  # an even number
        self._count = 0
        self._next, self._steps = np.zeros(k), 0  # the part of the next one that was walked

    @property
    def increments(self) -> np.ndarray:
        """(n, k) float64."""
        return self._rows[: self._count]

    def add(self, rows: np.ndarray) -> None:
        """Add (n, k) increments of one step each."""
        first = 0
        while first < len(rows):
            part = rows[first : first + self.stride - self._steps]
            first += len(part)
            self._next += part.sum(axis=0, dtype=np.float64)
            self._steps += len(part)
            if self._steps < self.stride:
                return
            if self._count == len(self._rows):
                self._halve()
            else:
                self._rows[self._count] = self._next
                self._count += 1
                self._next[:], self._steps = 0.0, 0

    def _halve(self) -> None:
        self.stride, self._count = 2 * self.stride, self._count // 2
        self._rows[: self._count] = self._rows[::2] + self._rows[1::2]


def _gram(increments: np.ndarray) -> np.ndarray:
    values = increments.astype(np.float64)
    return values @ values.T
