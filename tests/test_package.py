"""What the package declares is what it imports."""

import ast
import re
import sys
import tomllib

from workflow_copy import ROOT

LIBRARY = ROOT / "workflow" / "scripts" / "sgdwalk"
FRAMEWORKS = LIBRARY / "integrations"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # imported by another name


def imported(paths):
    """Third-party packages that some modules import, anywhere in them."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
    tops = {name.partition(".")[0] for name in found} - {"sgdwalk"} - sys.stdlib_module_names
    return {DISTRIBUTIONS.get(name, name) for name in tops}


def names(requirements):
    return {found[0] for line in requirements if (found := re.match(r"[\w-]+", line))}


def test_every_import_is_declared_and_every_requirement_imported():
    extras = PROJECT["optional-dependencies"]
    declared = names(PROJECT["dependencies"]).union(*(names(r) for r in extras.values()))
    rooms = [path for path in LIBRARY.rglob("*.py") if path.parent != FRAMEWORKS]
    assert declared - {"sgdwalk"} == imported(rooms)


def test_frameworks_are_imported_by_their_integrations_alone():
    tested = names((ROOT / "requirements-frameworks.txt").read_text().splitlines())
    both_names = {"pytorch_lightning"}  # of lightning
    assert imported(FRAMEWORKS.glob("*.py")) - both_names == tested | {"torch"}


def test_the_whole_is_all_of_the_extras():
    extras = dict(PROJECT["optional-dependencies"])
    (whole,) = extras.pop("all")
    assert whole == f"sgdwalk[{','.join(extras)}]"


def test_what_is_declared_is_pinned_for_the_workflow():
    pinned = names((ROOT / "requirements.txt").read_text().splitlines()[1:])
    extras = PROJECT["optional-dependencies"]
    declared = names(PROJECT["dependencies"]).union(*(names(r) for r in extras.values()))
    assert declared - {"sgdwalk"} <= pinned


def test_what_types_cannot_say_has_its_reason():
    for path in (ROOT / "workflow").rglob("*.py"):
        for line in path.read_text().splitlines():
            if "type: ignore" in line:
                assert re.search(r"# type: ignore\[[a-z-]+\]  # \w", line), f"{path}: {line}"
