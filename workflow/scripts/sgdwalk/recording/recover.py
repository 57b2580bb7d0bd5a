"""Make a whole trajectory file of what a loop left that was cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.recording.recording_folder import RecordingFolder, parts_folder
from sgdwalk.recording.row_streams import Journal
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.trajectory_writer import Layout, assemble, first_diverged


def recover(path: str | Path) -> Trajectory:
    """Make a whole file of what a killed loop left beside it.

    It holds every window that was closed, bit for bit, and every step that was recorded, and is
    marked as interrupted. What was left is removed once the file is whole.

    Args:
        path: the trajectory file that the loop would have written.

    Returns:
        The file, read.

    Raises:
        InputError: if nothing was left there, a recorder holds it, or another file is in the way.
    """
    path = Path(path)
    folder = parts_folder(path)
    if not folder.is_dir():
        there = "it is whole already" if path.exists() else "no such file"
        raise InputError(f"{path}: {there}, and no cut-off recording is beside it ({folder})")
    held = RecordingFolder(folder)
    try:
        if not held.left:
            raise InputError(f"{folder}: no step was recorded there")
        layout = Layout.of(held.read_layout())
        journal = Journal(folder)
        _check_in_the_way(path, journal)
        assemble(path, journal, layout, True, first_diverged(journal))
        journal.close()
        trajectory = Trajectory(path)
        held.remove()
        return trajectory
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
