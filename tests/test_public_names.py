"""The door of the library: its names, lazily, and no name twice."""

import ast
import inspect
import re
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import version

import pytest
from workflow_copy import ROOT

import sgdwalk
from sgdwalk.public_names import MODULES

LIBRARY = ROOT / "workflow" / "scripts" / "sgdwalk"
# Job modules of the rooms: one shape, one name.
SHARED = {"analyse", "read", "write"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_importing_it_loads_nothing_heavy():
    code = (
        "import sys, sgdwalk; dir(sgdwalk); sgdwalk.__version__; "
        "print({'torch', 'numpy', 'scipy', 'h5py', 'matplotlib'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stderr


def test_every_name_is_there_and_explained():
    assert set(dir(sgdwalk)) == {*MODULES, "__version__"}
    for name, module in MODULES.items():
        found = getattr(sgdwalk, name)
        if callable(found):
            assert found.__module__ == module, name
            assert inspect.getdoc(found), name


def test_editors_see_the_same_names():
    tree = ast.parse((LIBRARY / "__init__.pyi").read_text())
    typed = {
        alias.asname: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == MODULES
    assert (LIBRARY / "py.typed").exists()


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(AttributeError, match="'Trajektory'; did you mean 'Trajectory'"):
        sgdwalk.Trajektory  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'qqq'$"):
        sgdwalk.qqq  # noqa: B018


def test_the_version_is_that_of_the_package():
    assert version("sgdwalk") == sgdwalk.__version__


def test_no_two_public_functions_or_classes_share_a_name():
    places = defaultdict(list)
    for path in LIBRARY.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(LIBRARY).as_posix())
    twice = {name: files for name, files in places.items() if len(files) > 1}
    assert set(twice) <= SHARED, twice


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_manual_uses_public_names_alone(page):
    text = page.read_text()
    imported = re.findall(r"^ *from (sgdwalk[\w.]*) import (.+)$", text, re.M)
    for module, names in imported:
        room, _, framework = module.partition(".integrations.")
        assert room == "sgdwalk"
        given = of_framework(framework) if framework else set(MODULES)
        assert set(re.split(r",\s*", names)) <= given
    dotted = re.findall(r"(?<![\w./])sgdwalk\.(\w+)", text)
    assert set(dotted) <= {*MODULES, "integrations"}


def of_framework(name):
    """Classes of a module that is imported only where its framework is installed."""
    body = ast.parse((LIBRARY / "integrations" / f"{name}.py").read_text()).body
    return {node.name for node in body if isinstance(node, ast.ClassDef)}
