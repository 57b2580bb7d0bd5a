"""The folder beside a trajectory file in which a recording lives until the file is whole.

    <path>.parts/recording.json   what does not change while it goes on
    <path>.parts/*.rows           what was recorded, as it came
    <path>.parts/lock             held by the process that records

A folder with a ``recording.json`` that nobody holds is what a loop left that was cut off.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import time
from pathlib import Path
from typing import IO, Any

from sgdwalk.errors import InputError
from sgdwalk.files.atomic import written

_held: set[Path] = set()  # by this process: its own locks do not keep it out


def parts_folder(path: str | Path) -> Path:
    """Where the recording of a trajectory file lives until it is whole."""
    return Path(path).with_name(f"{Path(path).name}.parts")


class RecordingFolder:
    """A folder, held against other recorders from when it is made until it is let go.

    The lock is one of the system's, which ends with the process, however that ends; forked
    children do not have it.

    Args:
        folder: its path; made if it does not exist.

    Raises:
        InputError: if it is held, with who does, or may not be written.
    """

    def __init__(self, folder: Path):
        self.path = Path(folder)
        self._key = self.path.absolute()
        if self._key in _held:
            raise InputError(f"{self.path}: another recorder of this process is recording there")
        self._lock = self._locked()
        _held.add(self._key)
        self._lock.truncate(0)
        self._lock.write(
            f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%F %T')},"
        )
        self._lock.flush()

    def _locked(self) -> IO[str]:
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                lock = open(self.path / "lock", "a+", encoding="utf-8")  # noqa: SIM115
            except OSError as error:
                raise InputError(
                    f"{self.path}: {error.strerror}; allowed: a folder that may be written"
                ) from error
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                holder = lock.read().strip() or "another process"
                lock.close()
                raise InputError(
                    f"{self.path}: {holder} is recording there; allowed: another path, or to wait"
                ) from None
            if _same_file(lock, self.path / "lock"):
                return lock
            lock.close()  # of a recording that ended in between

    @property
    def layout_file(self) -> Path:
        """What does not change while it goes on."""
        return self.path / "recording.json"

    @property
    def left(self) -> bool:
        """Whether a recording is in it that was cut off."""
        return self.layout_file.exists()

    def write_layout(self, layout: dict[str, object]) -> None:
        """Begin a recording: from now on there is something to lose."""
        with written(self.layout_file) as temporary:
            temporary.write_text(json.dumps(layout))

    def read_layout(self) -> dict[str, Any]:
        """What `write_layout` wrote.

        Raises:
            InputError: if it is no such file.
        """
        try:
            return dict(json.loads(self.layout_file.read_text()))
        except (OSError, ValueError) as error:
            raise InputError(f"{self.layout_file}: not readable ({error})") from error

    def set_aside(self, path: Path) -> Path:
        """Rename what a cut-off recording of ``path`` left, so that it can be recovered apart.

        Returns:
            The trajectory file that can be recovered from it. This folder is then empty.
        """
        number = 1
        while True:
            other = path.with_name(f"{path.stem}.{number}{path.suffix}")
            if not other.exists() and not parts_folder(other).exists():
                break
            number += 1
        target = parts_folder(other)
        target.mkdir()
        for name in sorted(p.name for p in self.path.iterdir() if p.name != "lock"):
            os.replace(self.path / name, target / name)
        return other

    def remove(self) -> None:
        """Remove the recording, whose file is whole, and let go."""
        self.layout_file.unlink(missing_ok=True)  # first: what is left then is no recording
        shutil.rmtree(self.path)
        self.let_go()

    def let_go(self) -> None:
        """Release it; what is in it stays."""
        self._lock.close()
        _held.discard(self._key)


def _same_file(opened: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened.fileno()), path.stat())
    except OSError:
        return False
