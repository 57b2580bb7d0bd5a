"""Submit one of Snakemake's job scripts with qsub and print the job's id.

A job that an earlier Snakemake submitted and that is still queued or running is not submitted
again: its id is printed.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shlex
import subprocess
import sys
import time
from pathlib import Path

import server
import yaml

SITE = Path(__file__).with_name("site.yaml")
# The job runs in a process group of its own, which gets the signal that the server sends.
SCRIPT = """\
#!/bin/bash
cd {folder} || exit 1
exec >>{log} 2>&1 </dev/null
record={record}
rm -f "$record"
echo "job ${{PBS_JOBID:-$SLURM_JOB_ID}} on $(hostname), $(date)"
{scratch}
{setup}
set -m
(
{body}
) &
job=$!
stop() {{ kill -TERM -- "-$job"; }}
trap stop TERM INT
wait "$job"
code=$?
while [ "$code" -gt 128 ] && kill -0 "$job" 2>/dev/null; do
  wait "$job"
  code=$?
done
echo "$code" >"$record.new" && mv "$record.new" "$record"
exit "$code"
"""


class SiteError(Exception):
    """Something in site.yaml, or the server's refusal, in one line."""


def read_site(path: Path) -> dict:
    """Settings of the site; keys are those of the file that comes with the profile."""
    site = yaml.safe_load(path.read_text()) or {}
    known = {
        **dict.fromkeys(("queue", "gpu_queue", "project", "scratch")),
        "options": [],
        "setup": [],
        "server": "auto",
        "poll_seconds": 25,
        "patience_seconds": 120,
    }
    for key in site:
        if key not in known:
            raise SiteError(f"{path}: unknown key '{key}'; allowed: {', '.join(known)}")
    site = {**known, **{key: value for key, value in site.items() if value is not None}}
    if site["server"] not in ("auto", "openpbs", "torque"):
        raise SiteError(f"{path}: server: {site['server']!r}; allowed: auto, openpbs, torque")
    for key in ("options", "setup"):
        if not isinstance(site[key], list):
            raise SiteError(f"{path}: {key}: {site[key]!r}; allowed: a list")
    return site


def properties(jobscript: str) -> dict:
    """What Snakemake says about the job in its script."""
    return json.loads(re.search(r"^# properties = (.*)$", jobscript, re.M)[1])


def key_of(job: dict) -> str:
    """The same for the same job of a later Snakemake, if nothing it depends on has changed."""
    names = ("type", "rule", "groupid", "wildcards", "params", "input", "output")
    text = json.dumps([job.get(name) for name in names], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def name_of(job: dict) -> str:
    """Readable, and different for every submission."""
    words = [job.get("rule") or job["groupid"], *(job.get("wildcards") or {}).values()]
    words = re.sub(r"[^A-Za-z0-9._+-]", ".", "-".join(map(str, words)))[:120]
    return f"{words}-{time.strftime('%m%d.%H%M%S')}-{secrets.token_hex(2)}"


def log_folder(job: dict) -> Path:
    """Of the study that the job works for."""
    for path in [*(job.get("output") or []), *(job.get("log") or [])]:
        study = re.match(r"results/([^/]+)/", str(path))
        if study:
            return Path("results", study[1], "logs", "cluster")
    return Path("results/logs/cluster")


def resources(job: dict, kind: str) -> list[str]:
    """Words for qsub. GPUs are left out where none is asked: a server may not know the word."""
    asked = job["resources"]
    cores, memory, gpus = job["threads"], asked.get("mem_mb", 2000), int(asked.get("gpu", 0))
    walltime = f"walltime={60 * int(asked.get('runtime', 30))}"
    if kind == "openpbs":
        select = f"select=1:ncpus={cores}:mem={memory}mb" + (f":ngpus={gpus}" if gpus else "")
        return ["-l", select, "-l", walltime]
    nodes = f"nodes=1:ppn={cores}" + (f":gpus={gpus}" if gpus else "")
    return ["-l", f"{nodes},mem={memory}mb,{walltime}"]


def command(job: dict, site: dict, kind: str, messages: Path) -> list[str]:
    """The whole qsub command but for the script."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", job.get("rule") or job["groupid"])[:15]
    queue = site["queue"]
    if int(job["resources"].get("gpu", 0)) and site["gpu_queue"]:
        queue = site["gpu_queue"]
    # without -S it is the user's login shell that reads the script
    words = ["qsub", "-S", "/bin/bash", "-N", name, "-j", "oe", "-o", str(messages)]
    words += resources(job, kind)
    if queue:
        words += ["-q", str(queue)]
    if site["project"]:
        words += ["-P" if kind == "openpbs" else "-A", str(site["project"])]
    return words + [str(option) for option in site["options"]]


def script(jobscript: str, job: dict, site: dict, log: Path, record: Path) -> str:
    """What the node runs: the site's lines, Snakemake's script, and the exit record."""
    scratch = site["scratch"]
    return SCRIPT.format(
        folder=shlex.quote(str(Path.cwd())),
        log=shlex.quote(str(log)),
        record=shlex.quote(str(record)),
        scratch=f'export TMPDIR="{scratch}"\nmkdir -p "$TMPDIR"' if scratch else "",
        setup="\n".join(map(str, site["setup"])),
        body=jobscript,
    )


def running_already(key: str, site: dict) -> str | None:
    """Id of a job of an earlier Snakemake that does the same and has not ended."""
    for job in server.unfinished():
        if job.get("key") == key and server.record(job) is None:
            attributes, _ = server.state(job, site["poll_seconds"])
            if attributes and server.alive(attributes) and attributes["job_state"] != "E":
                return job["id"]
    return None


def submit(path: Path) -> str:
    """Submit a job script; the id."""
    site, jobscript = read_site(SITE), path.read_text()
    job = properties(jobscript)
    key = key_of(job)
    earlier = running_already(key, site)
    if earlier:
        print(f"job {earlier} of an earlier snakemake goes on", file=sys.stderr)
        return earlier
    kind = server.kind() if site["server"] == "auto" else site["server"]
    name, logs = name_of(job), Path.cwd() / log_folder(job)
    records = Path.cwd() / server.STATE / "exit"
    for folder in (logs, records):
        folder.mkdir(parents=True, exist_ok=True)
    wrapped = records / f"{name}.sh"
    wrapped.write_text(script(jobscript, job, site, logs / f"{name}.log", records / name))
    job_id = _qsub([*command(job, site, kind, logs / f"{name}.pbs"), str(wrapped)])
    wrapped.unlink()
    kept = {k: site[k] for k in ("poll_seconds", "patience_seconds")}
    server.remember({"id": job_id, "name": name, "key": key, "server": kind, **kept})
    return job_id


def _qsub(words: list[str]) -> str:
    """The id that qsub prints; a server that is busy gets a second and a third chance."""
    for wait in (5, 20, 0):
        result = subprocess.run(words, capture_output=True, text=True)
        lines = result.stdout.split()
        if result.returncode == 0 and lines:
            return lines[-1]
        time.sleep(wait)
    said = " ".join((result.stderr + result.stdout).split())
    raise SiteError(f"{shlex.join(words)}: {said}")


if __name__ == "__main__":
    try:
        print(submit(Path(sys.argv[1])))
    except SiteError as error:
        sys.exit(str(error))
