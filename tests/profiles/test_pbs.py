"""The PBS profile's commands against a server that answers as OpenPBS, without history, as Torque,
or not at all.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workflow_copy import ROOT

HERE = Path(__file__).parent
JOB = {
    "type": "single",
    "rule": "train",
    "local": False,
    "input": ["results/data/digits.h5"],
    "output": ["results/digits/runs/a/trajectory.h5"],
    "wildcards": {"run": "a"},
    "params": {"code": "1"},
    "log": ["results/digits/logs/train/a.log"],
    "threads": 2,
    "resources": {"mem_mb": 1500, "runtime": 3, "gpu": 0},
    "jobid": 4,
}


class Site:
    """A folder with the profile in it, and a fake server that it talks to."""

    def __init__(self, folder: Path, **settings):
        self.folder, self.server = folder, folder / "server"
        shutil.copytree(ROOT / "pbs", folder / "pbs", ignore=shutil.ignore_patterns("__pycache__"))
        binaries = folder / "bin"
        binaries.mkdir()
        self.server.mkdir()
        for name in ("qsub", "qstat", "qdel"):
            (binaries / name).symlink_to(HERE / "fake_pbs.py")
        self.environment = {
            **os.environ,
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "FAKE_PBS": str(self.server),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.set(**{"dialect": "openpbs", **settings})
        self.configure(poll_seconds=0, patience_seconds=0)

    def set(self, **settings):
        path = self.server / "settings.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**before, **settings}))

    def configure(self, **site):
        (self.folder / "pbs" / "site.yaml").write_text(json.dumps(site))

    def run(self, *words) -> subprocess.CompletedProcess:
        return subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True
        )

    def submit(self, body="true", **changes) -> subprocess.CompletedProcess:
        """A job that runs the body, which stops for nothing but a signal if it is not told."""
        path = self.folder / "jobscript.sh"
        path.write_text(f"#!/bin/sh\n# properties = {json.dumps({**JOB, **changes})}\n{body}\n")
        return self.run(sys.executable, "pbs/submit.py", str(path))

    def submitted(self, body="true", **changes) -> str:
        result = self.submit(body, **changes)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def status(self, job) -> tuple[str, str]:
        result = self.run(sys.executable, "-S", "-E", "pbs/status.py", job)
        assert result.returncode == 0
        return result.stdout.strip(), result.stderr.strip()

    def ended(self, job) -> tuple[str, str]:
        deadline = time.monotonic() + 60
        while (found := self.status(job))[0] == "running":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return found

    def job(self, job) -> dict:
        return json.loads((self.server / "jobs" / f"{job.split('.')[0]}.json").read_text())

    def edit(self, job, **changes):
        path = self.server / "jobs" / f"{job.split('.')[0]}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def without_record(self, **ending) -> str:
        """A job that ended as the server says and could not write down how."""
        job = self.submitted()
        deadline = time.monotonic() + 60
        while self.job(job)["job_state"] != "F":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for record in (self.folder / ".snakemake/pbs/exit").iterdir():
            record.unlink()
        self.edit(job, **ending)
        return job

    def calls(self, name) -> list[str]:
        lines = (self.server / "calls").read_text().splitlines()
        return [line.split(" ", 1)[1] for line in lines if line.split()[1] == name]


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


DIALECTS = [
    {"dialect": "openpbs"},
    {"dialect": "openpbs", "history": False},
    {"dialect": "torque"},
]


@pytest.mark.parametrize("settings", DIALECTS, ids=["history", "no history", "torque"])
@pytest.mark.parametrize(("body", "outcome"), [("true", "success"), ("exit 3", "failed")])
def test_the_job_says_itself_how_it_ended(tmp_path, settings, body, outcome):
    site = Site(tmp_path, **settings)
    found, said = site.ended(site.submitted(body))
    assert found == outcome
    assert ("exit status 3" in said) is (outcome == "failed")


def test_words_for_openpbs(site):
    site.configure(queue="long", gpu_queue="gpus", project="brains", options=["-m", "n"])
    site.submitted()
    (call,) = site.calls("qsub")
    assert "-l select=1:ncpus=2:mem=1500mb -l walltime=180 -q long -P brains -m n" in call
    assert "ngpus" not in call
    assert "-S /bin/bash" in call  # a login shell may be any
    site.submitted(resources={**JOB["resources"], "gpu": 1})
    assert "select=1:ncpus=2:mem=1500mb:ngpus=1 -l walltime=180 -q gpus" in site.calls("qsub")[1]


def test_words_for_torque(tmp_path):
    site = Site(tmp_path, dialect="torque")
    site.configure(project="brains")
    site.submitted(resources={**JOB["resources"], "gpu": 1})
    (call,) = site.calls("qsub")
    assert "-l nodes=1:ppn=2:gpus=1,mem=1500mb,walltime=180 -A brains" in call


def test_output_lands_in_the_studys_folder_and_the_site_prepares_the_job(site):
    site.configure(setup=["export GREETING='good day'"], scratch=f"{site.folder}/tmp/$PBS_JOBID")
    job = site.submitted('echo "$GREETING from $TMPDIR"; echo worse >&2; test -d "$TMPDIR"')
    assert site.ended(job)[0] == "success"
    (log,) = (site.folder / "results/digits/logs/cluster").glob("train-a-*.log")
    text = log.read_text()
    assert f"good day from {site.folder}/tmp/{job}\nworse\n" in text
    assert f"job {job} on " in text


@pytest.mark.parametrize(
    ("site_file", "message"),
    [
        ({"que": "x"}, "unknown key 'que'; allowed: queue, gpu_queue"),
        ({"server": "lsf"}, "server: 'lsf'; allowed: auto, openpbs, torque"),
        ({"setup": "module load x"}, "setup: 'module load x'; allowed: a list"),
    ],
)
def test_a_wrong_site_file_is_one_line(site, site_file, message):
    site.configure(**site_file)
    result = site.submit()
    assert result.returncode != 0
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("ending", "outcome", "said"),
    [
        ({"substate": 93, "Exit_status": -29}, "failed", "killed at its time limit"),
        ({"substate": 91, "Exit_status": 0}, "failed", "deleted"),
        ({"substate": 91, "Exit_status": None}, "failed", "deleted"),
        ({"substate": 93, "Exit_status": 271}, "failed", "exit status 271"),
        ({"substate": 92, "Exit_status": 0}, "success", ""),
    ],
)
def test_openpbs_decides_where_the_job_could_not(site, ending, outcome, said):
    job = site.without_record(**ending)
    if ending["Exit_status"] is None:  # deleted while it was queued
        path = site.server / "jobs" / "101.json"
        found = json.loads(path.read_text())
        del found["Exit_status"]
        path.write_text(json.dumps(found))
    found, message = site.ended(job)
    assert found == outcome
    assert said in message
    assert site.status(job)[0] == outcome  # and it stays so


def test_json_that_is_none_is_asked_for_as_text(site):
    site.set(broken_json=True)
    job = site.without_record(substate=93, Exit_status=-29)
    found, said = site.ended(job)
    assert found == "failed"
    assert "killed at its time limit" in said


def test_a_server_without_history_is_asked_for_it_once(tmp_path):
    site = Site(tmp_path, history=False)
    job = site.submitted("sleep 60")
    for _ in range(4):
        assert site.status(job)[0] == "running"
    assert sum(" -x " in call for call in site.calls("qstat")) == 1
    os.killpg(_process(site, job), 9)


@pytest.mark.parametrize("settings", DIALECTS[1:], ids=["no history", "torque"])
def test_ended_without_a_record_or_a_history_is_failed(tmp_path, settings):
    site = Site(tmp_path, **settings)
    job = site.without_record()
    assert site.ended(job)[0] == "failed"


def test_torque_with_exit_status(tmp_path):
    site = Site(tmp_path, dialect="torque", exit_status=True)
    for code, outcome in ((0, "success"), (-11, "failed")):
        job = site.without_record(Exit_status=code)
        assert site.ended(job)[0] == outcome


def test_vanished_jobs_are_lost_after_a_while_only(site):
    site.configure(poll_seconds=0, patience_seconds=1)
    job = site.submitted("sleep 60")
    assert site.status(job)[0] == "running"
    os.killpg(_process(site, job), 9)
    (site.server / "jobs" / "101.json").unlink()
    begin = time.monotonic()
    assert site.status(job)[0] == "running"
    found, said = site.ended(job)
    assert found == "failed"
    assert "does not know it any more" in said
    assert time.monotonic() - begin >= 1


def test_a_job_that_comes_back_was_not_lost(site):
    site.configure(poll_seconds=0, patience_seconds=1)
    job = site.submitted("sleep 60")
    _process(site, job)
    path = site.server / "jobs" / "101.json"
    path.rename(path.with_suffix(".away"))
    assert site.status(job)[0] == "running"
    path.with_suffix(".away").rename(path)
    assert site.status(job)[0] == "running"
    time.sleep(1.1)
    path.rename(path.with_suffix(".away"))
    assert site.status(job)[0] == "running"
    path.with_suffix(".away").rename(path)
    os.killpg(_process(site, job), 9)


def test_a_server_that_does_not_answer_is_waited_for(site):
    job = site.submitted("sleep 60")
    site.set(away=True)
    assert site.status(job) == ("running", "")
    answer = site.folder / ".snakemake/pbs/answer.json"
    content = json.loads(answer.read_text())
    answer.write_text(json.dumps({**content, "silent_since": content["silent_since"] - 61}))
    assert site.status(job) == ("running", f"job {job} ({_name(site)}): " + SILENT)
    assert site.status(job) == ("running", "")
    site.set(away=False)
    assert site.status(job)[0] == "running"
    os.killpg(_process(site, job), 9)


SILENT = "the server does not answer; waiting for it"


def test_a_job_that_ends_while_the_server_is_away_is_seen(site):
    job = site.submitted("true")
    site.set(away=True)
    assert site.ended(job)[0] == "success"


def test_a_held_job_waits_and_says_so_once(site):
    job = site.submitted("sleep 60")
    process = _process(site, job)
    site.edit(job, job_state="H", comment="job held, too many failed attempts to run")
    found, said = site.status(job)
    assert found == "running"
    assert "held (job held, too many failed attempts to run)" in said
    assert site.status(job) == ("running", "")
    os.killpg(process, 9)


def test_one_query_for_all_jobs_of_a_round(site):
    site.configure(poll_seconds=60, patience_seconds=60)
    jobs = [site.submitted("sleep 60", wildcards={"run": str(i)}) for i in range(5)]
    for job in jobs * 2:
        assert site.status(job)[0] == "running"
    queries = [call for call in site.calls("qstat") if "--version" not in call]
    assert len(queries) == 1
    assert all(job in queries[0] for job in jobs)
    for job in jobs:
        os.killpg(_process(site, job), 9)


def test_sigterm_reaches_what_the_job_runs_and_its_answer_is_kept(site):
    ready = site.folder / "ready"
    job = site.submitted(
        f"sh -c 'trap \"echo saved; exit 1\" TERM; touch {ready}; while :; do sleep 0.1; done'"
    )
    deadline = time.monotonic() + 30
    while not ready.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(_process(site, job), 15)  # to the job's shell alone
    found, _ = site.ended(job)
    assert found == "failed"
    (log,) = (site.folder / "results/digits/logs/cluster").glob("*.log")
    assert "saved" in log.read_text()


def test_cancel_deletes_jobs_at_once(site):
    jobs = [site.submitted("sleep 60", wildcards={"run": str(i)}) for i in range(3)]
    for job in jobs:
        _process(site, job)
    begin = time.monotonic()
    site.run(str(site.folder / "pbs" / "cancel"), *jobs).check_returncode()
    assert time.monotonic() - begin < 60
    for job in jobs:
        found, said = site.ended(job)
        assert found == "failed"
        assert "SIGTERM" in said or "deleted" in said


def test_a_job_of_an_earlier_snakemake_goes_on(site):
    first = site.submitted("sleep 60")
    _process(site, first)
    assert site.submitted("sleep 60", jobid=17) == first
    assert len(site.calls("qsub")) == 1
    changed = site.submitted("true", params={"code": "2"})
    assert changed != first
    os.killpg(_process(site, first), 9)
    site.edit(first, job_state="F", substate=93, Exit_status=265)
    assert site.ended(first)[0] == "failed"
    assert site.submitted("true") not in (first, changed)


def test_a_refused_job_says_why(site, monkeypatch):
    site.set(away=True)
    script = site.folder / "pbs" / "submit.py"
    script.write_text(script.read_text().replace("(5, 20, 0)", "(0.1, 0.1, 0)"))
    result = site.submit()
    assert result.returncode != 0
    assert "Connection refused" in result.stderr
    assert len(site.calls("qsub")) == 3


WORKFLOW = """
rule all:
    input: expand("results/tiny/{name}.txt", name=["good", "again", "deleted"])
rule good:
    output: "results/tiny/good.txt"
    resources: gpu=0
    shell: "echo good > {output}"
rule again:
    output: "results/tiny/again.txt"
    resources: gpu=0, runtime=lambda wildcards, attempt: 7 * attempt
    shell: "test -e tried && echo again > {output} || (touch tried; exit 1)"
rule deleted:
    output: "results/tiny/deleted.txt"
    resources: gpu=0
    shell: "test -e deleted || (touch deleted; sleep 120) && echo deleted > {output}"
"""


def test_a_small_workflow_through_snakemake(site):
    """Jobs that fail, or are deleted, come back; the second attempt has more time."""
    site.configure(poll_seconds=1, patience_seconds=2)
    (site.folder / "Snakefile").write_text(WORKFLOW)
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--profile", "pbs"]
        + ["--seconds-between-status-checks", "1", "--latency-wait", "5"],
        cwd=site.folder,
        env=site.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (site.folder / "deleted").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.1)
    calls = site.calls("qsub")
    number = 101 + next(i for i, call in enumerate(calls) if "-N deleted" in call)
    site.run(str(site.folder / "bin" / "qdel"), f"{number}.server")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    calls = site.calls("qsub")
    assert len(calls) == 5
    times = [call.split("walltime=")[1].split()[0] for call in calls if "-N again" in call]
    assert times == ["420", "840"]
    assert len(list((site.folder / "results/tiny/logs/cluster").glob("*.log"))) == 5


def _process(site, job) -> int:
    """The session of a running job."""
    deadline = time.monotonic() + 30
    while "process" not in site.job(job):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return site.job(job)["process"]


def _name(site) -> str:
    (path,) = (site.folder / ".snakemake/pbs/jobs").glob("*.json")
    return json.loads(path.read_text())["name"]
