"""Status of one job, for Snakemake: prints success, failed or running, and always exits with 0.

What the job wrote down itself at its end counts first. Without that (killed, deleted, lost) the
server decides, and without the server the job counts as running.
"""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import server

# OpenPBS's exit statuses of jobs that it killed, what it and a shell add to a signal, substates
_MEMORY, _WALLTIME = -27, -29
_SHELL_SIGNAL, _SERVER_SIGNAL = 128, 256
_DELETED, _ENDED = 91, 92
_NEVER = "can never run"
_OUT_OF_MEMORY = (
    "killed by the server: it used more memory than it asked for{}; the next attempt asks for half "
    "as much again"
)
_CAUSES = {
    "SIGTERM": ": deleted, or over its time or memory",
    "SIGKILL": ": out of memory, perhaps",
}


def status(job: dict) -> str:
    """The outcome of a job, remembered as soon as there is one."""
    if "outcome" in job:
        return job["outcome"]
    if "follows" in job:
        return _of_several(job)
    code = server.record(job)
    if code is not None and code <= _SHELL_SIGNAL:  # a signal is the server's, which knows why
        return _written(job, code)
    attributes, since = server.state(job, job.get("poll_seconds", 25))
    now = time.time()
    if attributes is None:
        if code is not None:
            return _written(job, code)
        if now - since > 60:
            _say_once(job, "silent", "the server does not answer; waiting for it")
        return "running"
    if server.alive(attributes):
        _say_why_it_waits(job, attributes)
        return "running"
    # ended, or unknown: it may have written its record since it was looked for, or the record is
    # still on its way through a network file system
    code = server.record(job)
    if code is not None:
        return _written(job, code, attributes)
    if now - (since or now) < job.get("patience_seconds", 120):
        return "running"
    return _end(job, *_judged(job, attributes))


def _of_several(job: dict) -> str:
    """Outcome of a job whose files several jobs of an earlier snakemake write."""
    outcomes = [status(server.remembered(earlier)) for earlier in job["follows"]]
    if "running" in outcomes:
        return "running"
    there = all(Path(path).exists() for path in job["output"])
    if there and "failed" not in outcomes:
        return _end(job, "success", "ended")
    return _end(job, "failed", "a job of an earlier snakemake that it went on with failed")


def _say_why_it_waits(job: dict, attributes: dict) -> None:
    comment = attributes.get("comment", "no comment")
    if attributes["job_state"] == "H":
        _say_once(job, "held", f"held ({comment}); see qrls")
    elif comment.lower().startswith(_NEVER):
        _say_once(job, "never", f"no node can hold it ({comment}); qdel it and ask for less")


def _judged(job: dict, attributes: dict) -> tuple[str, str]:
    """Outcome, and reason, of a job that ended without a record of its own."""
    if not attributes:
        return "failed", "the server does not know it any more, and it left no exit record"
    code, substate = attributes.get("exit_status"), attributes.get("substate")
    if reason := _killed(job, attributes):  # a deleted job may have exit status 0
        return "failed", reason
    if code == 0 and substate in (_ENDED, None):
        return "success", "ended"
    return "failed", "killed or deleted" if code is None else _said(code)


def _killed(job: dict, attributes: dict) -> str | None:
    """Why the server ended a job, if it did and says so."""
    if attributes.get("substate") == _DELETED:
        return "deleted"
    if attributes.get("exit_status") == _WALLTIME:
        return "killed at its time limit"
    if attributes.get("exit_status") == _MEMORY:
        return _OUT_OF_MEMORY.format(f", {job['mem_mb']} MB" if job.get("mem_mb") else "")
    return None


def _written(job: dict, code: int, attributes: dict | None = None) -> str:
    if code == 0:
        return _end(job, "success", "ended")
    return _end(job, "failed", _killed(job, attributes or {}) or _said(code))


def _said(code: int) -> str:
    for base in (_SERVER_SIGNAL, _SHELL_SIGNAL):
        if code > base:
            with suppress(ValueError):
                name = signal.Signals(code - base).name
                return f"killed by {name} (exit status {code}){_CAUSES.get(name, '')}"
    return f"ended with exit status {code}"


def _end(job: dict, outcome: str, reason: str) -> str:
    if outcome == "failed":
        print(f"job {job['id']} ({job.get('name', 'unknown')}): {reason}", file=sys.stderr)
    server.remember({**job, "outcome": outcome, "reason": reason})
    return outcome


def _say_once(job: dict, topic: str, line: str) -> None:
    if topic not in job.setdefault("said", []):
        job["said"].append(topic)
        server.remember(job)
        print(f"job {job['id']} ({job.get('name', 'unknown')}): {line}", file=sys.stderr)


if __name__ == "__main__":
    try:
        found = status(server.remembered(sys.argv[1]))
    except Exception as error:  # a failing status command would end Snakemake's watch
        print(f"status of job {sys.argv[1]}: {error!r}", file=sys.stderr)
        found = "running"
    print(found)
