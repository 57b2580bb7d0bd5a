"""A Slurm of one node on this machine's loopback, in a folder of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

CONFIGURATION = """
ClusterName=loopback
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthInfo=socket={folder}/munge/socket
SlurmctldPort=26817
SlurmdPort=26818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
GresTypes=gpu
KillWait=10
MinJobAge=3600
NodeName=node NodeHostname=localhost NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} Gres=gpu:1
PartitionName=main Nodes=node Default=YES MaxTime=INFINITE State=UP
"""


# Where jobs look for it, whose environment is not the one they were submitted from.
USUAL = Path("/etc/slurm/slurm.conf")
# A GPU of which nothing is known but its number.
GPUS = "Name=gpu File=/dev/null\n"


class Slurm:
    """Started with ``start``; its commands work under ``environment`` until ``stop``.

    Args:
        folder: empty; every user must be able to reach it, because munge has its own.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.configuration = folder / "slurm.conf"
        self.environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}

    def start(self) -> None:
        """Start munge, the controller and the node's daemon, and wait for the node."""
        assert not USUAL.exists(), f"{USUAL} exists: this machine has a Slurm of its own"
        munge = self.folder / "munge"
        for name in (munge, self.folder / "state", self.folder / "spool"):
            name.mkdir()
        (munge / "key").write_bytes(secrets.token_bytes(1024))
        (munge / "key").chmod(0o600)
        munge.chmod(0o711)
        for path in (munge, munge / "key"):
            shutil.chown(path, "munge", "munge")
        places = {"key-file": "key", "socket": "socket", "log-file": "log"}
        places |= {"pid-file": "pid", "seed-file": "seed"}
        words = " ".join(f"--{option}={munge / name}" for option, name in places.items())
        self.run("su", "-s", "/bin/sh", "munge", "-c", f"/usr/sbin/munged {words}")
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20 * 9 // 10
        self.configuration.write_text(
            CONFIGURATION.format(folder=self.folder, cores=os.cpu_count(), memory=memory)
        )
        USUAL.parent.mkdir(exist_ok=True)
        USUAL.unlink(missing_ok=True)
        USUAL.symlink_to(self.configuration)
        USUAL.with_name("gres.conf").write_text(GPUS)
        self.run("slurmctld", "-c")
        self.run("slurmd", "-N", "node")
        deadline = time.monotonic() + 60
        while "idle" not in self.run("sinfo", "-h", "-o", "%T", check=False):
            assert time.monotonic() < deadline, (self.folder / "slurmctld.log").read_text()
            time.sleep(0.2)

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command against this Slurm; its output."""
        result = subprocess.run(
            words, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert not check or result.returncode == 0, f"{words}: {result.stdout}"
        return result.stdout

    def job(self, job_id: str) -> dict[str, str]:
        """What Slurm says about a job."""
        words = self.run("scontrol", "show", "job", "-o", job_id).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def stop(self) -> None:
        """End all jobs and the three daemons."""
        self.run("scancel", "--me", check=False)
        for file in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            try:
                process = int((self.folder / file).read_text())
            except (OSError, ValueError):
                continue
            _end(process)
        if USUAL.is_symlink() and USUAL.readlink() == self.configuration:
            USUAL.unlink()
            USUAL.with_name("gres.conf").unlink()


def _end(process: int) -> None:
    deadline = time.monotonic() + 20
    number = signal.SIGTERM
    try:
        while True:
            os.kill(process, number)
            time.sleep(0.2)
            if time.monotonic() > deadline:
                number = signal.SIGKILL
    except ProcessLookupError:
        return
