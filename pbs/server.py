"""What the server says about jobs, and what this profile remembers of them.

Everything it remembers lies in .snakemake/pbs: one file per submitted job, in `jobs` and, with its
outcome, in `ended`; the exit records that jobs write themselves; and the server's last answer,
shared by all status checks of a round.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STATE = Path(".snakemake/pbs")
# A server that hangs must not hold up Snakemake.
QUERY_SECONDS = 20
# qstat's exit codes where the server did answer: jobs it does not know, or knows as history only,
# or of which it keeps no history.
_ANSWERED = (0, 35, 36, 153)
# Nobody asks after a job that has been gone for so long: its snakemake is gone too.
_FORGOTTEN_SECONDS = 3600
_WAITING = {"Q", "H", "W", "T", "S", "U", "M"}
_ALIVE = _WAITING | {"R", "E", "B"}


def number(job_id: str) -> str:
    """The part of a job id that every command prints alike, such as 12 of 12.server.domain."""
    return job_id.split(".")[0]


def kind() -> str:
    """``openpbs`` if qstat says so (PBS Pro, OpenPBS), else ``torque``."""
    try:
        result = subprocess.run(
            ["qstat", "--version"], capture_output=True, text=True, timeout=QUERY_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return "torque"
    return "openpbs" if "pbs_version" in result.stdout + result.stderr else "torque"


# --- jobs ------------------------------------------------------------------------------------


def job_file(job_id: str, folder: str = "jobs") -> Path:
    """Where a job is remembered; of several, where all of them are."""
    return STATE / folder / ("+".join(map(number, job_id.split("+"))) + ".json")


def remember(job: dict) -> None:
    """Write down what is known of a job; with its outcome, out of the way of those without."""
    if "outcome" in job:
        write(job_file(job["id"], "ended"), job)
        job_file(job["id"]).unlink(missing_ok=True)
    else:
        write(job_file(job["id"]), job)


def remembered(job_id: str) -> dict:
    """What is known of a job; of one that is not known, its id."""
    return read(job_file(job_id)) or read(job_file(job_id, "ended")) or {"id": job_id}


def unfinished() -> list[dict]:
    """Jobs without an outcome."""
    jobs = (read(path) for path in sorted((STATE / "jobs").glob("*.json")))
    return [job for job in jobs if job and "outcome" not in job and "follows" not in job]


def record(job: dict) -> int | None:
    """Exit status that the job itself wrote down at its end, or None."""
    folder = STATE / "exit"
    if "name" not in job:
        return None
    try:
        os.listdir(folder)  # makes network file systems look anew
        return int((folder / job["name"]).read_text())
    except (OSError, ValueError):
        return None


def read(path: Path) -> dict | None:
    """A JSON file, or None if there is none that is whole."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def write(path: Path, content: dict) -> None:
    """Replace a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content))
    temporary.replace(path)


# --- the server ------------------------------------------------------------------------------


def state(job: dict, poll_seconds: float) -> tuple[dict | None, float | None]:
    """What the server says about a job, from its answer to one question about all jobs.

    Returns:
        Its attributes (empty if the server does not know it), or None if the server does not
        answer; and since when it has not answered, or the job has not been queued or running.
    """
    with _locked():
        answer = read(STATE / "answer.json") or {"time": 0, "asked": []}
        if time.time() - answer["time"] >= poll_seconds:
            jobs = unfinished()
            answer = _ask(jobs or [job], job.get("server") or kind(), answer)
            write(STATE / "answer.json", answer)
            _forget(jobs, answer)
    if answer["jobs"] is None:
        return None, answer["silent_since"]
    own = number(job["id"])
    if own not in answer["asked"]:
        return {"job_state": "Q"}, None  # submitted since
    return answer["jobs"].get(own, {}), answer["gone"].get(own)


def alive(attributes: dict) -> bool:
    """Whether the server still has the job to run, or runs it."""
    return attributes.get("job_state", "") in _ALIVE


@contextmanager
def _locked() -> Iterator[None]:
    STATE.mkdir(parents=True, exist_ok=True)
    with open(STATE / "lock", "w") as lock:
        # without it the server is asked twice: some file systems have no locks
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _forget(jobs: list[dict], answer: dict) -> None:
    """Put away jobs that have been gone for long: no snakemake asks after them any more."""
    for job in jobs:
        since = answer["gone"].get(number(job["id"]), answer["time"])
        patience = job.get("patience_seconds", 0)
        if answer["time"] - since > _FORGOTTEN_SECONDS + patience:
            outcome = "success" if record(job) == 0 else "failed"
            remember({**job, "outcome": outcome, "reason": "ended, and nobody asked"})


def _ask(jobs: list[dict], server: str, before: dict) -> dict:
    ids = [job["id"] for job in jobs]
    now = time.time()
    answer = {
        "time": now,
        "asked": [number(i) for i in ids],
        "history": before.get("history", True),
    }
    if server == "openpbs":
        found = _openpbs(ids, answer["history"])
        if found == {} and answer["history"]:
            # it keeps none, or knows none of the jobs: what is in its queue counts
            found = _openpbs(ids, False)
            answer["history"] = not found
    else:
        found = _blocks(_qstat("-f", *ids))
    answer["jobs"], gone = found, before.get("gone", {})
    if found is None:
        answer["silent_since"], answer["gone"] = before.get("silent_since") or now, gone
    else:
        away = [i for i in answer["asked"] if not alive(found.get(i, {}))]
        answer["gone"] = {i: gone.get(i, now) for i in away}
    return answer


def _openpbs(ids: list[str], history: bool) -> dict | None:
    # without -E some versions print the first job alone
    words = ["-x", "-E"] if history else ["-E"]
    output = _qstat(*words, "-f", "-F", "json", *ids)
    if not output or not output.strip():
        return output if output is None else {}
    try:
        jobs = json.loads(output, strict=False).get("Jobs", {})
    except ValueError:  # attributes of jobs are not always quoted well
        return _blocks(_qstat(*words, "-f", *ids))
    return {number(job_id): _chosen(attributes) for job_id, attributes in jobs.items()}


def _blocks(output: str | None) -> dict | None:
    """Jobs from blocks of ``Job Id: 12.server`` and indented ``name = value``."""
    if output is None:
        return None
    jobs: dict[str, dict] = {}
    attributes: dict = {}
    for line in output.splitlines():
        if line.startswith("Job Id:"):
            attributes = jobs[number(line.split(":", 1)[1].strip())] = {}
        elif " = " in line:
            name, value = line.strip().split(" = ", 1)
            attributes.setdefault(name, value)
    return {job: _chosen(found) for job, found in jobs.items()}


def _chosen(attributes: dict) -> dict:
    found = {name.lower(): value for name, value in attributes.items()}
    chosen = {name: found[name] for name in ("job_state", "comment") if name in found}
    for name in ("substate", "exit_status"):
        if name in found:
            chosen[name] = int(found[name])
    return chosen


def _qstat(*arguments: str) -> str | None:
    """Standard output, or None if the server did not answer."""
    try:
        result = subprocess.run(
            ["qstat", *arguments], capture_output=True, text=True, timeout=QUERY_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout if result.returncode in _ANSWERED else None
