"""The folder of a training run: its resume point, its lease, and every finished version of it.

    <run>/.resume/<identity>/   an unfinished training: point.pt, recorded parts, checkpoints
    <run>/.kept/<identity>/     a finished one; the run's outputs are hard links to its files

The identity is a hash of what decides the result (settings and code). A training of another
identity begins afresh beside the old one, which stays where it is: going back to the old settings
resumes it, or gives its finished outputs back, without training.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import SoftFileLease

from sgdwalk.files import hdf5
from sgdwalk.training.checkpoints import load_checkpoint, save_checkpoint
from sgdwalk.training.run_lease import end, held


class RunFolder:
    """Where one run of one identity is trained and kept.

    Args:
        folder: the run's folder.
        identity: hash of all that decides the run's result.
    """

    def __init__(self, folder: str | Path, identity: str):
        self.folder = Path(folder)
        self.identity = identity
        self.work = self.folder / ".resume" / identity
        self.kept = self.folder / ".kept" / identity
        self.point_file = self.work / "point.pt"
        self._lease: SoftFileLease | None = None

    @contextmanager
    def locked(self, say: Callable[[str], None] = print) -> Iterator[None]:
        """Hold the folder against other processes, of this host and others.

        Args:
            say: told if it has to be found out whether a holder on another host is gone.

        Raises:
            InputError: if another process holds it; the line names that process.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with held(self.folder, say) as self._lease:
            yield

    def set_aside_other_data(self, data: str) -> None:
        """Put away what was trained, under this identity, on a dataset of other content.

        Args:
            data: digest of the dataset's content.
        """
        point = self.point()
        if point is not None and point["data"] != data:
            _put_away(self.work, point["data"])
        finished = self.kept / "trajectory.h5"
        if finished.exists():
            before = hdf5.origin_of(finished, "trajectory").get("data")
            if before != data:
                _put_away(self.kept, before)

    def others(self) -> list[Path]:
        """Unfinished and finished trainings of this run under other settings or code."""
        found = [p for name in (".resume", ".kept") for p in (self.folder / name).glob("*")]
        return sorted(p for p in found if p.name != self.identity)

    def point(self) -> dict[str, Any] | None:
        """The last resume point, or None if there is none."""
        return load_checkpoint(self.point_file) if self.point_file.exists() else None

    def save_point(self, point: dict[str, Any]) -> None:
        """Replace the resume point."""
        self._check_held()
        save_checkpoint(self.point_file, point)

    def finish(self) -> None:
        """Move a whole training from the unfinished to the kept ones."""
        self._check_held()
        self.point_file.unlink(missing_ok=True)
        self.kept.parent.mkdir(exist_ok=True)
        os.replace(self.work, self.kept)

    def _check_held(self) -> None:
        if self._lease is not None and not self._lease.is_lock_held_by_us:
            end(self.folder)

    def link(self, names: list[str]) -> None:
        """Make the kept files and folders the run's outputs, as hard links, replacing others."""
        for name in names:
            source, target = self.kept / name, self.folder / name
            temporary = target.with_name(f".{name}.new")
            _remove(temporary)
            if source.is_dir():
                shutil.copytree(source, temporary, copy_function=_link)
            else:
                _link(source, temporary)
            _remove(target)
            os.replace(temporary, target)


def _put_away(path: Path, data: str | None) -> None:
    target = path.with_name(f"{path.name}-data-{data}")
    _remove(target)
    os.replace(path, target)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
