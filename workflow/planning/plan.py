"""Say what a study will take: jobs, hours, memory and disk, with the original's storage beside.

Run as ``python -m planning.plan STUDY.yaml [TFLOPS]`` from the folder above.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import yaml

from planning.chosen_runs import chosen_runs
from planning.estimate import Needs, cost, hessian_operations, needs, networks
from planning.study import Study, read_study
from sgdwalk.errors import InputError

ROOT = Path(__file__).parents[2]
# Operations per second of a training with its recording: of one core, measured on resnet14 and
# resnet20 at batch sizes 128 and 256; of one GPU, assumed for these small networks.
CORE, GPU = 0.036e12, 2e12


def jobs_by_rule(study: Path) -> dict[str, int]:
    """Number of jobs that Snakemake plans, by rule.

    Raises:
        InputError: if it cannot plan the study; what it says.
    """
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--configfile", str(study)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    said = result.stdout + result.stderr
    if result.returncode:
        raise InputError(said.strip())
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", said, re.M | re.S)
    lines = table[1].splitlines() if table else []
    jobs = dict(line.split() for line in lines)
    return {rule: int(count) for rule, count in jobs.items() if rule != "all"}


def measured_rate(study: Study, operations: dict[str, float]) -> tuple[float, int]:
    """Operations per second of the study's own finished trainings, and how many they are."""
    done, seconds, count = 0.0, 0.0, 0
    for run, asked in operations.items():
        logs = ROOT / "results" / study.name / "logs" / "train"
        try:
            log = (logs / f"{run}.log").read_text()
            with open(logs / f"{run}.benchmark.tsv", newline="") as file:
                took = float(next(csv.DictReader(file, delimiter="\t"))["s"])
        except (OSError, StopIteration, ValueError):
            continue
        if "step" in log and "resumed" not in log:
            done, seconds, count = done + asked, seconds + took, count + 1
    return (done / seconds if seconds else 0.0), count


def report(study: Study, jobs: dict[str, int], rate: float | None) -> str:
    """The plan in lines for a person.

    Args:
        study: to be run.
        jobs: what is left to do, by rule.
        rate: operations per second of the device that trains, or None for what is known of it.
    """
    known, draws = networks(), study.config["noise"]["batches"]
    costs = {name: cost(run, known) for name, run in study.runs.items()}
    each = {n: needs(study.runs[n], c, draws) for n, c in costs.items() if c is not None}
    left_out = [name for name in study.runs if name not in each]
    resources = study.config["resources"]
    gpus = resources["train"]["gpu"]
    device = "GPU" if gpus else "core"
    if rate is None:
        rate, count = measured_rate(study, {name: found.training for name, found in each.items()})
        source = f"from {count} finished trainings of this study"
        if not count:
            rate = GPU if gpus else CORE
            source = "assumed; give yours: make plan RATE=5" if gpus else "measured on one core"
    else:
        source = "as given"
    section = study.config["hessian"]
    hessians = sum(
        hessian_operations(study.runs[name], network, section)
        for name in chosen_runs("hessian.runs", section["runs"], list(study.runs))
        if (network := costs[name]) is not None
    )
    head = [
        f"Study '{study.name}': {len(study.runs)} trainings, {sum(jobs.values())} jobs to run",
        "  " + ", ".join(f"{rule} {count}" for rule, count in sorted(jobs.items())),
        "",
    ]
    if not each:
        said = "No network of this study has been counted at the size of its inputs, so nothing can"
        return "\n".join([*head, f"{said} be said of its hours, memory and disk."])
    lines = [
        *head,
        f"All {len(each)} trainings, at {rate / 1e12:.3g} TFLOP/s of one {device} ({source}):",
        f"  {'training':<28}{_hours(_total(each, 'training'), rate)} {device}-hours",
        f"  {'noise at checkpoints':<28}{_hours(_total(each, 'noise'), rate)} {device}-hours",
        f"  {'Hessians':<28}{_hours(hessians, rate)} {device}-hours",
        f"  {'longest training':<28}{_hours(max(n.training for n in each.values()), rate)} hours, "
        f"of {max(each, key=lambda n: each[n].training)}; "
        f"resources.train.runtime is {resources['train']['runtime'] / 60:.3g} hours, "
        "and twice that at the second attempt",
        "",
        "Memory and disk:",
        f"  {'largest window buffers':<28}{_size(max(n.buffer for n in each.values()))}, of "
        f"{max(each, key=lambda n: each[n].buffer)}",
        f"  {'':<28}on the GPU, in memory, or in a file, whichever they fit",
        f"  {'largest sketch':<28}{_size(max(n.copies for n in each.values()))}, two copies of the "
        "parameters where they are",
        f"  {'trajectories, checkpoints':<28}{_size(_total(each, 'kept'))}",
        f"  {'the original: all positions':<28}{_size(_total(each, 'positions'))}",
    ]
    if left_out:
        lines += ["", f"Not counted, being your own networks or data: {', '.join(left_out)}"]
    return "\n".join(lines)


def _total(each: dict[str, Needs], name: str) -> float:
    return sum(getattr(found, name) for found in each.values())


def _hours(operations: float, rate: float) -> str:
    return f"{operations / rate / 3600:10.3g}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:10.3g} {unit}"
        count /= 1000
    return f"{count:10.3g} TB"


def main(path: str, rate: str | None = None) -> None:
    """Print the plan of a study file."""
    file = Path(path).resolve()
    study = read_study(yaml.safe_load(file.read_text()), file.stem)
    print(report(study, jobs_by_rule(file), float(rate) * 1e12 if rate else None))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
