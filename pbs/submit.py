"""Submit one of Snakemake's job scripts with qsub and print the job's id.

What jobs of an earlier Snakemake do that are still queued or running is not done again: their ids
are printed. Where they do only a part of it, or did it under other settings, the job starts after
they have ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import server
import yaml

SITE = Path(__file__).with_name("site.yaml")
_SOURCES = (".py", ".smk", ".yaml")
_FRESH = 2  # seconds that an answer may be old on which a job's dependencies are built
# qsub's exit codes of a server that cannot be reached and of a user with too many jobs, which pass
# (38 and 162 were seen; 185, 186 and 198 say the same in PBS's list of errors), and of refusals.
_PASSING = {38, 162, 185, 186, 198}
_REFUSALS = {159, 170, 173, 187, 188}
_CHANCES = 3  # of a server that refuses a job with another one
# Other commands named qsub have exit codes of their own.
_NO_CONNECTION = re.compile(r"connect|connection|communicat|contact|timed out|timeout", re.I)
# The job runs in a process group of its own, which gets the signal that the server sends.
SCRIPT = """\
#!/bin/bash
umask {umask}
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


def key_of(job: dict, jobscript: str) -> str:
    """The same for jobs of another Snakemake that do some of the same in the same way.

    A job's params hold its settings and a fingerprint of its code. Of a group Snakemake says none:
    there it is the workflow's files and the config that must be the same.
    """
    text = json.dumps([job.get(name) for name in ("type", "rule", "groupid", "params")])
    key = hashlib.sha256(text.encode())
    if job["type"] == "group":
        words = arguments(jobscript)
        key.update(" ".join(words.get("--config", [])).encode())
        files = [path for path in Path("workflow").rglob("*") if path.suffix in _SOURCES]
        for path in [Path("Snakefile"), *sorted(files), *map(Path, words.get("--configfiles", []))]:
            if path.is_file():
                key.update(path.read_bytes())
    return key.hexdigest()


def arguments(jobscript: str) -> dict[str, list[str]]:
    """Words after each option of the snakemake that the script starts."""
    lines = jobscript.splitlines()
    found: dict[str, list[str]] = {}
    words: list[str] = []
    for word in shlex.split(lines[_snakemake_line(lines)]):
        if word.startswith("--"):
            words = found.setdefault(word, [])
        else:
            words.append(word)
    return found


def _snakemake_line(lines: list[str]) -> int:
    for i, line in enumerate(lines):
        if " -m snakemake " in line and not line.startswith("#"):
            return i
    raise SiteError("snakemake's job script starts no snakemake; allowed: snakemake 9")


def files_of(job: dict, jobscript: str) -> list[str]:
    """What the job writes; if that is too much for Snakemake to say, which rules it runs."""
    if job.get("output") is not None:
        return sorted(job["output"])
    words = arguments(jobscript)
    study = " ".join(words.get("--configfiles", []))
    return sorted(f"{target} of {study}" for target in words["--target-jobs"])


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


def queue_of(job: dict, site: dict) -> str | None:
    """Where the job goes; None for the server's default."""
    gpu = int(job["resources"].get("gpu", 0)) and site["gpu_queue"]
    return str(gpu or site["queue"]) if gpu or site["queue"] else None


def umask() -> int:
    """That of this process."""
    found = os.umask(0)
    os.umask(found)
    return found


def command(job: dict, site: dict, kind: str, messages: Path, after: list[str]) -> list[str]:
    """The whole qsub command but for the script; it starts after others have ended."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", job.get("rule") or job["groupid"])[:15]
    # without -S it is the user's login shell that reads the script
    words = ["qsub", "-S", "/bin/bash", "-N", name, "-j", "oe", "-o", str(messages)]
    # what the server would queue again by itself, Snakemake submits again
    words += ["-r", "n"]
    if kind == "openpbs":  # for the server's messages; what jobs write gets it from their script
        words += ["-W", f"umask={umask():04o}"]
    if after:
        words += ["-W", "depend=afterany:" + ":".join(after)]
    words += resources(job, kind)
    if queue := queue_of(job, site):
        words += ["-q", queue]
    if site["project"]:
        words += ["-P" if kind == "openpbs" else "-A", str(site["project"])]
    return words + [str(option) for option in site["options"]]


def within(jobscript: str, job: dict) -> str:
    """The script, with what the job asked for as the limits of the snakemake that it starts.

    Without them the members of a group would all run at once.

    Raises:
        SiteError: if it starts no snakemake of the kind that is known.
    """
    asked = job["resources"]
    limits = [f"{name}={asked[name]}" for name in ("mem_mb", "gpu") if name in asked]
    words = " ".join(
        ["--cores", str(job["threads"]), *(["--resources", *limits] if limits else [])]
    )
    lines = jobscript.splitlines()
    place = _snakemake_line(lines)
    lines[place], found = re.subn(r"--cores \S+", words, lines[place], count=1)
    if not found:
        raise SiteError("snakemake's job script has no '--cores'; allowed: snakemake 9")
    return "\n".join(lines)


def script(jobscript: str, job: dict, site: dict, log: Path, record: Path) -> str:
    """What the node runs: the site's lines, Snakemake's script, and the exit record."""
    scratch = site["scratch"]
    return SCRIPT.format(
        umask=f"{umask():04o}",
        folder=shlex.quote(str(Path.cwd())),
        log=shlex.quote(str(log)),
        record=shlex.quote(str(record)),
        scratch=f'export TMPDIR="{scratch}"\nmkdir -p "$TMPDIR"' if scratch else "",
        setup="\n".join(map(str, site["setup"])),
        body=within(jobscript, job),
    )


def of_earlier_snakemakes(files: list[str]) -> list[dict]:
    """Jobs that have not ended and write some of the same files; those that end now with no key."""
    found = []
    for job in server.unfinished():
        if set(files) & set(job.get("output", ())) and server.record(job) is None:
            attributes, _ = server.state(job, _FRESH)
            # of a server that does not answer nothing is known: they may be running
            if attributes is None or server.alive(attributes):
                ending = (attributes or {}).get("job_state") == "E"
                found.append({**job, "key": None} if ending else job)
    return found


def goes_on(earlier: list[dict], key: str, files: list[str]) -> bool:
    """Whether earlier jobs do all of this one, in the same way."""
    written = {path for job in earlier for path in job["output"]}
    return bool(earlier) and {job["key"] for job in earlier} == {key} and written >= set(files)


def submit(path: Path) -> str:
    """Submit a job script; the id."""
    site, jobscript = read_site(SITE), path.read_text()
    job = properties(jobscript)
    key, files = key_of(job, jobscript), files_of(job, jobscript)
    earlier = of_earlier_snakemakes(files)
    ids = [before["id"] for before in earlier]
    if goes_on(earlier, key, files):
        print(f"job {', '.join(ids)} of an earlier snakemake goes on", file=sys.stderr)
        if len(ids) > 1:
            server.remember({"id": "+".join(ids), "follows": ids, "output": job["output"] or []})
        return "+".join(ids)
    if earlier:
        print(
            f"job {', '.join(ids)} of an earlier snakemake writes {_some_of(files, earlier)}: this "
            "one starts when that has ended (qdel ends it now)",
            file=sys.stderr,
        )
    kind = server.kind() if site["server"] == "auto" else site["server"]
    name, logs = name_of(job), Path.cwd() / log_folder(job)
    records = Path.cwd() / server.STATE / "exit"
    for folder in (logs, records):
        folder.mkdir(parents=True, exist_ok=True)
    wrapped = records / f"{name}.sh"
    try:
        wrapped.write_text(script(jobscript, job, site, logs / f"{name}.log", records / name))
        words = [*command(job, site, kind, logs / f"{name}.pbs", ids), str(wrapped)]
        queue = queue_of(job, site) or "default"
        job_id = _qsub(words, f"job {name}, queue {queue}", site["poll_seconds"])
    finally:
        wrapped.unlink(missing_ok=True)
    kept = {k: site[k] for k in ("poll_seconds", "patience_seconds")}
    known = {"id": job_id, "name": name, "key": key, "output": files, "server": kind, **kept}
    server.remember({**known, "mem_mb": job["resources"].get("mem_mb")})
    return job_id


def _some_of(files: list[str], earlier: list[dict]) -> str:
    written = {path for job in earlier for path in job["output"]}
    return next(path for path in files if path in written)


def _qsub(words: list[str], what: str, pause: float) -> str:
    """The id that qsub prints; a server that is away, or full of the user's jobs, is waited for.

    Raises:
        SiteError: if it refuses the job.
        KeyboardInterrupt: if that is asked for, but not while qsub runs: it may have submitted.
    """
    said_at, unclear = None, 0
    while True:
        with _interrupts_noted() as interrupts:
            result = subprocess.run(words, capture_output=True, text=True, start_new_session=True)
        if result.returncode == 0 and result.stdout.split():
            return result.stdout.split()[-1]
        if interrupts:
            raise KeyboardInterrupt
        code, said = result.returncode, " ".join((result.stderr + result.stdout).split())
        if code in _PASSING or (code not in _REFUSALS and _NO_CONNECTION.search(said)):
            if said_at is None or time.monotonic() - said_at >= 60:
                said_at = time.monotonic()
                print(f"{what}: waiting for the server: {said}", file=sys.stderr, flush=True)
        else:
            unclear += 1
            if code in _REFUSALS or unclear == _CHANCES:
                raise SiteError(f"{what}: refused by the server (exit code {code}): {said}")
        time.sleep(max(pause, 0.1))


@contextmanager
def _interrupts_noted() -> Iterator[list[int]]:
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    try:
        print(submit(Path(sys.argv[1])))
    except SiteError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
