"""The whole smoke study on a real scheduler: one job deleted, one over its time limit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from group_workflow import GROUPS, most_at_once
from trainings import assert_same_run
from workflow_copy import ROOT, SMOKE, WorkflowCopy

# The Slurm plugin has an environment of its own.
PYTHON = {"pbs": sys.executable, "slurm": str(ROOT / ".venv-slurm" / "bin" / "python")}
OPTIONS = {
    "pbs": [],
    # there is no accounting, which sacct would ask
    "slurm": ["--slurm-init-seconds-before-status-checks", "3"]
    + ["--slurm-status-command", "squeue"],
}
DELETE = {"pbs": "qdel", "slurm": "scancel"}
PATIENCE = 1200  # seconds for a whole study


def prepared(folder: Path, profile: str) -> WorkflowCopy:
    """A copy of the repository that asks often and gives trainings one minute."""
    copy = WorkflowCopy.of(ROOT, folder)
    study = yaml.safe_load((folder / SMOKE).read_text())
    study["resume"] = {"steps": 20}
    study["resources"] = {
        "train": {"threads": 1, "mem_mb": 1000, "runtime": 1},
        "analysis": {"mem_mb": 1000, "runtime": 5},
    }
    (folder / SMOKE).write_text(yaml.safe_dump(study, sort_keys=False))
    if profile == "pbs":
        site = {"poll_seconds": 2, "patience_seconds": 10}
        (folder / profile / "site.yaml").write_text(yaml.safe_dump(site))
    return copy


def waited(condition, seconds: float, process: subprocess.Popen, said: Path):
    """The first true value of a condition, as long as Snakemake runs."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.02)
    return found


def in_training(run: Path) -> dict | None:
    """Process and job of a training that has saved a resume point."""
    if not list(run.glob(".resume/*/point.pt")):
        return None
    try:
        return json.loads((run / ".owner").read_text())
    except (OSError, ValueError):
        return None


@pytest.mark.parametrize("profile", ["pbs", "slurm"])
def test_the_smoke_study_comes_through(profile, slurm, smoke, tmp_path):
    copy = prepared(tmp_path / "copy", profile)
    stalled, deleted = (copy.results / "runs" / run.name for run in smoke.runs()[:2])
    said = tmp_path / "said"
    with open(said, "w") as output:
        process = subprocess.Popen(
            [PYTHON[profile], "-m", "snakemake", "--profile", profile, "--configfile", SMOKE]
            + ["--seconds-between-status-checks", "3", "--latency-wait", "20"]
            + ["--resources", "lane=1"]  # a group must fit on a node of two cores
            + OPTIONS[profile],
            cwd=copy.folder,
            env={**slurm.environment, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        jobs = {}
        waiting = {stalled, deleted}
        while waiting:
            run = waited(
                lambda: next((r for r in waiting if in_training(r)), None), PATIENCE, process, said
            )
            waiting.remove(run)
            owner = jobs[run] = in_training(run)
            if run == stalled:
                # nothing happens any more until the scheduler ends the job
                os.kill(owner["process"], signal.SIGSTOP)
            else:
                slurm.run(DELETE[profile], owner["job"])
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
    text = said.read_text()
    assert process.returncode == 0, text
    assert slurm.job(jobs[stalled]["job"])["JobState"] == "TIMEOUT"
    assert slurm.job(jobs[deleted]["job"])["JobState"] == "CANCELLED"
    for run in (stalled, deleted):
        log = (copy.results / "logs" / "train" / f"{run.name}.log").read_text()
        assert "resumed at step" in log
        again = slurm.job(in_owner(run)["job"])
        assert again["JobState"] == "COMPLETED"
        assert again["TimeLimit"] > "00:01:00"
        assert again["MinMemoryNode"] == "1500M"
        assert_same_run(run, smoke.results / "runs" / run.name)
    for table in (smoke.results / "tables").glob("*.csv"):
        assert (copy.results / "tables" / table.name).read_text() == table.read_text()
    assert copy.plan() == {}
    assert list((copy.results / "logs" / "cluster").rglob("*.log"))


def in_owner(run: Path) -> dict:
    return json.loads((run / ".owner").read_text())


def test_a_group_asks_for_what_its_members_use_one_after_another(slurm, tmp_path):
    for name in ("slurm", "workflow/planning"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "Snakefile").write_text(GROUPS)
    result = subprocess.run(
        [PYTHON["slurm"], "-m", "snakemake", "--profile", "slurm"]
        + ["--seconds-between-status-checks", "3", "--latency-wait", "5", *OPTIONS["slurm"]],
        cwd=tmp_path,
        env={**slurm.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    for name, gpus in (("diffusion", ""), ("hessian", "gres:gpu:1")):
        assert most_at_once(tmp_path / name) == 1
        (log,) = (tmp_path / "results").rglob(f"group_*_{name}/*.log")
        job = slurm.job(log.stem)
        asked = (job["NumCPUs"], job["MinMemoryNode"], job["TimeLimit"], job.get("TresPerJob", ""))
        assert asked == ("1", "200M", "03:00:00", gpus)
