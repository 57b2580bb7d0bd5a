"""A Slurm that is started once for all tests of this folder."""

import shutil
import tempfile
from pathlib import Path

import pytest
from slurm import Slurm


@pytest.fixture(scope="session")
def slurm():
    # not pytest's own folder, which only its user may enter
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    cluster = Slurm(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
