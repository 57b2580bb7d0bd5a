"""Keys that stand twice in one mapping of a YAML file, of which a reader keeps the last."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from sgdwalk.errors import InputError


def check_keys(paths: Iterable[str | Path]) -> None:
    """Raise an `InputError` for the first key that a config file says twice in one place.

    Args:
        paths: config files; what is no YAML is left to whoever reads them.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in paths:
        try:
            tree = yaml.compose(Path(path).read_text(encoding="utf-8"), loader)
        except yaml.YAMLError:
            continue
        if tree is not None:
            _check(tree, path)


def _check(node: yaml.Node, path: str | Path) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check(item, path)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if key.value in lines:
                    raise InputError(
                        f"{path}, line {line}: key '{key.value}' is there already, in line "
                        f"{lines[key.value]}; allowed: once"
                    )
                lines[key.value] = line
            _check(value, path)
