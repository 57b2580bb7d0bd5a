"""A run's folder between processes of one host and of two."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from sgdwalk.errors import InputError
from sgdwalk.training import run_lease

LEASE, HEARTBEAT = 3.0, 0.3
HOLDER = """
import signal, socket, sys, time
from pathlib import Path
from sgdwalk.training import run_lease
folder, host = Path(sys.argv[1]), sys.argv[2]
if host != "here":
    socket.gethostname = lambda: host
run_lease.LEASE, run_lease._HEARTBEAT = float(sys.argv[3]), float(sys.argv[4])
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))
with run_lease.held(folder):
    print("held", flush=True)
    while True:
        time.sleep(0.05)
        with open(folder / "written", "a") as file:
            file.write("x")
"""


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(run_lease, "LEASE", LEASE)
    monkeypatch.setattr(run_lease, "_HEARTBEAT", HEARTBEAT)


@pytest.fixture
def holder(tmp_path):
    """Starts processes that hold the folder, as if on some host."""
    started = []

    def start(host: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path), host, str(LEASE), str(HEARTBEAT)],
            env={**os.environ, "PBS_JOBID": "12.server"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n", process.stderr.read()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("host", ["here", "node7"])
def test_a_living_holder_is_named(tmp_path, holder, host):
    process = holder(host)
    said = []
    another = pytest.raises(InputError, match="another process is training this run")
    with another as error, run_lease.held(tmp_path, said.append):
        pass
    owner = json.loads(str(error.value).split("run (")[1].split(")")[0])
    assert owner["process"] == process.pid
    assert owner["job"] == "12.server"
    if host != "here":
        assert owner["host"] == host
    assert len(said) == 1
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == 0
    with run_lease.held(tmp_path, said.append):  # let go, it is free at once
        assert len(said) == 1
    assert not (tmp_path / ".lock").exists()
    assert json.loads(run_lease.owner(tmp_path))["process"] == os.getpid()


def test_what_a_killed_process_of_this_host_held_is_free_at_once(tmp_path, holder):
    process = holder("here")
    process.kill()
    process.wait()
    with run_lease.held(tmp_path, lambda line: pytest.fail(line)):
        pass


def test_what_a_killed_process_of_another_host_held_is_free_after_a_lease(tmp_path, holder):
    process = holder("node7")
    process.kill()
    process.wait()
    said = []
    begin = time.monotonic()
    with run_lease.held(tmp_path, said.append):
        assert time.monotonic() - begin >= LEASE
    assert "finding out whether its holder is gone" in said[0]
    assert '"host": "node7"' in said[0]


def test_a_process_that_was_suspended_does_not_write_into_what_another_took_up(tmp_path, holder):
    process = holder("node7")
    process.send_signal(signal.SIGSTOP)
    with run_lease.held(tmp_path, print):
        process.send_signal(signal.SIGCONT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 1
        assert f"{tmp_path}: held by" in errors
        assert str(os.getpid()) in errors
        written = (tmp_path / "written").read_text()
        time.sleep(4 * HEARTBEAT)
        assert (tmp_path / "written").read_text() == written
        assert (tmp_path / ".lock").exists()  # it did not take the other's lock with it


def test_no_lock_of_the_file_system_is_needed(tmp_path, monkeypatch):
    import fcntl

    def refused(*_):
        raise OSError(38, "Function not implemented")

    for name in ("flock", "lockf"):
        monkeypatch.setattr(fcntl, name, refused)
    with run_lease.held(tmp_path, print):
        assert (tmp_path / ".lock").exists()


def test_a_run_that_another_took_up_saves_no_point(tmp_path):
    """The holder is asked before every resume point, and not only by the heartbeat."""
    code = """
import sys
from pathlib import Path
from sgdwalk.training.run_folder import RunFolder
run = RunFolder(sys.argv[1], "same")
run.work.mkdir(parents=True)
with run.locked():
    lock = Path(sys.argv[1], ".lock")
    lock.write_text(lock.read_text().replace("pid=", "pid=1"))
    run.save_point({})
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert result.returncode == 1, result.stderr
    assert "it ends here" in result.stderr
    assert not (tmp_path / ".resume/same/point.pt").exists()
