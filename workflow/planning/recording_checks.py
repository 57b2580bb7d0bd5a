"""What runs are told to record: what cannot be, and what may be a mistake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sgdwalk.datasets.names import dataset_size
from sgdwalk.errors import InputError
from sgdwalk.recording.window_families import LEAST_NUMBERS

if TYPE_CHECKING:
    from planning.study import Run


def check_recording(run: Run, where: str) -> None:
    """Raise an `InputError` in one line for the first thing that one run cannot record.

    Args:
        run: of a study.
        where: its grid, for messages.
    """
    families, sketch = run.recording["windows"], run.recording["sketch"]
    if 0 < sketch < LEAST_NUMBERS:
        raise InputError(
            f"{where}.recording.sketch: {sketch}; allowed: 0 for none, or {LEAST_NUMBERS} and more"
        )
    if not families and not sketch:
        raise InputError(
            f"{where}.recording: neither windows nor a sketch; allowed: one of recording.windows "
            "and recording.sketch at least"
        )
    for number, family in enumerate(families):
        if family in families[:number]:
            raise InputError(
                f"{where}.recording.windows[{number}]: {family}, as before; allowed: every family "
                "once"
            )
    chosen = run.recording["checkpoints"]
    if isinstance(chosen, list) and len(set(chosen)) < len(chosen):
        twice = next(step for step in chosen if chosen.count(step) > 1)
        raise InputError(f"{where}.recording.checkpoints: {twice} twice; allowed: every step once")
    _check_probe(run, where)


def check_recorded(runs: Iterable[Run]) -> list[str]:
    """What may be a mistake, a line each.

    Args:
        runs: all of a study.

    Raises:
        InputError: if nothing at all would be analysed, or a checkpoint is beyond every run.
    """
    found = list(runs)
    if found and not any(run.windows or run.recording["sketch"] for run in found):
        most = max(run.training["steps"] for run in found)
        shortest = min(_steps(f) for run in found for f in run.recording["windows"])
        raise InputError(
            f"recording.windows: the shortest takes {shortest} steps, and no run has more than "
            f"{most}; allowed: windows that fit into one run at least, or a recording.sketch"
        )
    return [*_without_windows(found), *_unused_families(found), *_checkpoints_beyond(found)]


def _check_probe(run: Run, where: str) -> None:
    size = dataset_size(run.training["dataset"], run.training["dataset_options"])
    probe = run.recording["probe"]
    if size is not None and probe > size.samples:
        raise InputError(
            f"{where}.recording.probe: {probe}; allowed: at most {size.samples}, the training "
            f"samples of dataset {run.training['dataset']!r}"
        )


def _steps(family: dict[str, int]) -> int:
    return (family["length"] - 1) * family["stride"] + 1


def _without_windows(runs: list[Run]) -> Iterator[str]:
    for run in runs:
        if not run.windows and not run.recording["sketch"]:
            yield (
                f"{run.id}: its {run.training['steps']} steps are fewer than every window of "
                "recording.windows takes, and it has no sketch; of its walk nothing is analysed"
            )


def _unused_families(runs: list[Run]) -> Iterator[str]:
    asked = {(f["length"], f["stride"]): f for run in runs for f in run.recording["windows"]}
    used = {(f["length"], f["stride"]) for run in runs for f in run.windows}
    for key, family in asked.items():
        if key not in used:
            yield (
                f"recording.windows: {family} takes {_steps(family)} steps, more than any run that "
                "is to have it"
            )


def _checkpoints_beyond(runs: list[Run]) -> Iterator[str]:
    asked: dict[int, list[int]] = {}
    for run in runs:
        chosen = run.recording["checkpoints"]
        for step in chosen if isinstance(chosen, list) else ():
            asked.setdefault(step, []).append(run.training["steps"])
    for step, lengths in asked.items():
        if step > max(lengths):
            raise InputError(
                f"recording.checkpoints: {step}; allowed: at most {max(lengths)}, the last step"
            )
        if step > min(lengths):
            count = sum(step > length for length in lengths)
            yield f"recording.checkpoints: {step} is beyond the last step of {count} runs"
