"""The folder beside a trajectory file in which a recording lives until the file is whole.

    <path>.parts/recording.json   what does not change while it goes on
    <path>.parts/*.rows           what was recorded, as it came
    <path>.parts/lock             held by the process that records

A folder with a ``recording.json`` that nobody holds is what a loop left that was cut off.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import struct
import sys
import time
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import IO, Any
from weakref import WeakValueDictionary

from sgdwalk.errors import InputError
from sgdwalk.files.atomic import written
from sgdwalk.recording.row_streams import rows_left

_OURS = ("*.rows", "*.map", "recording.json", ".recording.json.*.tmp", "lock")
_TRIES = 100
# The system's `struct flock`, and where in it the type of a lock is.
_FLOCK, _TYPE = ("hhqqi", 0) if sys.platform == "linux" else ("qqihh", 3)


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
        if held_here(self.path):
            raise InputError(
                f"{self.path}: another recorder of this process is recording there; allowed: "
                "another path, or to close it"
            )
        self._process = os.getpid()
        self._lock = self._locked()
        _held[self.path.resolve()] = self

    def _locked(self) -> IO[str]:
        tries = 0
        while True:
            tries += 1
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                lock = open(self.path / "lock", "a+", encoding="utf-8")  # noqa: SIM115
            except OSError as error:
                # a recording that ends removes the folder: between two calls, once or twice
                if tries < _TRIES and isinstance(error, FileNotFoundError | FileExistsError):
                    continue
                raise InputError(
                    f"{self.path}: {error.strerror}; allowed: a folder that may be written"
                ) from error
            try:
                holder = _holder(lock)
            except OSError as error:
                lock.close()
                raise InputError(
                    f"{self.path}: cannot be locked ({error.strerror}); allowed: a disk on which "
                    "files can be"
                ) from error
            if holder is not None:
                lock.close()
                raise InputError(
                    f"{self.path}: {holder} is recording there; allowed: another path, or to wait"
                )
            if _same_file(lock, self.path / "lock"):
                since = time.strftime("%F %T")
                told = f"process {os.getpid()} on {socket.gethostname()}, since {since},"
                os.truncate(lock.fileno(), 0)
                with suppress(OSError):  # the disk may be full, and only the curious read it
                    os.write(lock.fileno(), told.encode())
                return lock
            lock.close()  # of a recording that ended in between

    @property
    def layout_file(self) -> Path:
        """What does not change while it goes on."""
        return self.path / "recording.json"

    @property
    def left(self) -> bool:
        """Whether a recording of at least one row is in it that was cut off."""
        rows = (rows_left(self.path, name) for name in ("steps", "epochs"))
        return self.layout_file.exists() and any(rows)

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

        Raises:
            InputError: if that is not possible.
        """
        number = 1
        while True:
            other = path.with_name(f"{path.stem}.{number}{path.suffix}")
            if not other.exists() and not parts_folder(other).exists():
                break
            number += 1
        target = parts_folder(other)
        try:
            os.rename(self.path, target)  # all of it at once: a kill divides nothing
            (target / "lock").unlink()
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be set aside as {target} ({error.strerror}); allowed: to "
                "move it away"
            ) from error
        self._lock.close()
        self._lock = self._locked()
        return other

    def remove(self) -> None:
        """Remove the recording, whose file is whole, and let go."""
        self.layout_file.unlink(missing_ok=True)  # first: what is left then is no recording
        self.let_go()

    def remove_unfinished(self, path: Path) -> None:
        """Remove what a killed process had written of a file that only the holder writes."""
        for unfinished in path.parent.glob(f".{escape(path.name)}.*.tmp"):
            unfinished.unlink(missing_ok=True)

    def let_go(self) -> None:
        """Release it; a recording that is in it stays."""
        if self._lock.closed or self._process != os.getpid():
            return
        _held.pop(self.path.resolve(), None)
        if self.left:
            self._lock.close()
            return
        with suppress(OSError):  # what cannot be removed is no recording and harms no other
            self._remove_ours()
        self._lock.close()  # before: some file systems keep what is open
        with suppress(OSError):  # something else is in it, or another recorder already
            self.path.rmdir()

    def _remove_ours(self) -> None:
        """Remove what recorders make, the lock last: until then the folder is held."""
        for pattern in _OURS:
            for file in self.path.glob(pattern):
                file.unlink(missing_ok=True)


_held: WeakValueDictionary[Path, RecordingFolder] = WeakValueDictionary()


def held_here(folder: Path) -> bool:
    """Whether this process holds a folder: its own locks do not keep it out."""
    held = _held.get(folder.resolve())
    return held is not None and held._process == os.getpid()


def holder_of(folder: Path) -> str | None:
    """Who holds a folder; None if nobody does.

    It only asks: to take the lock, if only for a moment, would keep a recorder out that begins
    just then.

    Args:
        folder: of a recording, or where one may begin.
    """
    if held_here(folder):  # to close the lock's file would let go of it
        return "this process"
    try:
        with open(folder / "lock", encoding="utf-8") as lock:
            if not _is_locked(lock):
                return None
            return lock.read().strip() or "another process"
    except FileNotFoundError:
        return None


def state_of(path: Path) -> str | None:
    """A line about the recording of a trajectory file that is not whole yet; None if there is none.

    Args:
        path: the trajectory file.
    """
    folder = parts_folder(path)
    if not (folder / "recording.json").exists():
        return None
    return state_line(path, holder_of(folder), rows_left(folder, "steps"))


def state_line(path: Path, holder: str | None, steps: int) -> str:
    """A line about a recording.

    Args:
        path: its trajectory file, which is not whole yet.
        holder: who records it; None if it was cut off.
        steps: recorded so far.
    """
    if holder is not None:
        return f"{path}: {holder} is recording it"
    return f"{path}: cut off after {steps} steps; `sgdwalk recover {path}` makes a file of them"


def _holder(lock: IO[str]) -> str | None:
    """Lock it for this process; or who has done so."""
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            raise
        lock.seek(0)
        return lock.read().strip() or "another process"
    return None


def _is_locked(file: IO[str]) -> bool:
    """Whether another process has locked a file."""
    lock = [0] * 5  # of the whole file
    lock[_TYPE] = fcntl.F_WRLCK
    found = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_FLOCK, *lock))
    return bool(struct.unpack(_FLOCK, found)[_TYPE] != fcntl.F_UNLCK)


def _same_file(opened: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened.fileno()), path.stat())
    except OSError:
        return False
