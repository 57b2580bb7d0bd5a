"""Files in the place of results that this workflow did not make: a job would take them away.

Snakemake removes a job's old outputs before it runs the job. So a file of somebody else's that
stands where an output belongs stops everything before any job starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sgdwalk.errors import InputError
from sgdwalk.files import hdf5

# Results in a run's folder; of what else lies there nothing is ever touched.
_FILES = ["trajectory", "diffusion", "noise", "geometry", "gradients", "hessian", "landscape"]
_FILES += ["landscape_lines"]
_FOLDERS = {"checkpoints": "*", "hessian": "*.h5", "landscape_tile": "*.h5", "landscape": "*.vtk"}
_HEAD = 4096  # bytes in which a file says what it is
# What a file of ours begins with; a checkpoint's word stands after the head of an archive.
_MARKS = {".h5": b"sgdwalk ", ".pt": b"sgdwalk checkpoint", ".vtk": b"# vtk DataFile"}


def check_results(folder: Path, run: str) -> None:
    """Raise an `InputError` if a file in the place of a result was not made by this workflow.

    Args:
        folder: of the run.
        run: its name.
    """
    for path in _in_place_of_results(folder):
        if not _is_ours(path, run):
            raise InputError(
                f"{path}: not made by this workflow, and in the place of a result, which a job "
                "would write over; move it elsewhere (a walk that was recorded or saved elsewhere "
                "can be named in the study's `walks`)"
            )


def _in_place_of_results(folder: Path) -> Iterator[Path]:
    for name in _FILES:
        path = folder / f"{name}.h5"
        if path.is_symlink() or path.exists():
            yield path
    for name, pattern in _FOLDERS.items():
        yield from sorted((folder / name).rglob(pattern))


def _is_ours(path: Path, run: str) -> bool:
    if path.is_symlink():
        return False
    if path.is_dir() or not path.stat().st_size:
        return True  # nothing to lose
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    found = head.find(_MARKS.get(path.suffix, b"\0no result"))
    if found < 0 or (found and path.suffix != ".pt"):
        return False
    return path.name != "trajectory.h5" or _made_for(path) in (None, run)


def _made_for(path: Path) -> str | None:
    """The run that a trajectory says it is of; None if it cannot be read: a job will say so."""
    try:
        with hdf5.opened(path, "trajectory", checked=True) as file:
            made = hdf5.origin(file)
    except InputError:
        return None
    return str(made.get("run")) if "code" in made else ""
