"""One way in and out: who writes datasets and tables, and that every job has one shape."""

import ast
from pathlib import Path

import pytest
from workflow_copy import ROOT

SCRIPTS = ROOT / "workflow" / "scripts"
LIBRARY = SCRIPTS / "sgdwalk"
MODULES = [path for path in LIBRARY.rglob("*.py") if path.parent != LIBRARY / "files"]
# Rules that make no result of an analysis: a walk, a file for another program, a declaration.
OTHER_JOBS = {"train", "dataset", "fetch_dataset", "landscape_vtk", "accept_training", "launch"}
JOBS = [
    path
    for path in sorted(SCRIPTS.glob("*.py"))
    if path.stem not in OTHER_JOBS and not path.stem.startswith("fig")
]


def calls(path: Path) -> list[str]:
    """Names of what is called in a file, without where it is from."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            function = node.func
            found.append(getattr(function, "attr", getattr(function, "id", "")))
    return found


def test_only_the_room_of_files_makes_datasets_and_tables():
    assert len(MODULES) > 100
    for path in [*MODULES, *SCRIPTS.glob("*.py")]:
        made = {"create_dataset", "DictWriter", "writer", "to_csv", "savetxt"} & set(calls(path))
        assert not made, f"{path}: {made}"


def test_described_is_gone():
    assert not (LIBRARY / "files" / "described.py").exists()


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_job_analyses_and_writes(path):
    text, called = path.read_text(), calls(path)
    if path.stem.endswith("_table"):
        assert called.count("write_table") >= 1
        return
    assert text.count("result = ") == 1
    assert sum(name.startswith("write") for name in called) in (1, 2), "eigenvectors have a file"
    assert len(text.splitlines()) <= 45
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    assert functions == []
