"""Make a whole trajectory file of what a loop left that was cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sgdwalk.errors import InputError, first_line
from sgdwalk.recording.going_on import read_layout
from sgdwalk.recording.recording_folder import RecordingFolder, parts_folder
from sgdwalk.recording.room import is_lack
from sgdwalk.recording.row_streams import Journal
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.trajectory_writer import assemble, first_diverged


def recover(path: str | Path) -> Trajectory:
    """Make a whole file of what a killed loop left beside it.

    It holds every window that was closed, bit for bit, and every step that was recorded, and is
    marked as interrupted. What was left is removed once the file is whole.

    Args:
        path: the trajectory file that the loop would have written.

    Returns:
        The file, read.

    Raises:
        InputError: if nothing was left there, a recorder holds it, another file is in the way, or
            there is no room for it; what was left is then still there.
    """
    path = Path(path)
    folder = parts_folder(path)
    there = "it is whole already" if path.exists() else "no such file"
    if not folder.is_dir():
        raise InputError(f"{path}: {there}, and no cut-off recording is beside it ({folder})")
    held = RecordingFolder(folder)
    try:
        if not held.left:
            raise InputError(f"{path}: {there}, and no step was recorded in {folder}")
        held.remove_unfinished(path)
        layout = read_layout(held)
        journal = Journal(folder)
        try:
            _check_in_the_way(path, journal)
            assemble(path, journal, layout, True, first_diverged(journal))
        finally:
            journal.close()
        trajectory = Trajectory(path)
        held.remove()
        return trajectory
    except Exception as error:
        if not is_lack(error):
            raise
        reason = first_line(error)
        raise InputError(
            f"{path}: cannot be written ({reason}); allowed: after making room; {folder} is as it "
            "was"
        ) from error
    finally:
        held.let_go()


def _check_in_the_way(path: Path, journal: Journal) -> None:
    """A file is written over only if the recording begins with all of its steps."""
    if not path.exists():
        return
    before = Trajectory(path).loss
    now = journal.read("steps")["loss"] if journal.rows("steps") else np.zeros(0)
    if not np.array_equal(now[: len(before)], before, equal_nan=True):
        raise InputError(f"{path}: exists, and is of another walk; allowed: after moving it away")
