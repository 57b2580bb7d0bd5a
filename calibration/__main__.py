"""Make the tables of the manual: `python -m calibration`, in the project's own folder.

Writes docs/calibration.md, docs/calibration_unequal.md and docs/levels.md. Takes about an hour and
a half on two cores.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from calibration.exponents import exponents_page
from calibration.levels import levels_page
from calibration.unequal import unequal_page

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ("calibration", "unequal", "levels")


def main() -> None:
    """Measure, and write the pages."""
    parser = argparse.ArgumentParser(prog="python -m calibration", description=__doc__)
    parser.add_argument("pages", nargs="*", default=PAGES, choices=[*PAGES, PAGES])
    parser.add_argument("--realisations", type=int, default=100, help="of each line")
    parser.add_argument("--orders", type=int, default=16, help="of the batches of real windows")
    parser.add_argument("--seed", type=int, default=0, help="of the first realisation")
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    with ProcessPoolExecutor(chosen.processes) as pool:
        if "calibration" in chosen.pages:
            page = exponents_page(chosen.realisations, chosen.orders, chosen.seed, pool)
            (DOCS / "calibration.md").write_text(page, encoding="utf-8")
        if "unequal" in chosen.pages:
            page = unequal_page(2 * chosen.realisations, chosen.seed, pool)
            (DOCS / "calibration_unequal.md").write_text(page, encoding="utf-8")
        if "levels" in chosen.pages:
            page = levels_page(chosen.realisations, chosen.seed, pool)
            (DOCS / "levels.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
