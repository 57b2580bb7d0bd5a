#!/usr/bin/env python3
"""qsub, qstat and qdel of a server that is a folder; jobs run as processes of this machine.

The folder (in the environment variable FAKE_PBS) holds jobs/<number>.json, which tests may edit,
and settings.json: ``dialect`` (openpbs or torque), ``history``, ``away``, ``first_only`` (qstat as
in OpenPBS's current master), ``refuse`` (an exit code of qsub), ``most`` (jobs of a user),
``cores`` (of the largest node) and ``mem_mb`` (that jobs need). Every call is logged. What it
answers is what OpenPBS servers, 23.06 and the current master, were seen to say, and Torque's manual
says.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["FAKE_PBS"])
DOMAIN = ".server"


def settings() -> dict:
    return json.loads((FOLDER / "settings.json").read_text())


def job_path(job_id: str) -> Path:
    return FOLDER / "jobs" / f"{job_id.removesuffix(DOMAIN)}.json"


def load(job_id: str) -> dict | None:
    path = job_path(job_id)
    return json.loads(path.read_text()) if path.exists() else None


def save(job: dict) -> None:
    temporary = job_path(job["id"]).with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(job))
    temporary.replace(job_path(job["id"]))


# What qsub was seen to print, by its exit code.
SAID = {
    38: "qsub: would exceed complex's per-user limit of jobs in 'Q' state",
    159: "qsub: Unauthorized Request",
    162: "Connection refused\nqsub: cannot connect to server server (errno=111)",
    170: "qsub: Unknown queue",
    173: "qsub: Queue is not enabled",
    187: "qsub: Unknown resource Resource_List.ngpus",
    188: "qsub: Job violates queue and/or server resource limits",
}


def jobs() -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted((FOLDER / "jobs").glob("*.json"))]


def refusal() -> int:
    if settings().get("away"):
        return 162
    alive = sum(job["job_state"] != "F" for job in jobs())
    return 38 if alive >= settings().get("most", 1000) else settings().get("refuse", 0)


def option(words: list[str], value: str) -> str | None:
    """What follows `value=` in one of qsub's words."""
    found = (re.search(rf"(?:^|[:,]){value}[=:]([^,:]+)", word) for word in words)
    return next((match[1] for match in found if match), None)


def waits_for(words: list[str]) -> list[str]:
    """Ids after which a job may start."""
    found = (re.search(r"depend=afterany:([^,]+)", word) for word in words)
    return [job_id for match in found if match for job_id in match[1].split(":")]


def qsub(words: list[str]) -> int:
    folder = FOLDER / "jobs"
    folder.mkdir(exist_ok=True)
    if code := refusal():
        print(SAID[code], file=sys.stderr)
        return code
    job_id = f"{101 + len(list(folder.glob('*.json')))}{DOMAIN}"
    script = folder / f"{job_id}.sh"
    script.write_text(Path(words[-1]).read_text())
    job = {"id": job_id, "words": words, "script": str(script)}
    asked = int(option(words, "ncpus") or option(words, "ppn") or 1)
    if asked > settings().get("cores", 1000):
        never = "Can Never Run: Insufficient amount of resource: ncpus (R: %d A: %d T: %d)"
        cores = settings()["cores"]
        save({**job, "job_state": "Q", "comment": never % (asked, cores, cores)})
    else:
        before = waits_for(words)
        save({**job, "job_state": "H" if before else "R", "substate": 42, "before": before})
        start(job_id)
    print(job_id)
    return 0


def start(job_id: str) -> None:
    """Run a job in the background, and note how it ended."""
    subprocess.Popen(
        [sys.executable, Path(__file__).resolve(), "run", job_id],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run(words: list[str]) -> int:
    (job_id,) = words
    job = load(job_id)
    while any((load(before) or {"job_state": "F"})["job_state"] != "F" for before in job["before"]):
        time.sleep(0.05)
    if load(job_id)["job_state"] == "F":  # deleted while it waited
        return 0
    # the server's umask, unless the job brings one
    mask = int(option(job["words"], "umask") or "077", 8)
    if int((option(job["words"], "mem") or "0mb").removesuffix("mb")) < settings().get("mem_mb", 0):
        save({**load(job_id), "job_state": "F", "substate": 93, "Exit_status": -27})
        return 0
    process = subprocess.Popen(
        ["bash", job["script"]],
        env={**os.environ, "PBS_JOBID": job_id},
        start_new_session=True,
        umask=mask,
    )
    save({**load(job_id), "job_state": "R", "process": process.pid})
    code = process.wait()
    job = load(job_id)
    if job["job_state"] == "R" and job.get("process") == process.pid:
        # a signal is said as 256 and its number
        ending = {
            "substate": 92 if code == 0 else 93,
            "Exit_status": code if code >= 0 else 256 - code,
        }
        save({**job, "job_state": "F", **ending})
    return 0


def qrerun(words: list[str]) -> int:
    """What a server does when a node has failed: the job runs again, if it may."""
    for job_id in words:
        job = load(job_id)
        process = job.pop("process")
        if "-r n" in " ".join(job["words"]):
            save({**job, "job_state": "F", "substate": 93, "Exit_status": 271})
        else:
            save(job)
            start(job_id)
        os.killpg(process, signal.SIGTERM)
    return 0


def qdel(words: list[str]) -> int:
    for job_id in words:
        job = load(job_id)
        if job is None or job["job_state"] == "F":
            return 35
        # as a real server does: a deleted running job has exit status 0
        save({**job, "job_state": "F", "substate": 91, "Exit_status": 0, "comment": "terminated"})
        if "process" in job:
            os.killpg(job["process"], signal.SIGKILL if "kill" in settings() else signal.SIGTERM)
    return 0


def attributes(job: dict) -> dict:
    names = ("job_state", "substate", "Exit_status", "comment")
    return {"Job_Name": "x", **{n: job[n] for n in names if n in job}}


def qstat_openpbs(words: list[str]) -> int:
    if words == ["--version"]:
        print("pbs_version = 23.06.06")
        return 0
    history = settings().get("history", True)
    if "-x" in words and not history:
        print("qstat: PBS is not configured to maintain job history", file=sys.stderr)
        print(json.dumps({"timestamp": 0, "pbs_version": "23.06.06", "pbs_server": "server"}))
        return 0
    found, code = {}, 0
    asked = [w for w in words if w[0].isdigit()]
    if settings().get("first_only") and "-E" not in words and "-F" in words:
        asked = asked[:1]
    for job_id in asked:
        job = load(job_id)
        if job is None or (job["job_state"] == "F" and "-x" not in words):
            print(f"qstat: Unknown Job Id {job_id}", file=sys.stderr)
            code = 0 if "-E" in words else 153
        else:
            found[job["id"]] = attributes(job)
    if "-F" not in words:
        for job_id, values in found.items():
            lines = [f"    {name} = {value}" for name, value in values.items()]
            print("\n".join([f"Job Id: {job_id}", *lines, ""]))
        return code
    if settings().get("broken_json") and found:
        print('{"Jobs":{"101.server":{"Variable_List":{"A":"say "hello""}')
        return code
    print(json.dumps({"timestamp": 0, **({"Jobs": found} if found else {})}))
    return code


def qstat_torque(words: list[str]) -> int:
    if words[0] != "-f":
        print("usage: qstat [-f] [-W site_specific] job_identifier", file=sys.stderr)
        return 2
    code = 0
    for job_id in words[1:]:
        job = load(job_id)
        if job is None:
            print(f"qstat: Unknown Job Id {job_id}", file=sys.stderr)
            code = 153
            continue
        state = "C" if job["job_state"] == "F" else job["job_state"]
        print(f"Job Id: {job['id']}\n    Job_Name = x\n    job_state = {state}")
        print("    Variable_List = PBS_O_HOME=/home/me,\n\tPBS_O_LANG = C")
        if settings().get("exit_status") and "Exit_status" in job:
            print(f"    exit_status = {job['Exit_status']}")
        print()
    return code


def qstat(words: list[str]) -> int:
    return qstat_openpbs(words) if settings()["dialect"] == "openpbs" else qstat_torque(words)


if __name__ == "__main__":
    called, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    if called == "fake_pbs.py":
        sys.exit(run(arguments[1:]))
    with open(FOLDER / "calls", "a") as calls:
        calls.write(f"{time.time()} {called} {' '.join(arguments)}\n")
    if settings().get("away") and called != "qsub" and arguments != ["--version"]:
        print("Connection refused\nqstat: cannot connect to server (errno=111)", file=sys.stderr)
        sys.exit(111)
    sys.exit({"qsub": qsub, "qstat": qstat, "qdel": qdel, "qrerun": qrerun}[called](arguments))
