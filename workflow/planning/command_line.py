"""The study that a command line is about, for a profile, which is read before the study is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import yaml


def study_name(arguments: Sequence[str]) -> str:
    """Name of the study that a command line of snakemake names.

    Files that cannot be read count as empty: snakemake itself has more to say about them.

    Args:
        arguments: without the program's name.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="extend", dest="files")
    parser.add_argument("--config", "-C", nargs="*", action="extend", default=[])
    chosen, _ = parser.parse_known_args(arguments)
    files = [Path(file) for file in chosen.files or ["config.yaml"]]
    names = [files[-1].stem, *map(_named, files)]
    names += [word.partition("=")[2] for word in chosen.config if word.startswith("study=")]
    return [name for name in names if name][-1]


def _named(file: Path) -> str | None:
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return content.get("study") if isinstance(content, dict) else None
