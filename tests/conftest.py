"""What many tests start from: a smoke study finished by the real workflow, a dataset file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from workflow_copy import ROOT, WorkflowCopy

from sgdwalk.datasets.load import load_dataset
from sgdwalk.datasets.prepared import write_dataset


@pytest.fixture(scope="session")
def _finished(tmp_path_factory) -> Path:
    """One copy of the repository whose smoke study is finished; shared by parallel test workers."""
    shared = tmp_path_factory.getbasetemp()
    if shared.name.startswith("popen-"):
        shared = shared.parent
    folder = shared / "finished"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            copy = WorkflowCopy.of(ROOT, folder)
            result = copy.snakemake("--cores", "2")
            assert result.returncode == 0, result.stdout
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def smoke(_finished) -> WorkflowCopy:
    """The finished smoke study; read it, do not change it."""
    return WorkflowCopy(_finished)


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
