"""Figure scripts are one page that calls panels; panels explain themselves."""

import ast

import pytest
from workflow_copy import ROOT

SCRIPTS = sorted((ROOT / "workflow" / "scripts").glob("fig*.py"))
MODULES = sorted((ROOT / "workflow" / "scripts" / "sgdwalk" / "figures").glob("*.py"))
MOST_LINES = 60
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def test_there_are_scripts_and_panels():
    assert SCRIPTS
    assert MODULES


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_figure_script_is_a_page_that_draws_nothing_itself(script):
    text = script.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert not [n.name for n in ast.walk(ast.parse(text)) if isinstance(n, FUNCTIONS)]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_public_name_of_panels_is_explained(module):
    tree = ast.parse(module.read_text())
    public = [
        node
        for node in tree.body
        if isinstance(node, FUNCTIONS | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert ast.get_docstring(tree)
    assert not [node.name for node in public if not ast.get_docstring(node)]
