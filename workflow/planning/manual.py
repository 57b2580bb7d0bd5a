"""The manual page of the config, written from its schema.

python -m planning.manual > ../docs/config.md      # in workflow/
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import yaml

from planning.schema import config_schema, resolved

_HEAD = """# The config of a study

One YAML file is one study. Every key is listed here with its default; a key that is not here is
an error. A study needs only `grids`; `defaults` and each grid take the keys of *training settings*.
`--config` changes single values on the command line, for example
`--config 'diffusion={signs: 400}'`. This page is written by `make manual` from
`workflow/schemas/`, which has a file for each section.
"""


def manual() -> str:
    """The whole page in Markdown."""
    schema = config_schema()
    sections = {"Top level": schema, "Training settings": schema["$defs"]["training"]}
    for key, inner in schema["properties"].items():
        inner = resolved(inner, schema)
        if "properties" in inner:
            sections[f"`{key}`"] = inner
    lines = [_HEAD]
    for title, section in sections.items():
        lines += [f"## {title}", "", section["description"].strip(), ""]
        lines += ["| key | default | what it is |", "|---|---|---|"]
        lines += [*_rows(section, schema, ""), ""]
    return "\n".join(lines)


def _rows(section: Mapping[str, Any], root: Mapping[str, Any], prefix: str) -> Iterator[str]:
    required = section.get("required", [])
    for key, inner in section["properties"].items():
        inner = resolved(inner, root)
        text = " ".join(inner.get("description", "").split())
        if "enum" in inner:
            text += f" One of {', '.join(f'`{value}`' for value in inner['enum'])}."
        default = section.get("default", {}).get(key, inner.get("default"))
        default = "required" if key in required else f"`{_said(default)}`"
        if "properties" in inner and not prefix and root.get("properties", {}).get(key):
            default = "see below"
        yield f"| `{prefix}{key}` | {default} | {text} |".replace("||", "\\|\\|")
        nested = resolved(inner.get("items", inner), root)
        if "properties" in nested and (prefix or section is not root):
            yield from _rows(nested, root, f"{prefix}{key}.")


def _said(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True).splitlines()[0].strip()


if __name__ == "__main__":
    print(manual(), end="")
