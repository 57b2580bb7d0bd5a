"""Planning a finished study, whole and inside a cluster job, beside what starting Snakemake costs.

The default study is planned as far as it is finished in ``results/``; unfinished, with more to do.
"""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from timing import in_turn

ROOT = Path(__file__).parents[1]
ROUNDS = 5
SNAKEMAKE = [sys.executable, "-m", "snakemake"]
RUN = "resnet14-digits-bs128-lr0.1-drop_last_true-seed0"
# As the scheduler's job starts it: one job, planned anew in a process of its own.
INSIDE = ["--mode", "remote", "--cores", "1", "--allowed-rules", "diffusion", "--nolock", "-n"]
JOB = ["--target-jobs", f"diffusion:run={RUN}", *INSIDE]


def measure() -> dict[str, float]:
    """Seconds over those of ``snakemake --version``, medians of five rounds."""
    seconds = in_turn(
        {
            "version": lambda: _run("--version"),
            "plan": lambda: _run("-n", "--quiet"),
            "job": lambda: _run(*JOB),
        },
        ROUNDS,
    )
    figures = {"snakemake --version (s)": median(seconds["version"])}
    for name, said in (("plan", "planning the default study"), ("job", "inside a cluster job")):
        over = [a - b for a, b in zip(seconds[name], seconds["version"], strict=True)]
        figures[f"{said}, over --version (s)"] = median(over)
    return figures


def _run(*arguments: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(
        [*SNAKEMAKE, *arguments], cwd=ROOT, env=environment, check=True, capture_output=True
    )
