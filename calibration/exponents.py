"""Coverage of the exponents of the MSD: the page docs/calibration.md."""

from __future__ import annotations

import datetime
import sys
from concurrent.futures import Executor

import numpy as np

from calibration.coverage import Coverage, coverage
from calibration.real_windows import LENGTH, RUNS, RealWindows, grams_of
from calibration.walks import WALKS, Walk
from sgdwalk.datasets.load import load_dataset
from sgdwalk.diffusion.msd import mean_squared_displacement

LENGTHS = (200, 500, 1000)
HEAD = (
    "| walk | T | coverage: first, largest, last | bias | half-width | over 1.96 spreads | split "
    "| bent | crossover | left empty |\n|---|---|---|---|---|---|---|---|---|---|\n"
)


def exponents_page(realisations: int, orders: int, seed: int, pool: Executor) -> str:
    """Measure every walk at every length, and the real windows.

    Args:
        realisations: of each walk and length.
        orders: of the batches of real windows.
        seed: of the first realisation.
        pool: of processes.

    Returns:
        The page of the manual.
    """
    cells = [
        pool.submit(_of_walk, index, length, realisations, seed)
        for index in range(len(WALKS))
        for length in LENGTHS
    ]
    real = [pool.submit(_of_windows, runs, orders) for runs in RUNS]
    lines, found = [], []
    for cell in cells:
        name, length, measured = cell.result()
        found.append(measured)
        lines.append(_line(name, length, measured))
        print(lines[-1], file=sys.stderr)
    windows, of_windows = [], []
    for one in real:
        for name, measured in one.result():
            of_windows.append(measured)
            windows.append(_line(name, LENGTH, measured))
            print(windows[-1], file=sys.stderr)
    said = f"{realisations} realisations, seeds from {seed}; {orders} orders of batches"
    return _page(lines, found, windows, of_windows, said)


def _of_walk(index: int, length: int, realisations: int, seed: int) -> tuple[str, int, Coverage]:
    walk: Walk = WALKS[index]
    grams = (walk.gram(seed + k, length - 1) for k in range(realisations))
    return walk.name, length, coverage(grams, walk.expected(length - 1))


def _of_windows(runs: RealWindows, orders: int) -> list[tuple[str, Coverage]]:
    measured = []
    for start, grams in grams_of(runs, orders, load_dataset("digits")):
        mean = np.mean([mean_squared_displacement(gram)[1] for gram in grams], axis=0)
        measured.append((f"{runs.name}, from step {start}", coverage(grams, mean)))
    return measured


def _line(name: str, length: int, found: Coverage) -> str:
    def three(values: np.ndarray, form: str) -> str:
        return " ".join(f"{value:{form}}" for value in values)

    crossover = "" if np.isnan(found.crossover) else f"{found.crossover:.2f}"
    cells = (
        name,
        str(length),
        three(found.share, ".2f"),
        three(found.bias, "+.3f"),
        three(found.half_width, ".3f"),
        three(found.over_spread, ".1f"),
        f"{found.split:.2f}",
        f"{found.bends:.2f}",
        crossover,
        f"{found.emptied:.2f}",
    )
    return "| " + " | ".join(cells) + " |"


def _page(
    lines: list[str],
    found: list[Coverage],
    windows: list[str],
    of_windows: list[Coverage],
    said: str,
) -> str:
    shares = np.array([cell.share for cell in found])
    real = np.array([cell.share for cell in of_windows])
    return f"""# Calibration: how often the intervals hold

Written by `make calibrate` on {datetime.date.today()}; the words about it are in
[diffusion.md](diffusion.md#intervals). Each line is one kind of walk and one length of window:
{said}.

* *coverage*: share of the 95 % intervals of the first, the largest and the last exponent that hold
  the least-squares slope of the expected curve over the same lags; before cells with intervals
  wider than 1 are emptied.
* *bias*: mean of exponent less that slope. *half-width*: median. *over 1.96 spreads*: half-width
  over what the exponents scatter by.
* *split*: share of windows of more than one regime. *bent*: share of regimes whose misfit is above
  what scatter gives in 5 % of cases.
* *crossover*: share of crossover intervals that hold what the same fit to the expected curve gives.
  *left empty*: share of exponents whose interval is wider than 1.

Coverage over all {shares.size} cells of known walks: mean {shares.mean():.3f}, smallest
{shares.min():.2f}, below 0.90 in {(shares < 0.9).sum()}; of real windows: mean {real.mean():.3f},
smallest {real.min():.2f}.

## Walks whose expected curve is known in closed form

{HEAD}{chr(10).join(lines)}

## Real windows, trained again from the same start

The expected curve is the mean over the orders. Digits, batches of 128, no ragged batch.

{HEAD}{chr(10).join(windows)}
"""
