"""The toy walker's ensemble against one walker after the other: on floats, and on numpy arrays."""

import math
import random
from functools import partial
from statistics import median

import numpy as np
from timing import in_turn, ratio

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.walker.terrain import make_terrain
from sgdwalk.walker.walk import Walks, ensemble_msd, simulate_walkers

WALKERS, STEPS = 1000, 1000
LOOP_WALKERS, LOOP_STEPS = 20, 500
LEARNING_RATE, NOISE, REDRAWS = 0.02, 0.01, 100


def python_loop(grid: list[list[float]], walkers: int, steps: int) -> list:
    """Walk one after the other on floats, everything inlined: as fast as plain Python gets."""
    cells = len(grid) - 1
    scale = cells / 2
    ensemble = []
    for _ in range(walkers):
        x, y = random.uniform(-1, 1), random.uniform(-1, 1)
        path = []
        for _ in range(steps):
            u, v = (x + 1) * scale, (y + 1) * scale
            i, j = min(int(u), cells - 1), min(int(v), cells - 1)
            u, v = u - i, v - j
            low = grid[i][j]
            along_x, along_y = grid[i + 1][j] - low, grid[i][j + 1] - low
            twist = grid[i + 1][j + 1] - low - along_x - along_y
            loss = low + along_x * u + along_y * v + twist * u * v
            slope_x, slope_y = (along_x + twist * v) * scale, (along_y + twist * u) * scale
            path.append((x, y, loss, slope_x, slope_y))
            for _ in range(REDRAWS + 1):
                new_x = x - LEARNING_RATE * slope_x + NOISE * random.gauss(0, 1)
                new_y = y - LEARNING_RATE * slope_y + NOISE * random.gauss(0, 1)
                if math.fabs(new_x) <= 1 and math.fabs(new_y) <= 1:
                    x, y = new_x, new_y
                    break
        ensemble.append(path)
    return ensemble


def numpy_loop(terrain, walkers: int, steps: int) -> list:
    """Walk one after the other, one point at a time on numpy arrays: the loop one writes first."""
    rng = np.random.default_rng(0)
    ensemble = []
    for _ in range(walkers):
        position = rng.uniform(-1, 1, 2)
        path = []
        for _ in range(steps):
            loss, gradient = terrain.loss_and_gradient(position)
            path.append((position, loss, gradient))
            for _ in range(REDRAWS + 1):
                new = position - LEARNING_RATE * gradient + NOISE * rng.standard_normal(2)
                if np.abs(new).max() <= 1:
                    position = new
                    break
        ensemble.append(path)
    return ensemble


def measure() -> dict[str, float]:
    """Time per walker and step of each loop over that of the ensemble, in turn, by terrain."""
    figures = {}
    work = WALKERS * STEPS / (LOOP_WALKERS * LOOP_STEPS)
    for kind in ("convex", "shuffled", "fractal"):
        random.seed(0)
        terrain = make_terrain(kind)
        grid = terrain.values.tolist()
        seconds = in_turn(
            {
                "ensemble": partial(simulate_walkers, terrain, WALKERS, STEPS),
                "float_loop": partial(python_loop, grid, LOOP_WALKERS, LOOP_STEPS),
                "numpy_loop": partial(numpy_loop, terrain, LOOP_WALKERS, LOOP_STEPS),
            },
            5,
        )
        figures[f"walker_{kind}_ensemble_seconds"] = median(seconds["ensemble"])
        for loop in ("float_loop", "numpy_loop"):
            figures[f"walker_{kind}_{loop}_over_ensemble"] = work * ratio(seconds, loop, "ensemble")
    return figures | _msd(simulate_walkers(terrain, 200, STEPS))


def _msd(walks: Walks) -> dict[str, float]:
    """MSD of 200 walks from their positions, against Gram matrices one walk after the other."""

    def by_gram() -> None:
        for increments in np.diff(walks.positions[:20], axis=1):
            mean_squared_displacement(increments @ increments.T)

    seconds = in_turn({"ensemble": partial(ensemble_msd, walks), "gram": by_gram}, 3)
    return {"walker_msd_gram_over_ensemble": 10 * ratio(seconds, "gram", "ensemble")}
