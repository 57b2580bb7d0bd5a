"""The command `sgdwalk`: what a file holds, its recovery, and the diffusion of its walk."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sgdwalk.errors import InputError
from sgdwalk.public_names import VERSION

if TYPE_CHECKING:
    from sgdwalk.diffusion.window import WindowDiffusion

REGIME_COLUMNS = ["steps", "stride", "from lag", "to", "exponent", "misfit", "null exponent"]
REGIME_COLUMNS += ["null", "null about mean"]


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
    if trajectory.sketch is not None:
        yield f"a sketch of {trajectory.sketch.k} numbers of every step"
    for name, tensors in trajectory.groups.items():
        yield f"group {name}: {len(tensors)} parameter tensor{'s' * (len(tensors) > 1)}"
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
    from sgdwalk.recording.window_families import LEAST_ANALYSED, LEAST_NUMBERS

    result = analyse(Trajectory(path), signs=200, seed=0)
    if not result.windows:
        raise InputError(
            f"{path}: no window of {LEAST_ANALYSED} positions or more was recorded, nor a sketch "
            f"of {LEAST_NUMBERS} numbers or more, so there is nothing to analyse"
        )
    yield "Diffusion exponents with their 95 % intervals, one line per regime (- if wider than 1)."
    yield "Misfit: of log MSD about its line; it bends where scatter explains less."
    yield "Null: the same steps with random signs, alone and about their mean; 95 % of its curves."
    rows = [row for window in result.windows for row in _regimes(window)]
    if result.whole is not None:
        yield "Last: the whole run from its sketch, whose error is in the intervals."
        rows += _regimes(result.whole.window)
    yield from aligned([REGIME_COLUMNS, *rows])
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
    from sgdwalk.watch import watch

    yield from watch(path, interval, once)


if __name__ == "__main__":
    sys.exit(main())
