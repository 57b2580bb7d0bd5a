"""What many tests start from: a smoke study finished by the real workflow, a dataset file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from workflow_copy import ROOT, SMOKE, WorkflowCopy, state_of_files

from sgdwalk.datasets.load import load_dataset
from sgdwalk.datasets.prepared import write_dataset

# A study whose runs are known by their sketches alone, in place of the smoke study.
SKETCHED = """
defaults: {model: resnet8, batch_size: 64, drop_last: true, steps: 240}
grids:
  - learning_rate: [0.05, 0.1]
recording:
  windows: []
  sketch: 64
  checkpoints: 3
  groups: {stem: "stem.*", weights: ["*.weight"]}
diffusion:
  windows: [{length: 60}, {length: 60, stride: 4}, {length: 100, stride: 2, start: 20}]
geometry: {fragments: [20, 50], ageing_lags: [1, 4, 10]}
hessian: {runs: []}
landscape: {runs: []}
walker: {terrains: []}
resources:
  train: {threads: 1}
"""


def _finish(
    tmp_path_factory,
    name: str,
    prepare: Callable[[WorkflowCopy], object] = lambda copy: None,
    study: str = SMOKE,
) -> Path:
    """One copy of the repository whose study is finished; shared by parallel test workers."""
    shared = tmp_path_factory.getbasetemp()
    if shared.name.startswith("popen-"):
        shared = shared.parent
    folder = shared / name
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            copy = WorkflowCopy.of(ROOT, folder)
            prepare(copy)
            result = copy.snakemake("--cores", "2", study=study)
            assert result.returncode == 0, result.stdout
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def _finished(tmp_path_factory) -> Path:
    return _finish(tmp_path_factory, "finished")


@pytest.fixture(scope="session")
def smoke(_finished) -> WorkflowCopy:
    """The finished smoke study; read it, do not change it."""
    return WorkflowCopy(_finished)


@pytest.fixture(scope="session")
def sketched(tmp_path_factory) -> WorkflowCopy:
    """A finished study without recorded windows; read it, do not change it."""

    def written(copy: WorkflowCopy) -> None:
        (copy.folder / SMOKE).write_text(SKETCHED)

    return WorkflowCopy(_finish(tmp_path_factory, "sketched", written))


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory) -> WorkflowCopy:
    """The finished study of walks from elsewhere; read it, do not change it."""

    def sources(copy: WorkflowCopy) -> None:
        command = [sys.executable, "studies/elsewhere.py"]
        subprocess.run(command, cwd=copy.folder, env=copy.environment(), check=True)
        state = state_of_files(copy.folder / "results" / "data" / "elsewhere")
        (copy.folder / "sources.txt").write_text(state)

    study = "studies/elsewhere.yaml"
    return WorkflowCopy(_finish(tmp_path_factory, "elsewhere", prepare=sources, study=study))


@pytest.fixture
def smoke_copy(_finished, tmp_path) -> WorkflowCopy:
    """A copy of the finished smoke study, metadata included, to change at will."""
    folder = tmp_path / "copy"
    shutil.copytree(_finished, folder, symlinks=True)
    return WorkflowCopy(folder)


@pytest.fixture
def fresh_copy(tmp_path) -> WorkflowCopy:
    """A copy of the repository without any results."""
    return WorkflowCopy.of(ROOT, tmp_path / "fresh")


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    """The prepared file of scikit-learn's digits."""
    path = tmp_path_factory.mktemp("data") / "digits.h5"
    write_dataset(load_dataset("digits"), path)
    return path
