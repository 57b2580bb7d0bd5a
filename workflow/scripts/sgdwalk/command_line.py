"""The command `sgdwalk`: what a file holds, its recovery, and the diffusion of its walk."""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from sgdwalk.errors import InputError
from sgdwalk.public_names import VERSION

if TYPE_CHECKING:
    from sgdwalk.diffusion.window import WindowDiffusion
    from sgdwalk.recording.live import SketchSoFar, WalkPart, WalkSoFar

REGIME_COLUMNS = ["steps", "stride", "from lag", "to", "exponent", "misfit", "null exponent"]
REGIME_COLUMNS += ["null", "null about mean"]
_DAY = 86400.0
_LAGS_PER_DECADE = 3  # that are shown while a walk is watched
_LOOKS = 30  # over which its speed is


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0, 2 after one line about what is wrong, or 130 after an interrupt.

    Args:
        arguments: without the program's name; those of the process by default.
    """
    parser = argparse.ArgumentParser(prog="sgdwalk", description=__doc__)
    parser.add_argument("--version", action="version", version=f"sgdwalk {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    info = commands.add_parser("info", help="what a file of sgdwalk's holds, and where it is from")
    info.add_argument("path", type=Path)
    info.set_defaults(lines=_info)
    recover = commands.add_parser("recover", help="a whole file from what a killed loop left")
    recover.add_argument("path", type=Path, help="the trajectory file that it would have written")
    recover.set_defaults(lines=_recover)
    analyse = commands.add_parser("analyse", help="diffusion exponents of a recorded walk")
    analyse.add_argument("path", type=Path, help="a trajectory file")
    analyse.set_defaults(lines=_analyse)
    watch = commands.add_parser("watch", help="follow a recording that is going on")
    watch.add_argument("path", type=Path, help="the trajectory file that is to be written")
    apart = "between looks; 2 by default"
    watch.add_argument("--interval", type=float, default=2.0, metavar="SECONDS", help=apart)
    watch.add_argument("--once", action="store_true", help="show how far it is, and end")
    watch.set_defaults(lines=_watch)
    chosen = vars(parser.parse_args(arguments))
    lines = chosen.pop("lines")
    try:
        for line in lines(**chosen):
            print(line, flush=True)
    except KeyboardInterrupt:
        return 130
    except (InputError, OSError) as error:
        print(f"sgdwalk: {error}", file=sys.stderr)
        return 2
    return 0


def _info(path: Path) -> Iterator[str]:
    from sgdwalk.files import hdf5
    from sgdwalk.recording.recording_folder import state_of

    unfinished = state_of(path)
    if unfinished:
        yield unfinished
    if unfinished and not path.exists():
        return
    kind = hdf5.kind_of(path)
    made = hdf5.origin_of(path, kind)
    yield f"{path}: a whole {kind} file, {path.stat().st_size / 1e6:.3g} MB"
    if kind == "trajectory":
        yield from _walk(path)
    if "recorded" in made:
        yield f"recorded from {made['recorded']}, a {made.get('model', 'set of tensors')}"
    optimizer = made.get("optimizer", {"groups": []})
    for group in optimizer["groups"]:
        told = (f"{name} {value}" for name, value in group.items() if value not in (None, False))
        yield f"moved by {optimizer['class']}, {', '.join(told)}"
    versions = made.get("versions", {})
    if versions:
        yield "made with " + ", ".join(f"{name} {version}" for name, version in versions.items())
    if "commit" in made:
        yield f"commit {made['commit']}"


def _walk(path: Path) -> Iterator[str]:
    from sgdwalk.recording.going_on import told
    from sgdwalk.recording.trajectory import Trajectory

    trajectory = Trajectory(path)
    yield f"{trajectory.steps} steps of a walk in {trajectory.parameters} parameters"
    families = Counter((w.stride, w.length, w.partial) for w in trajectory.windows)
    for (stride, length, partial), count in sorted(families.items()):
        apart = "every step" if stride == 1 else f"every {stride} steps"
        shorter = " (shorter than the others of its family)" if partial else ""
        yield f"{count} window{'s' * (count > 1)} of {length} positions, one {apart}{shorter}"
    if not families:
        yield "no window"
    for step, taken_up in trajectory.resumed.tolist():
        yield told(step, taken_up)
    if trajectory.diverged_at is not None:
        yield f"diverged at step {trajectory.diverged_at}"
    if trajectory.interrupted:
        yield "interrupted: the loop did not reach its own end"


def _recover(path: Path) -> Iterator[str]:
    from sgdwalk.recording.recover import recover

    recover(path)
    yield from _info(path)


def _analyse(path: Path) -> Iterator[str]:
    from sgdwalk.diffusion.run import analyse
    from sgdwalk.files.table import aligned
    from sgdwalk.recording.trajectory import Trajectory
    from sgdwalk.recording.window_families import LEAST_ANALYSED

    result = analyse(Trajectory(path), signs=200, seed=0)
    if not result.windows:
        raise InputError(
            f"{path}: no window of {LEAST_ANALYSED} positions or more was recorded, so there is "
            "nothing to analyse"
        )
    yield "Diffusion exponents with their 95 % intervals, one line per regime (- if wider than 1)."
    yield "Misfit: of log MSD about its line; it bends where scatter explains less."
    yield "Null: the same steps with random signs, alone and about their mean; 95 % of its curves."
    yield from aligned([REGIME_COLUMNS, *(row for w in result.windows for row in _regimes(w))])
    yield from result.warnings


def _regimes(window: WindowDiffusion) -> Iterator[list[str]]:
    """A row of `REGIME_COLUMNS` per regime; what is of the whole window stands in the first."""
    from sgdwalk.files.table import estimate_cell

    first = window.start + 1  # counted from 1, as on axes
    steps = f"{first}-{first + (window.length - 1) * window.stride}"
    nulls = (window.signs, window.signs_about_drift)
    judged = ["-" if null is None else "inside" if null.inside else "outside" for null in nulls]
    of_window, rest = [steps, str(window.stride)], judged
    for i, segment in enumerate(window.regimes):
        begins = f"{segment.first_lag:.0f}"
        if 0 < i == len(window.regimes) - 1 and window.crossover_lag.defined:
            begins = estimate_cell(window.crossover_lag, 0)
        yield [
            *of_window,
            begins,
            f"{segment.last_lag:.0f}",
            estimate_cell(window.exponents[i], 2),
            f"{100 * segment.misfit:.1f} %{' bends' if segment.bends else ''}",
            estimate_cell(window.signs.exponents[i], 2),
            *rest,
        ]
        of_window, rest = ["", ""], ["", ""]


def _watch(path: Path, interval: float, once: bool) -> Iterator[str]:
    from sgdwalk.recording.live import LiveRecording, walk_of_file
    from sgdwalk.recording.recording_folder import state_line

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
    import numpy as np

    from sgdwalk.diffusion.msd import local_exponent, mean_squared_displacement
    from sgdwalk.files.table import aligned

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


if __name__ == "__main__":
    sys.exit(main())
