#!/usr/bin/env python3
"""qsub, qstat and qdel of a server that is a folder; jobs run as processes of this machine.

The folder (in the environment variable FAKE_PBS) holds jobs/<number>.json, which tests may edit,
and settings.json: ``dialect`` (openpbs or torque), ``history``, ``away``. Every call is logged.
What it answers is what an OpenPBS 23.06 server and Torque's manual say.
"""

import json
import os
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


def qsub(words: list[str]) -> int:
    folder = FOLDER / "jobs"
    folder.mkdir(exist_ok=True)
    job_id = f"{101 + len(list(folder.glob('*.json')))}{DOMAIN}"
    script = folder / f"{job_id}.sh"
    script.write_text(Path(words[-1]).read_text())
    save({"id": job_id, "words": words, "job_state": "R", "substate": 42})
    # qsub runs the job itself, in the background, and notes how it ended
    subprocess.Popen(
        [sys.executable, Path(__file__).resolve(), "run", job_id, str(script)],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    print(job_id)
    return 0


def run(words: list[str]) -> int:
    job_id, script = words
    environment = {**os.environ, "PBS_JOBID": job_id}
    process = subprocess.Popen(["bash", script], env=environment, start_new_session=True)
    save({**load(job_id), "process": process.pid})
    code = process.wait()
    job = load(job_id)
    if job["job_state"] == "R":
        ending = {"substate": 92 if code == 0 else 93, "Exit_status": code}
        save({**job, "job_state": "F", **ending})
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
    for job_id in [w for w in words if w[0].isdigit()]:
        job = load(job_id)
        if job is None or (job["job_state"] == "F" and "-x" not in words):
            print(f"qstat: Unknown Job Id {job_id}", file=sys.stderr)
            code = 153
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
    if settings().get("away") and arguments != ["--version"]:
        print("Connection refused\nqstat: cannot connect to server (errno=111)", file=sys.stderr)
        sys.exit(111)
    sys.exit({"qsub": qsub, "qstat": qstat, "qdel": qdel}[called](arguments))
