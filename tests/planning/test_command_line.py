"""The study that a command line names, which profiles need before the study is read."""

import sys

import pytest
import yte
from workflow_copy import ROOT

from planning.command_line import study_name


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--profile slurm", "digits"),
        ("--configfile studies/smoke.yaml --profile slurm", "smoke"),
        ("-n --configfile=studies/smoke.yaml fig2", "smoke"),
        ("--configfile config.yaml studies/smoke.yaml --jobs 3", "digits"),
        ("--configfile studies/smoke.yaml --config steps=3 study=mine", "mine"),
        ("--configfile studies/none.yaml", "none"),
    ],
)
def test_the_study_of_a_command_line(words, name, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert study_name(words.split()) == name


def test_slurm_writes_into_the_logs_of_the_study(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["snakemake", "--configfile", "studies/smoke.yaml"])
    with open("slurm/config.yaml") as file:
        profile = yte.process_yaml(file)
    assert profile["slurm-logdir"] == "results/smoke/logs/cluster"
