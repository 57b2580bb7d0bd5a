"""A recording that is going on, on a terminal: how far it is, its loss, and how far it walks."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np

from sgdwalk.diffusion.msd import local_exponent, mean_squared_displacement
from sgdwalk.errors import InputError
from sgdwalk.files.table import aligned
from sgdwalk.recording.live import LiveRecording, SketchSoFar, WalkPart, WalkSoFar, walk_of_file
from sgdwalk.recording.recording_folder import state_line

_DAY = 86400.0
_LAGS_PER_DECADE = 3  # that are shown
_LOOKS = 30  # over which the speed is


def watch(path: Path, interval: float, once: bool) -> Iterator[str]:
    """Blocks of lines for a terminal, until the recording has ended.

    Args:
        path: the trajectory file that is to be written.
        interval: seconds between looks.
        once: whether to look once.

    Raises:
        InputError: for another interval, or where there is neither a recording nor a file.
    """
    if not 0 < interval <= _DAY:
        raise InputError(
            f"--interval: {interval}; allowed: more than 0 seconds, {_DAY:.0f} at most"
        )
    recording, speed, screen = LiveRecording(path), _Speed(), _Screen()
    seen = recording.look()
    watched = seen.there
    while seen.there:
        walk, ended = seen.walk, seen.holder is None
        steps = 0 if walk is None else walk.steps
        state = state_line(path, seen.holder, steps)
        fast = "" if ended else speed.after(steps)
        yield screen.put([state, f"step {steps}{fast}", *_walked(walk)], once or ended)
        if once or ended:
            return
        time.sleep(interval)
        seen = recording.look()
    if not path.exists():
        found = "the recording has ended without a file" if watched else "no recording, and no file"
        raise InputError(f"{path}: {found}; allowed: the path of a recorder")
    walk = walk_of_file(path)
    steps = 0 if walk is None else walk.steps
    yield screen.put([f"{path}: closed, a whole file", f"step {steps}", *_walked(walk)], True)


class _Speed:
    """Steps per second over the last looks."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque(maxlen=_LOOKS)

    def after(self, steps: int) -> str:
        """What to add to the number of steps; nothing at the first look."""
        now = time.monotonic()
        if self._seen and steps < self._seen[-1][1]:  # the walk went on at an earlier step
            self._seen.clear()
        self._seen.append((now, steps))
        since, before = self._seen[0]
        return f", {(steps - before) / (now - since):.2f} steps/s" if now > since else ""


class _Screen:
    """Blocks of lines: on a terminal each in place of the last one, else after it."""

    def __init__(self) -> None:
        self._rows = 0  # of the screen, that the last block takes

    def put(self, lines: list[str], last: bool) -> str:
        """What to print for a block.

        Args:
            lines: of it.
            last: whether no block comes after it, so that it may be higher than the screen.
        """
        before = self._rows
        if not sys.stdout.isatty():
            self._rows = len(lines)
            return "\n".join([*([""] if before else []), *lines])
        width, height = shutil.get_terminal_size()
        rows = [max(1, -(-len(line) // width)) for line in lines]
        while not last and sum(rows) >= height:
            rows.pop()
        self._rows = sum(rows)
        return (f"\x1b[{before}F\x1b[J" if before else "") + "\n".join(lines[: len(rows)])


def _walked(walk: WalkSoFar | None) -> Iterator[str]:
    if walk is None:
        return
    if len(walk.losses):
        many = f"mean of the last {len(walk.losses)}"
        yield f"loss {walk.losses[-1]:.4g}, {many} {walk.losses.mean():.4g}"
    else:
        yield "no loss was told"
    if walk.sketch is not None:
        yield from _sketched(walk.sketch)
    if not walk.parts:
        yield "no window is closed yet" if walk.sketch is None else "too few positions for an MSD"
    tables = [_displacements(part) for part in walk.parts]
    for i in range(0, len(tables), 2):  # two beside each other
        width = max(map(len, tables[i])) + 4
        yield ""
        for row in zip_longest(*tables[i : i + 2], fillvalue=""):
            yield "".join(cell.ljust(width) for cell in row).rstrip()


def _sketched(sketch: SketchSoFar) -> Iterator[str]:
    far = "not known" if math.isnan(sketch.distance) else f"{sketch.distance:.4g}"
    yield f"distance from the start {far}"
    error = "no error" if sketch.exact else f"an error of {100 * (2 / sketch.k) ** 0.5:.1f} %"
    yield f"MSD from a sketch of {sketch.k} numbers: one squared distance has {error}"
    if sketch.unbroken:
        at = sketch.unbroken + 1
        yield f"the walk is broken before step {at}: MSD of what comes after"


def _displacements(part: WalkPart) -> list[str]:
    """A table of the MSD at a few lags."""
    apart = "every step" if part.stride == 1 else f"every {part.stride} steps"
    title = f"steps {part.start + 1}-{part.stop + 1}, {apart}"  # counted from 1, as on axes
    try:
        lags, msd = mean_squared_displacement(part.gram, part.stride)
        at, exponents = local_exponent(lags, msd)
    except InputError as error:
        return [title, str(error)]
    decades = np.log10(at / at[0])
    wanted = np.arange(0, decades[-1] + 0.5 / _LAGS_PER_DECADE, 1 / _LAGS_PER_DECADE)
    chosen = np.unique(np.abs(decades - wanted[:, None]).argmin(axis=1))
    rows = [
        [f"{at[i]:.0f}", f"{msd[round(at[i] / part.stride) - 1]:.3e}", f"{exponents[i]:.2f}"]
        for i in chosen
    ]
    return [title, *aligned([["lag", "MSD", "exponent"], *rows])]
