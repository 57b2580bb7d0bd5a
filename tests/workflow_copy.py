"""A copy of the repository in which tests run the real workflow."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "studies", "workflow", "profiles", "pbs", "slurm", "envs")
SMOKE = "studies/smoke.yaml"


def state_of_files(folder: Path) -> str:
    """Path, content, time and number of links of every file below a folder."""
    lines = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        s, digest = path.stat(), hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{path.relative_to(folder)} {digest} {s.st_mtime_ns} {s.st_nlink}")
    return "\n".join(lines)


@dataclass(frozen=True)
class WorkflowCopy:
    """A checkout of its own, with its own results and Snakemake metadata."""

    folder: Path

    @classmethod
    def of(cls, source: Path, folder: Path) -> WorkflowCopy:
        """Copy the sources, with their times, without results."""
        folder.mkdir(parents=True)
        ignore = shutil.ignore_patterns("__pycache__")
        for part in PARTS:
            if (source / part).is_dir():
                shutil.copytree(source / part, folder / part, ignore=ignore)
            else:
                shutil.copy2(source / part, folder / part)
        return cls(folder)

    def command(self, *arguments: str, study: str | None = SMOKE) -> list[str]:
        """The snakemake of this environment on a study; None for the default one."""
        chosen = ["--configfile", study] if study else []
        return [sys.executable, "-m", "snakemake", *arguments, *chosen]

    def snakemake(self, *arguments: str, study: str | None = SMOKE) -> subprocess.CompletedProcess:
        """Run it to its end; its output is in ``stdout``."""
        return subprocess.run(
            self.command(*arguments, study=study),
            cwd=self.folder,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def environment(self) -> dict[str, str]:
        """Without what the test run itself may have set."""
        kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "OMP_NUM_THREADS")}
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}

    def plan(self, *arguments: str, study: str | None = SMOKE) -> dict[str, int]:
        """What a dry run would do: number of jobs by rule, without the target rule."""
        result = self.snakemake("-n", *arguments, study=study)
        result.check_returncode()
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", result.stdout, re.M | re.S)
        if table is None:
            assert "Nothing to be done" in result.stdout, result.stdout
            return {}
        jobs = dict(line.split() for line in table[1].splitlines())
        return {rule: int(count) for rule, count in jobs.items() if rule != "all"}

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in a file; the text must be there exactly once."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))

    @property
    def results(self) -> Path:
        """Folder of the smoke study."""
        return self.folder / "results" / "smoke"

    def runs(self) -> list[Path]:
        """Folders of its runs."""
        return sorted((self.results / "runs").iterdir())
