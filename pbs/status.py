"""Status of one job, for Snakemake: prints success, failed or running, and always exits with 0.

What the job wrote down itself at its end counts first. Without that (killed, deleted, lost) the
server decides, and without the server the job counts as running.
"""

from __future__ import annotations

import sys
import time

import server

_WALLTIME = -29  # OpenPBS's exit status of a job that it killed at its time limit
_DELETED, _ENDED = 91, 92  # OpenPBS's substates


def status(job: dict) -> str:
    """The outcome of a job, remembered as soon as there is one."""
    if "outcome" in job:
        return job["outcome"]
    if (code := server.record(job)) is not None:
        return _written(job, code)
    attributes, silent_since = server.state(job, job.get("poll_seconds", 25))
    now = time.time()
    if attributes is None:
        if now - silent_since > 60:
            _say_once(job, "silent", "the server does not answer; waiting for it")
        return "running"
    if server.alive(attributes):
        if attributes["job_state"] == "H":
            _say_once(job, "held", f"held ({attributes.get('comment', 'no comment')}); see qrls")
        if job.pop("missing_since", None):
            server.remember(job)
        return "running"
    # ended, or unknown: it may have written its record since it was looked for, or the record is
    # still on its way through a network file system
    if (code := server.record(job)) is not None:
        return _written(job, code)
    job.setdefault("missing_since", now)
    server.remember(job)
    if now - job["missing_since"] < job.get("patience_seconds", 120):
        return "running"
    return _end(job, *_judged(attributes))


def _judged(attributes: dict) -> tuple[str, str]:
    """Outcome, and reason, of a job that ended without a record of its own."""
    if not attributes:
        return "failed", "the server does not know it any more, and it left no exit record"
    code, substate = attributes.get("exit_status"), attributes.get("substate")
    # a deleted job may have exit status 0
    if substate == _DELETED:
        return "failed", "deleted"
    if code == _WALLTIME:
        return "failed", "killed at its time limit"
    if code == 0 and substate in (_ENDED, None):
        return "success", "ended"
    return "failed", "killed or deleted" if code is None else f"ended with exit status {code}"


def _written(job: dict, code: int) -> str:
    if code == 0:
        return _end(job, "success", "ended")
    return _end(job, "failed", _said(code))


def _said(code: int) -> str:
    if code == 128 + 15:
        return "stopped by SIGTERM: time limit, or deleted"
    if code == 128 + 9:
        return "killed by SIGKILL: out of memory, perhaps"
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
