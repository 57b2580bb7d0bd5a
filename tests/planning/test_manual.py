"""The manual says what is: its code runs, its pages are those of the code, its files exist."""

import re
import subprocess
import sys

import pytest
import yaml
from workflow_copy import ROOT

from planning.house import layers, picture, subject
from planning.manual import manual

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_page_of_the_config_is_written_from_the_schema():
    assert (ROOT / "docs" / "config.md").read_text() == manual()


def test_the_recorder_example_runs_as_it_stands(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "recording.md").read_text(), re.S)
    assert len(blocks) == 3
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "workflow" / "scripts"), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["0", "100", "200"]
    assert lines[3].startswith("(300, 1024) ")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_environments_pin_what_requirements_pin():
    pins = dict(
        line.strip().lower().split("==")
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if "==" in line
    )
    for path in sorted((ROOT / "envs").glob("*.yaml")):
        for item in yaml.safe_load(path.read_text())["dependencies"]:
            for package in item["pip"] if isinstance(item, dict) else [item]:
                name, _, version = package.replace("==", "=").partition("=")
                if name not in ("python", "pip"):
                    assert pins[name.lower()] == version, f"{path.name}: {package}"


def test_every_direct_requirement_is_constrained_alike():
    constraints = (ROOT / "constraints.txt").read_text().lower().splitlines()
    for line in (ROOT / "requirements.txt").read_text().lower().splitlines():
        if "==" in line:
            assert line.strip() in constraints


def test_the_picture_of_the_rooms_is_that_of_the_contracts():
    assert (ROOT / "docs" / "rooms.svg").read_text() == picture()


def test_every_room_is_in_the_picture_and_says_what_it_is():
    rooms = {room for row in layers() for room in row}
    library = ROOT / "workflow" / "scripts" / "sgdwalk"
    assert {p.name for p in library.iterdir() if (p / "__init__.py").exists()} <= rooms
    assert all(len(subject(room)) > 20 for room in rooms)


def test_make_says_what_it_can_do():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    said = subprocess.run(
        ["make", "--silent", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[0] for line in said.stdout.splitlines()] == targets


def test_hooks_check_what_lint_checks():
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = " ".join(hook["entry"] for hook in hooks)
    for line in lint.splitlines():
        tool = line.split("/")[1].split()[0]
        assert f".venv/bin/{tool}" in entries


def test_all_results_of_a_study_are_in_its_target():
    made = re.findall(r"^(\w+_RESULTS) = ", (ROOT / "workflow/rules/common.smk").read_text(), re.M)
    target = re.search(r"^rule all:.*?\n\n\n", (ROOT / "Snakefile").read_text(), re.M | re.S)[0]
    assert len(made) == 8
    assert re.findall(r"\w+_RESULTS", target) == made
    included = re.findall(r'include: "workflow/(.+)"', (ROOT / "Snakefile").read_text())
    rules = (ROOT / "workflow" / "rules").glob("*.smk")
    assert sorted(included) == sorted(f"rules/{path.name}" for path in rules)
