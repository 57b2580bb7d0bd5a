"""The PBS profile's commands against a server that answers as OpenPBS, without history, as Torque,
or not at all.
"""

import importlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from group_workflow import GROUPS, most_at_once
from workflow_copy import ROOT, SMOKE, WorkflowCopy

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
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "pbs", folder / "pbs", ignore=ignore, dirs_exist_ok=True)
        binaries = folder / "bin"
        binaries.mkdir()
        self.server.mkdir()
        for name in ("qsub", "qstat", "qdel", "qrerun"):
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

    def jobscript(self, body, changes) -> Path:
        """A script as Snakemake writes it, but that the snakemake it starts runs the body."""
        path = self.folder / "jobscript.sh"
        call = f"sh -c {shlex.quote(body)} -m snakemake --target-jobs 'a:run=a' --cores 16 --force"
        path.write_text(f"#!/bin/sh\n# properties = {json.dumps({**JOB, **changes})}\n{call}\n")
        return path

    def submit(self, body="true", **changes) -> subprocess.CompletedProcess:
        """A job that runs the body, which stops for nothing but a signal if it is not told."""
        path = self.jobscript(body, changes)
        return self.run(sys.executable, "pbs/submit.py", str(path))

    def submitting(self, body="true", **changes) -> subprocess.Popen:
        """As `submit`, without waiting for it."""
        return subprocess.Popen(
            [sys.executable, "pbs/submit.py", str(self.jobscript(body, changes))],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

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
        _until(lambda: self.job(job)["job_state"] == "F")
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
        ({"substate": 93, "Exit_status": -27}, "failed", "more memory than it asked for, 1500 MB"),
        ({"substate": 93, "Exit_status": 271}, "failed", "killed by SIGTERM (exit status 271)"),
        ({"substate": 93, "Exit_status": 265}, "failed", "killed by SIGKILL (exit status 265)"),
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


def test_a_server_that_answers_for_the_first_job_alone_loses_none(tmp_path):
    site = Site(tmp_path, first_only=True)
    jobs = [site.submitted("sleep 60", **_run(str(i))) for i in range(3)]
    for job in jobs:
        _process(site, job)
    for job in jobs * 2:
        assert site.status(job) == ("running", "")
    for job in jobs:
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
    jobs = [site.submitted("sleep 60", **_run(str(i))) for i in range(5)]
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
    _appears(ready)
    os.kill(_process(site, job), 15)  # to the job's shell alone
    found, _ = site.ended(job)
    assert found == "failed"
    (log,) = (site.folder / "results/digits/logs/cluster").glob("*.log")
    assert "saved" in log.read_text()


def test_cancel_deletes_jobs_at_once(site):
    jobs = [site.submitted("sleep 60", **_run(str(i))) for i in range(3)]
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


REFUSALS = {
    159: "Unauthorized Request",
    170: "Unknown queue",
    173: "Queue is not enabled",
    187: "Unknown resource Resource_List.ngpus",
    188: "Job violates queue and/or server resource limits",
}


@pytest.mark.parametrize(("code", "said"), REFUSALS.items())
def test_a_refusal_stops_at_once_in_one_line(site, code, said):
    site.configure(poll_seconds=0, queue="gpuq")
    site.set(refuse=code)
    result = site.submit()
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("job train-a-")
    assert f"queue gpuq: refused by the server (exit code {code}): qsub: {said}" in line
    assert len(site.calls("qsub")) == 1
    assert not list((site.folder / ".snakemake/pbs/exit").iterdir())


@pytest.mark.parametrize(
    ("trouble", "end", "said"),
    [
        ({"away": True}, {"away": False}, "cannot connect to server"),
        ({"most": 0}, {"most": 9}, "would exceed complex's per-user limit"),
    ],
)
def test_an_outage_or_a_limit_of_jobs_is_waited_for(site, trouble, end, said):
    site.set(**trouble)
    process = site.submitting()
    deadline = time.monotonic() + 60
    while not (site.server / "calls").exists() or len(site.calls("qsub")) < 5:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    site.set(**end)
    job, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    (line,) = errors.splitlines()  # for all of the first minute
    assert "waiting for the server" in line
    assert said in line
    assert site.ended(job.strip())[0] == "success"


def test_of_a_long_outage_there_is_one_line_a_minute(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT / "pbs"))
    submit = importlib.import_module("submit")
    now = [1000.0]
    answers = iter([(162, "", "cannot connect")] * 25 + [(0, "12.server", "")])

    def run(*_, **__):
        return subprocess.CompletedProcess([], *next(answers))

    monkeypatch.setattr(submit.subprocess, "run", run)
    monkeypatch.setattr(submit.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(submit.time, "sleep", lambda s: now.__setitem__(0, now[0] + s))
    assert submit._qsub(["qsub"], "job a", 15) == "12.server"
    assert len(capsys.readouterr().err.splitlines()) == 1 + 25 * 15 // 60
    for name in ("submit", "server"):
        monkeypatch.delitem(sys.modules, name)


def test_ctrl_c_ends_the_wait_for_a_server(site):
    site.set(away=True)
    process = site.submitting()
    _until(lambda: (site.server / "calls").exists() and len(site.calls("qsub")) >= 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_outputs_have_the_umask_of_the_submitting_shell(site):
    before = os.umask(0o027)
    try:
        job = site.submitted(f"touch {site.folder}/made")
    finally:
        os.umask(before)
    assert site.ended(job)[0] == "success"
    assert (site.folder / "made").stat().st_mode & 0o777 == 0o640
    (log,) = (site.folder / "results/digits/logs/cluster").glob("*.log")
    assert log.stat().st_mode & 0o777 == 0o640
    assert "-W umask=0027" in site.calls("qsub")[0]


def test_a_job_that_the_server_would_queue_again_has_no_twin(site):
    body = f"echo started >> {site.folder}/starts; sleep 60"
    first = site.submitted(body)
    _process(site, first)
    _appears(site.folder / "starts")
    site.run(str(site.folder / "bin" / "qrerun"), first).check_returncode()
    assert site.ended(first)[0] == "failed"
    second = site.submitted(body)
    process = _process(site, second)
    _until(lambda: len((site.folder / "starts").read_text().split()) >= 2)
    time.sleep(0.5)  # the server's own one would have started by now
    os.killpg(process, 9)
    assert (site.folder / "starts").read_text().split() == ["started"] * 2


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-27, "it used more memory than it asked for, 1500 MB; the next attempt asks for half as"),
        (-29, "killed at its time limit"),
        (271, "killed by SIGTERM"),
    ],
)
def test_the_server_says_why_it_stopped_a_job_that_wrote_of_a_signal(site, code, said):
    """The job's own record has the signal alone, which is the same for time and memory."""
    ready = site.folder / "ready"
    job = site.submitted(f"touch {ready}; sleep 60")
    process = _process(site, job)
    _appears(ready)
    site.edit(job, job_state="E")
    os.killpg(process, signal.SIGTERM)
    _appears(next(iter((site.folder / ".snakemake/pbs/exit").glob("train*")), ready))
    assert site.status(job)[0] == "running"  # the server has not ended it yet
    site.edit(job, job_state="F", substate=93, Exit_status=code)
    found, message = site.ended(job)
    assert found == "failed"
    assert said in message


def test_a_job_that_no_node_can_hold_is_said_once(site):
    site.set(cores=2)
    job = site.submitted(threads=4)
    found, said = site.status(job)
    assert found == "running"
    reason = "Can Never Run: Insufficient amount of resource: ncpus (R: 4 A: 2 T: 2)"
    assert f"no node can hold it ({reason})" in said
    assert site.status(job) == ("running", "")


def test_dead_jobs_are_not_asked_about_for_ever(site):
    dead = site.submitted("sleep 60", **_run("dead"))
    os.killpg(_process(site, dead), 9)
    site.edit(dead, job_state="F", substate=93, Exit_status=265)
    job = site.submitted("sleep 60", **_run("alive"))
    _process(site, job)
    assert site.status(job)[0] == "running"  # nobody asks after the other one
    assert dead in site.calls("qstat")[-1]
    answer = site.folder / ".snakemake/pbs/answer.json"
    content = json.loads(answer.read_text())
    content["gone"] = {number: since - 3601 for number, since in content["gone"].items()}
    answer.write_text(json.dumps(content))
    for _ in range(2):
        assert site.status(job)[0] == "running"
    assert dead not in site.calls("qstat")[-1]
    assert job in site.calls("qstat")[-1]
    assert site.status(dead)[0] == "failed"
    os.killpg(_process(site, job), 9)


GROUP = {
    "type": "group",
    "groupid": "analysis",
    "local": False,
    "input": [],
    "threads": 2,
    "resources": {"mem_mb": 3000, "runtime": 3, "gpu": 1},
    "jobid": "b1",
}


def _group(*names) -> dict:
    """A group job as Snakemake describes it: without rule, wildcards and params."""
    for name in ("rule", "wildcards", "params", "log"):
        GROUP[name] = None
    return {**GROUP, "output": [f"results/digits/runs/{name}/diffusion.h5" for name in names]}


def test_what_is_left_of_a_group_goes_on_and_does_not_run_twice(site):
    first = site.submitted("sleep 60", **_group("a", "b", "c"))
    second = site.submitted("sleep 60", **_group("d", "e"))
    for job in (first, second):
        _process(site, job)
    # of the first group one is done; what is left is grouped anew
    assert site.submitted("sleep 60", **_group("b", "c")) == first
    both = site.submitted("sleep 60", **_group("b", "d"))
    assert both == f"{first}+{second}"
    assert len(site.calls("qsub")) == 2
    assert site.status(both)[0] == "running"
    for name in "abde":
        output = site.folder / f"results/digits/runs/{name}/diffusion.h5"
        output.parent.mkdir(parents=True)
        output.touch()
    for job in (first, second):
        _ends(site, job, 0)
    assert site.ended(both)[0] == "success"
    assert site.status(both)[0] == "success"  # and it stays so


def test_several_jobs_that_one_goes_on_with_fail_and_are_deleted_together(site):
    first = site.submitted("sleep 60", **_group("a", "b"))
    second = site.submitted("sleep 60", **_group("c", "d"))
    for job in (first, second):
        _process(site, job)
    both = site.submitted("sleep 60", **_group("b", "c"))
    site.run(str(site.folder / "pbs" / "cancel"), both).check_returncode()
    found, said = site.ended(both)
    assert found == "failed"
    assert "earlier snakemake" in said
    assert {site.job(job)["job_state"] for job in (first, second)} == {"F"}


def test_jobs_of_more_files_than_snakemake_says_are_known_by_their_targets(site):
    first = site.submitted("sleep 60", output=None)
    process = _process(site, first)
    assert site.submitted("sleep 60", output=None) == first
    script = site.folder / "pbs" / "again.sh"
    script.write_text((site.folder / "jobscript.sh").read_text().replace("a:run=a", "a:run=b"))
    other = site.run(sys.executable, "pbs/submit.py", str(script))
    assert other.stdout.strip() not in ("", first)
    assert "depend" not in site.calls("qsub")[-1]
    for job in (process, _process(site, other.stdout.strip())):
        os.killpg(job, 9)


@pytest.mark.parametrize("changed", ["more", "code"])
def test_a_job_that_overlaps_with_another_starts_after_it(site, changed):
    """It does more than the other one, or the same with other code."""
    module = site.folder / "workflow" / "module.py"
    module.parent.mkdir()
    module.write_text("A = 1")
    marks = site.folder / "marks"
    first = site.submitted(f"sleep 60; echo first >> {marks}", **_group("a", "b"))
    _process(site, first)
    if changed == "code":
        module.write_text("A = 2")
    result = site.submit(
        f"echo second >> {marks}", **_group("b", "c" if changed == "more" else "a")
    )
    assert result.returncode == 0, result.stderr
    second = result.stdout.strip()
    assert second != first
    (line,) = result.stderr.splitlines()
    assert f"job {first} of an earlier snakemake writes results/digits/runs/" in line
    assert f"-W depend=afterany:{first}" in site.calls("qsub")[-1]
    assert site.status(second)[0] == "running"
    assert not marks.exists()
    os.killpg(_process(site, first), 9)
    assert site.ended(second)[0] == "success"
    assert marks.read_text() == "second\n"


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


def test_members_of_a_group_share_what_the_job_asked_for(site):
    """Four of one core beside each other; those that need the GPU one after another."""
    site.configure(poll_seconds=1, patience_seconds=2)
    (site.folder / "Snakefile").write_text(GROUPS)
    result = site.run(
        *[sys.executable, "-m", "snakemake", "--profile", "pbs"],
        *["--seconds-between-status-checks", "1", "--latency-wait", "5"],
    )
    assert result.returncode == 0, result.stderr
    calls = {call.split("-N ")[1].split()[0]: call for call in site.calls("qsub")}
    assert "select=1:ncpus=4:mem=800mb -l" in calls["analysis"]
    assert "select=1:ncpus=1:mem=200mb:ngpus=1 -l" in calls["hessian"]
    assert most_at_once(site.folder / "diffusion") == 4
    assert most_at_once(site.folder / "hessian") == 1


def test_rules_that_may_use_a_gpu_are_one_after_another_in_any_group():
    profile = yaml.safe_load((ROOT / "pbs" / "config.yaml").read_text())
    alone = {rule for rule, set_ in profile["set-resources"].items() if set_ == {"lane": 4}}
    found = set()
    for file in (ROOT / "workflow" / "rules").glob("*.smk"):
        for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)*)", file.read_text(), re.M):
            if re.search(r"^ +gpu=(?!0,)", body, re.M):
                found.add(name)
    assert found == alone
    assert profile["resources"]["lane"] == 4


def test_a_group_of_a_killed_snakemake_is_taken_up_where_it_is(site):
    """Every member runs once, though what is left of the group is another group."""
    site.configure(poll_seconds=1, patience_seconds=2)
    (site.folder / "Snakefile").write_text(GROUPS)
    words = [sys.executable, "-m", "snakemake", "--profile", "pbs", "--rerun-incomplete"]
    words += ["--resources", "lane=1", "--seconds-between-status-checks", "1"]
    first = subprocess.Popen(
        words,
        cwd=site.folder,
        env=site.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for name in ("diffusion", "hessian"):
        _appears(site.folder / "results/tiny" / name / "0.txt", any_of="*.txt")
    os.killpg(first.pid, signal.SIGKILL)  # with all it has started, but not what the server runs
    first.wait()
    site.run(*words[:3], "--unlock").check_returncode()
    result = site.run(*words)
    assert result.returncode == 0, result.stderr
    assert "of an earlier snakemake goes on" in result.stderr
    assert len(site.calls("qsub")) == 2
    for name in ("diffusion", "hessian"):
        assert (site.folder / name).read_text().split().count("begin") == 6
        assert most_at_once(site.folder / name) == 1


def test_a_job_that_is_killed_for_memory_comes_back_with_half_as_much_again(tmp_path):
    folder = WorkflowCopy.of(ROOT, tmp_path / "copy").folder
    site = Site(folder, mem_mb=4000)
    site.configure(poll_seconds=1, patience_seconds=0)
    result = site.run(
        *[sys.executable, "-m", "snakemake", "results/smoke/walker/convex.h5", "--profile", "pbs"],
        *["--configfile", SMOKE, "--config", "resources={analysis: {mem_mb: 2000}}"],
        *["--seconds-between-status-checks", "1", "--latency-wait", "5"],
    )
    assert result.returncode == 0, result.stderr
    asked = [call.split(":mem=")[1].split("mb")[0] for call in site.calls("qsub")]
    assert asked == ["2000", "3000", "4500"]
    assert "it used more memory than it asked for, 2000 MB" in result.stderr
    assert "it used more memory than it asked for, 3000 MB" in result.stderr


def _process(site, job) -> int:
    """The session of a running job."""
    _until(lambda: "process" in site.job(job))
    return site.job(job)["process"]


def _until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _appears(path, any_of=None) -> None:
    _until(lambda: list(path.parent.glob(any_of)) if any_of else path.exists())


def _ends(site, job, code) -> None:
    """The job's own record of its end."""
    known = json.loads((site.folder / f".snakemake/pbs/jobs/{job.split('.')[0]}.json").read_text())
    (site.folder / ".snakemake/pbs/exit" / known["name"]).write_text(f"{code}\n")
    os.killpg(_process(site, job), 9)


def _run(name) -> dict:
    """Another run's job."""
    return {"wildcards": {"run": name}, "output": [f"results/digits/runs/{name}/trajectory.h5"]}


def _name(site) -> str:
    (path,) = (site.folder / ".snakemake/pbs/jobs").glob("*.json")
    return json.loads(path.read_text())["name"]
