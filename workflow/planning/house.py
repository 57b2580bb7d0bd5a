"""The picture of the library's rooms, drawn from the import contracts in ``pyproject.toml``.

python -m planning.house > ../docs/rooms.svg      # in workflow/
"""

from __future__ import annotations

import ast
import tomllib
from html import escape
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow" / "scripts" / "sgdwalk"
_WIDTH, _HEIGHT, _GAP = 900, 58, 8
_STYLE = (
    "text{font-family:sans-serif;fill:#222}.room{font-size:14px;font-weight:bold}"
    ".said{font-size:10.5px}rect{fill:#e8eef4;stroke:#4a6785}.top{fill:#f6efe2}"
)


def layers() -> list[list[str]]:
    """Rooms from top to bottom; those of one row do not import each other."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    rows = next(c["layers"] for c in contracts if c["id"] == "rooms")
    return [row.split(" | ") for row in rows]


def subject(room: str) -> str:
    """First sentence of a room's docstring."""
    place = LIBRARY / room / "__init__.py"
    path = place if place.exists() else LIBRARY / f"{room}.py"
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return said.split("\n\n")[0].replace("\n", " ").replace("`", "")


def picture() -> str:
    """The whole house as SVG: a row of boxes for each layer, each importing from rows below."""
    rows = layers()
    height = len(rows) * (_HEIGHT + _GAP) + _GAP
    boxes = []
    for number, row in enumerate(rows):
        width = (_WIDTH - _GAP * (len(row) + 1)) / len(row)
        for column, room in enumerate(row):
            x, y = _GAP + column * (width + _GAP), _GAP + number * (_HEIGHT + _GAP)
            kind = "room" if (LIBRARY / room).is_dir() else "top"
            boxes.append(f'<rect class="{kind}" x="{x:.0f}" y="{y}" rx="5" width="{width:.0f}"')
            boxes.append(f' height="{_HEIGHT}"/><text class="room" x="{x + 10:.0f}" y="{y + 19}">')
            boxes.append(f"{room}</text>")
            for line, text in enumerate(wrap(subject(room), int(width / 6.2))[:2]):
                boxes.append(f'<text class="said" x="{x + 10:.0f}" y="{y + 35 + 14 * line}">')
                boxes.append(f"{escape(text)}</text>")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">'
        f"<style>{_STYLE}</style>{''.join(boxes)}</svg>\n"
    )


if __name__ == "__main__":
    print(picture(), end="")
