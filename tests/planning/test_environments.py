"""Every rule's environment has what its script imports, directly or not, and no more."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from workflow_copy import ROOT

from planning.fingerprint import SCRIPTS, closure

DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "mpl_toolkits": "matplotlib"}
# beside the scripts, or put in place by Snakemake itself
OWN = {"sgdwalk", "planning", "launch", "snakemake"}


def rules() -> dict[str, tuple[str, str]]:
    """Environment and script by rule."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    found = {}
    for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)*)", text + "\n", re.M):
        environment = re.search(r'"\.\./\.\./envs/(\w+)\.yaml"', body)
        script = re.search(r'"\.\./scripts/(\w+)\.py"', body)
        if script:
            found[name] = (environment[1], script[1])
    return found


def packages(environment: str) -> set[str]:
    names = set()
    for item in yaml.safe_load((ROOT / "envs" / f"{environment}.yaml").read_text())["dependencies"]:
        for package in item["pip"] if isinstance(item, dict) else [item]:
            names.add(re.split("=", package)[0].lower())
    return names


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Packages that one file imports, at its top or later."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    return frozenset(names)


@cache
def imported(script: str) -> set[str]:
    """Packages that the script, the launcher and all their modules import."""
    launcher = closure(ROOT / "workflow" / "scripts" / "launch.py")
    planned = closure(ROOT / "workflow" / "planning" / "identity.py")
    files = {*closure(SCRIPTS / f"{script}.py"), *launcher, *planned}
    names = set().union(*(imports_of(path) for path in files if path.suffix == ".py"))
    names -= OWN | set(sys.stdlib_module_names)
    return {DISTRIBUTIONS.get(name, name).lower() for name in names}


RULES = rules()


def test_the_rules_were_found():
    assert {"train", "diffusion", "figS3_depth_and_batch"} <= set(RULES)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_environment_has_what_the_script_imports(rule):
    environment, script = RULES[rule]
    missing = imported(script) - packages(environment)
    assert not missing, f"envs/{environment}.yaml lacks {sorted(missing)}"


@pytest.mark.parametrize("rule", sorted(r for r, (e, _) in RULES.items() if e != "train"))
def test_analysis_and_figures_need_no_torch(rule):
    assert not imported(RULES[rule][1]) & {"torch", "torchvision"}


def test_no_environment_has_more_than_its_rules_import():
    for environment in {e for e, _ in RULES.values()}:
        used = set().union(*(imported(s) for e, s in RULES.values() if e == environment))
        assert packages(environment) - used <= {"python", "pip"}


def test_the_container_is_built_from_the_same_pins():
    for name in ("Dockerfile", "apptainer.def"):
        text = (ROOT / name).read_text()
        assert "--requirement requirements.txt" in text or "-r requirements.txt" in text
        assert "constraints.txt" in text
