"""The command `sgdwalk`: what a file holds, its recovery, and what is to be said of its walk."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from sgdwalk.errors import InputError
from sgdwalk.public_names import VERSION


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
    analyse = commands.add_parser("analyse", help="exponents, tables and figures of a walk")
    read = "a trajectory file; or a folder of checkpoints, checkpoints, or patterns of their paths"
    analyse.add_argument("paths", nargs="+", metavar="PATH", help=read)
    beside = "for tables and figures; by default beside PATH, its name with -analysis"
    analyse.add_argument("--out", type=Path, metavar="FOLDER", help=beside)
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
    checkpoints = None if trajectory.sketch is None else trajectory.sketch.step
    one, known = "step", f"{trajectory.steps} steps"
    if checkpoints is not None:
        one, known = "checkpoint", f"{len(checkpoints)} checkpoints"
    yield f"{known} of a walk in {trajectory.parameters} parameters"
    families = Counter((w.stride or 0, w.length, w.partial) for w in trajectory.windows)
    for (stride, length, partial), count in sorted(families.items()):
        apart = "one every step" if stride == 1 else f"one every {stride} steps"
        apart = apart if stride else "at unequal steps"
        shorter = " (shorter than the others of its family)" if partial else ""
        yield f"{count} window{'s' * (count > 1)} of {length} positions, {apart}{shorter}"
    if not families:
        yield "no window"
    if trajectory.sketch is not None:
        yield f"a sketch of {trajectory.sketch.k} numbers of every {one}"
    for name, tensors in trajectory.groups.items():
        yield f"group {name}: {len(tensors)} parameter tensor{'s' * (len(tensors) > 1)}"
    yield from map(str, trajectory.origin.get("notes", []))
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


def _analyse(paths: list[str], out: Path | None) -> Iterator[str]:
    from sgdwalk.analysis import analyse

    found = analyse(paths[0] if len(paths) == 1 else paths, log=_say)
    yield from found.summary().splitlines()
    folder = out or Path(paths[0]).with_name(f"{found.name}-analysis")
    yield f"Tables and figures: {found.save(folder)}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _watch(path: Path, interval: float, once: bool) -> Iterator[str]:
    from sgdwalk.watch import watch

    yield from watch(path, interval, once)


if __name__ == "__main__":
    sys.exit(main())
