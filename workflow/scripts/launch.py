"""How every job starts: its log, its code's fingerprint, and one line for a foreseeable failure."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

# The library of this checkout comes before one that may be installed.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.append(str(Path.cwd()))  # the user's own models and datasets

from planning.fingerprint import code_fingerprint
from planning.identity import accepted_code
from planning.own_code import own_files
from sgdwalk.errors import InputError
from sgdwalk.files.provenance import commit_of, library_versions
from sgdwalk.training.progress import Progress

# Rules that run, or whose param is the fingerprint of, the script of another.
_SCRIPT_OF = {
    "accept_training": "train",
    "fig_longest_run": "fig2_superdiffusion",
    "walk_superdiffusion": "fig2_superdiffusion",
    "walk_fractal_landscape": "fig3_fractal_landscape",
    "walk_anatomy": "fig_walk_anatomy",
    "walk_gradients": "fig5_gradients",
}
# Other files are named by their rule, or are in a folder that is.
_MAKERS = {"trajectory.h5": "train", "checkpoints": "train", "hessian.h5": "hessian_run"}
_FOLDERS = {"data": "dataset", "hessian": "hessian", "landscape_tile": "landscape_tile"}


class Log:
    """Lines for a person: to the terminal and to the job's log file."""

    def __init__(self, path: str):
        self._file = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115

    def __call__(self, line: str) -> None:
        """Write one line to both."""
        print(line, file=sys.stderr, flush=True)
        self._file.write(line + "\n")


@contextmanager
def job(snakemake) -> Iterator[Log]:
    """Run the body of a script as a job of the workflow.

    Stops with one line if the sources changed after the job was planned, or on bad input.
    """
    log = Log(snakemake.log[0])
    try:
        _check_code(snakemake)
        yield log
    except (InputError, OSError) as error:
        log(f"{snakemake.rule}: {error}{_maker(str(error), snakemake.input)}")
        sys.exit(1)
    except Exception:
        log(traceback.format_exc())
        sys.exit(1)


def _check_code(snakemake) -> None:
    """A queued job must run the code that it was planned for."""
    rule, run = _SCRIPT_OF.get(snakemake.rule, snakemake.rule), snakemake.wildcards.get("run")
    own = own_files(snakemake.params.get("factories", []))
    found = code_fingerprint(Path(snakemake.scriptdir) / f"{rule}.py", own)
    if rule == "train" and run:
        found = accepted_code(Path(snakemake.output[0]).parent, found)
    if found != snakemake.params.code:
        raise InputError(
            "its code changed after this job was planned; run snakemake again to plan it anew"
        )


def _maker(message: str, inputs) -> str:
    """Which rule remakes a bad input file that a message is about."""
    for path in map(Path, inputs):
        if str(path) in message:
            rule = _MAKERS.get(path.name) or _FOLDERS.get(path.parent.name, path.stem)
            return f"; it is made by rule {rule}: remake it with snakemake --forcerun {rule}"
    return ""


def progress(log: Log, label: str, steps: int) -> Progress:
    """What tells a person how a training comes along, kept out of the training's own code."""
    return Progress(log, label, steps)


def origin(**settings) -> dict:
    """Where a file comes from: settings of its job, library versions, git commit."""
    commit = commit_of(Path(__file__).parent) or "unknown"
    return {**settings, "versions": library_versions(), "commit": commit}


def forget_params(outputs: Iterable[Path | str]) -> None:
    """Have Snakemake forget what outputs were made with, so that their times alone count."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", os.devnull, "--nolock"]
    subprocess.run(
        [*command, "--cleanup-metadata", *map(str, outputs)], check=True, capture_output=True
    )
