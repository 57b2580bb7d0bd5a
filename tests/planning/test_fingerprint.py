"""Fingerprints: what the code does, not how it is written or by which Python it is read."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from planning import fingerprint
from planning.fingerprint import SCRIPTS, Sources, closure, code_fingerprint
from planning.own_code import own_files
from sgdwalk.errors import InputError

LIBRARY = SCRIPTS / "sgdwalk"
SCRIPT = '''"""Run it."""
from package.a import f
print(f(1))
'''
A = '''"""Module."""
import package.c
def f(x):
    """Says nothing."""
    from package import b
    return b.g(x) + 1  # plus one
'''


@pytest.fixture
def tree(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text(A)
    (package / "b.py").write_text("def g(x):\n    return x\n")
    (package / "c.py").write_text("value = f'{1:.2f} and'  ' more'\n")
    (package / "unused.py").write_text("def h(x):\n    return x\n")
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def test_closure_follows_all_forms_of_import(tree):
    names = {path.name for path in closure(tree / "script.py")}
    assert names == {"script.py", "__init__.py", "a.py", "b.py", "c.py"}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("package/a.py", "# plus one", "# one more"),
        ("package/a.py", "Says nothing", "Says something"),
        ("package/a.py", "return b.g(x) + 1", "return (\n        b.g(x) + 1)"),
        ("package/c.py", "'", '"'),
        ("script.py", "Run it", "Do it"),
        ("package/unused.py", "return x", "return -x"),
    ],
)
def test_how_it_is_written_does_not_matter(tree, file, old, new):
    change(tree, file, old, new, same=True)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("package/a.py", "+ 1", "+ 2"),
        ("package/b.py", "return x", "return -x"),
        ("package/c.py", ".2f", ".3f"),
        ("package/c.py", "more", "less"),
        ("script.py", "f(1)", "f(1.0)"),
    ],
)
def test_what_it_does_matters(tree, file, old, new):
    change(tree, file, old, new, same=False)


def change(tree, file, old, new, *, same):
    before = code_fingerprint(tree / "script.py")
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    assert (code_fingerprint(tree / "script.py") == before) is same


def test_the_place_of_the_checkout_does_not_matter(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "elsewhere")
    assert code_fingerprint(tmp_path / "elsewhere" / "script.py") == code_fingerprint(
        tree / "script.py"
    )


def test_relative_imports_are_followed(tree):
    (tree / "package" / "a.py").write_text("from . import b\nfrom .c import value\n")
    assert {"b.py", "c.py"} <= {path.name for path in closure(tree / "script.py")}


def test_declared_data_files_count(tree):
    (tree / "package" / "b.py").write_text('DATA_FILES = ("table.bin",)\n')
    (tree / "package" / "table.bin").write_bytes(b"1")
    before = code_fingerprint(tree / "script.py")
    (tree / "package" / "table.bin").write_bytes(b"2")
    assert code_fingerprint(tree / "script.py") != before


def test_a_syntax_error_names_the_file(tree):
    (tree / "package" / "b.py").write_text("def g(:\n")
    with pytest.raises(InputError, match=r"b\.py: not valid Python: line 1"):
        code_fingerprint(tree / "script.py")


def test_the_packages_that_a_module_is_in_count(tree):
    inner = tree / "package" / "inner"
    inner.mkdir()
    (inner / "__init__.py").write_text('"""A room."""\n')
    (inner / "d.py").write_text("value = 1\n")
    (tree / "script.py").write_text("from package.inner.d import value\n")
    names = {path.relative_to(tree).as_posix() for path in closure(tree / "script.py")}
    inits = {"package/__init__.py", "package/inner/__init__.py"}
    assert names == {"script.py", "package/inner/d.py", *inits}
    change(tree, "package/inner/__init__.py", "A room", "Another room", same=True)
    for init in inits:
        before = code_fingerprint(tree / "script.py")
        (tree / init).write_text("value = 2\n")
        assert code_fingerprint(tree / "script.py") != before


def test_rooms_hold_a_docstring_and_nothing_else():
    rooms = [p for p in SCRIPTS.rglob("__init__.py") if p.parent != SCRIPTS / "sgdwalk"]
    assert len(rooms) >= 14
    for room in rooms:
        (statement,) = ast.parse(room.read_text()).body
        assert isinstance(statement.value, ast.Constant), room


def test_public_names_and_what_is_on_top_are_in_no_job():
    top = {"public_names.py", "command_line.py", "watch.py"}
    for script in SCRIPTS.glob("*.py"):
        if script.name != "launch.py":
            assert not top & {path.name for path in closure(script)}, script


def test_every_file_is_read_once_for_all_scripts(monkeypatch):
    read = []
    original = fingerprint._source
    monkeypatch.setattr(fingerprint, "_source", lambda path: read.append(path) or original(path))
    sources = Sources()
    for script in SCRIPTS.glob("*.py"):
        code_fingerprint(script, (), sources)
    assert len(read) > 100
    assert len(read) == len(set(read))


@pytest.mark.parametrize(
    "module",
    [
        "training/progress.py",  # progress lines
        "datasets/fetching.py",  # download messages
        "datasets/placement.py",
        "datasets/sources.py",
        "datasets/load.py",
        "recording/trajectory.py",  # the read side
        "files/records.py",
        "files/table.py",
        "fits/estimate.py",  # statistics
        "fits/intervals.py",
        "fits/power_law.py",
        "diffusion/regimes.py",
        "noise/minibatch.py",
        "public_names.py",
    ],
)
def test_the_training_holds_only_what_decides_it(module):
    assert (LIBRARY / module).is_file()
    assert LIBRARY / module not in closure(SCRIPTS / "train.py")


def test_the_training_holds_what_decides_it():
    names = {
        p.relative_to(LIBRARY).as_posix()
        for p in closure(SCRIPTS / "train.py")
        if LIBRARY in p.parents
    }
    assert {
        "__init__.py",
        "training/loop.py",
        "training/batches.py",
        "training/schedules.py",
        "recording/gram.py",
        "recording/trajectory_writer.py",
        "networks/residual.py",
        "datasets/prepared.py",
    } <= names


def test_how_a_download_is_worded_makes_no_dataset_anew():
    for module in ("fetching.py", "placement.py"):
        assert (LIBRARY / "datasets" / module).is_file()
        assert LIBRARY / "datasets" / module not in closure(SCRIPTS / "dataset.py")


def test_every_script_starts_through_the_launcher():
    scripts = [p for p in SCRIPTS.glob("*.py") if p.name != "launch.py"]
    assert [p.name for p in scripts if "with job(snakemake)" not in p.read_text()] == []


def rules_with_torch():
    """Rules whose environment is the one of trainings."""
    text = "\n".join(path.read_text() for path in (SCRIPTS.parent / "rules").glob("*.smk"))
    rules = re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", text, re.M)
    return {name for name, body in rules if "envs/train.yaml" in body}


def test_analysis_and_figures_need_no_torch():
    with_torch = rules_with_torch()
    assert {"train", "noise"} <= with_torch
    for script in SCRIPTS.glob("*.py"):
        if script.stem in with_torch | {"launch"}:
            continue
        modules = [p for p in closure(script) if p.suffix == ".py"]
        loaded = [p for p in modules if "import torch" in p.read_text()]
        assert loaded == [], f"{script.name} imports torch through {loaded}"


def test_the_users_code_counts_with_what_it_imports(tree, tmp_path, monkeypatch):
    own = tmp_path / "own"
    (own / "mine").mkdir(parents=True)
    (own / "mine" / "__init__.py").write_text("")
    (own / "mine" / "net.py").write_text("from . import parts\ndef make():\n    return parts.a\n")
    (own / "mine" / "parts.py").write_text("a = 1\n")
    monkeypatch.setenv("PYTHONPATH", str(own))
    files = own_files(["mine.net:make", "resnet14"])
    assert [path.name for path in files] == ["net.py"]
    names = {path.name for path in closure(tree / "script.py", files)}
    assert {"net.py", "parts.py", "a.py"} < names
    before = code_fingerprint(tree / "script.py", files)
    (own / "mine" / "parts.py").write_text("a = 2\n")
    assert code_fingerprint(tree / "script.py", files) != before
    with pytest.raises(InputError, match=r"no module 'theirs\.net'"):
        own_files(["theirs.net:make"])


def others():
    found = []
    for minor in (11, 12, 13, 14):
        python = shutil.which(f"python3.{minor}")
        works = python and subprocess.run([python, "-c", ""], capture_output=True).returncode == 0
        if works and minor != sys.version_info.minor:
            found.append(python)
    return found


def test_every_python_gives_the_same_fingerprint(tree):
    """The interpreters of this machine; on one with a single Python there is nothing to compare."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1:3]; from pathlib import Path; "
        "from planning.fingerprint import code_fingerprint; "
        "print([code_fingerprint(Path(p)) for p in sys.argv[3:]])"
    )
    scripts = [tree / "script.py", *sorted(SCRIPTS.glob("*.py"))]
    paths = [str(SCRIPTS.parent), str(SCRIPTS), *map(str, scripts)]
    expected = str([code_fingerprint(Path(p)) for p in scripts])
    for python in others():
        result = subprocess.run([python, "-c", code, *paths], capture_output=True, text=True)
        assert result.stdout.strip() == expected, f"{python}: {result.stderr}"
