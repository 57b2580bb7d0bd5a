"""Who may write into a run's folder: a lease that holds between hosts, also without file locks.

    <run>/.lock      there while the folder is held; its holder touches it again and again
    <run>/.owner     who holds it, or was the last to do so: host, process, the scheduler's job

A holder that is gone is recognised: on its own host because its process is, from another one
because nobody touched the lock for `LEASE` seconds of the other's own clock. The lock is filelock's
`SoftFileLease`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from filelock import SoftFileLease, Timeout

from sgdwalk.errors import InputError
from sgdwalk.files.atomic import written

LEASE = 120.0  # seconds
_HEARTBEAT = 10.0  # seconds


@contextmanager
def held(folder: Path, say: Callable[[str], None] = print) -> Iterator[SoftFileLease]:
    """Hold a run's folder against every other process.

    A process that finds out later that it lost the folder (it was suspended for longer than a
    lease) ends there and then, before it writes into what another one has taken up.

    Args:
        folder: of the run.
        say: told if it has to be found out whether a holder on another host is gone.

    Raises:
        InputError: if another process holds it; the line names that process.
    """
    lease = SoftFileLease(
        folder / ".lock",
        lease_duration=LEASE,
        heartbeat_interval=_HEARTBEAT,
        on_compromise=lambda _: end(folder),
    )
    _take(lease, folder, say)
    try:
        with written(folder / ".owner") as temporary:
            temporary.write_text(json.dumps(_this_process()))
        yield lease
    finally:
        lease.release()


def end(folder: Path) -> NoReturn:
    """End this process, which has lost a folder, without writing anything."""
    line = f"{folder}: held by {owner(folder)} since this process was suspended; it ends here"
    print(line, file=sys.stderr, flush=True)
    os._exit(1)


def owner(folder: Path) -> str:
    """Who holds a folder, or was the last to do so."""
    try:
        return (folder / ".owner").read_text().strip() or "unknown"
    except OSError:
        return "unknown"


def _take(lease: SoftFileLease, folder: Path, say: Callable[[str], None]) -> None:
    try:
        lease.acquire(blocking=False)
        return
    except Timeout:
        before = _last_touch(folder)
    waits = f"{folder}: finding out whether its holder is gone, for {LEASE:.0f} s at most"
    say(f"{waits}: {owner(folder)}")
    try:
        lease.acquire(
            timeout=LEASE + 2 * _HEARTBEAT,
            poll_interval=0.5,
            # touched since then: its holder is alive
            cancel_check=lambda: _last_touch(folder) not in (before, None),
        )
    except Timeout:
        raise InputError(
            f"{folder}: another process is training this run ({owner(folder)}); wait for it or end "
            "it"
        ) from None


def _last_touch(folder: Path) -> tuple[int, int] | None:
    """Of the lock, as its file says it: that is asked of the server of a network file system."""
    try:
        with open(folder / ".lock", "rb") as lock:
            found = os.fstat(lock.fileno())
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _this_process() -> dict[str, Any]:
    job = os.environ.get("PBS_JOBID") or os.environ.get("SLURM_JOB_ID")
    return {"host": socket.gethostname(), "process": os.getpid(), "job": job}
