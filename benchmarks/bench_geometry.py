"""All geometry of one window beyond the MSD: time, memory, and growth with its length."""

import time
import tracemalloc

import numpy as np

from sgdwalk.geometry import (
    ageing,
    anomalous_exponents,
    components,
    distances,
    excursions,
    homology_dimension,
    loss_avalanches,
    loss_roughness,
    loss_structure,
    path_dimension,
    velocity,
)
from sgdwalk.geometry import window as window_geometry
from sgdwalk.geometry.nulls import window_nulls
from sgdwalk.geometry.smooth_losses import SmoothLandscape
from sgdwalk.recording import trajectory

DIMENSION = 200
LENGTHS = (1000, 4000)


def window(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Gram matrix and losses of a Brownian walk over a bowl, with noise."""
    rng = np.random.default_rng(0)
    increments = rng.standard_normal((length - 1, DIMENSION))
    positions = np.vstack([np.zeros(DIMENSION), increments.cumsum(axis=0)])
    loss = np.sum(positions**2, axis=1) / length + rng.standard_normal(length)
    return increments @ increments.T, loss


def analyses(gram: np.ndarray, loss: np.ndarray) -> dict[str, float]:
    """Run every analysis but the principal components on one window; return seconds of each."""
    seconds = {}

    def timed(name, function):
        begin = time.perf_counter()
        result = function()
        seconds[name] = time.perf_counter() - begin
        return result

    squares, contour = timed(
        "distances", lambda: (distances.squared_distances(gram), distances.contour_lengths(gram))
    )
    distance = np.sqrt(squares)
    noise = np.ones(loss.size)
    smooth = timed("smooth_landscape", lambda: SmoothLandscape(gram, loss, noise, 0.25))
    timed(
        "roughness",
        lambda: [
            loss_roughness.loss_roughness(r, distance, loss, smooth, 0, noise, 0.25)
            for r in (distance, contour)
        ],
    )
    timed(
        "structure_functions",
        lambda: [
            loss_structure.structure_functions(r, distance, loss, smooth, 0)
            for r in (distance, contour)
        ],
    )
    timed(
        "path_dimension",
        lambda: (
            path_dimension.msd_against_contour(contour, squares),
            path_dimension.contour_against_displacement(contour, squares),
            path_dimension.contour_against_lag(contour),
            path_dimension.uncorrelated_msd(gram),
        ),
    )
    timed("excursions", lambda: [excursions.random_fragments(gram, n, seed=0) for n in (50, 100)])
    timed(
        "avalanches",
        lambda: (
            loss_avalanches.after_longest(loss_avalanches.find_avalanches(loss, 0), loss, contour),
            loss_avalanches.moving_variance(loss, 100),
        ),
    )
    timed(
        "velocity_correlation",
        lambda: (
            velocity.velocity_autocorrelation(gram),
            velocity.reversal_fraction(gram),
            velocity.turning_cosine(gram),
        ),
    )
    timed("anomalous_exponents", lambda: anomalous_exponents.anomalous_exponents(gram))
    timed("ageing", lambda: ageing.ageing([gram], [0], [1, 10, 100]))
    timed("homology_dimension", lambda: homology_dimension.homology_dimension(squares, seed=0))
    return seconds


def measure() -> dict[str, float]:
    """Seconds and peak MiB of all analyses at T = 1000, and growth of the time with T.

    Growth is over `T^2 log T`, from T = 1000 to 4000, without the principal components: one means
    as fast as that. Times are the better of two runs.
    """
    result, totals = {}, []
    for length in LENGTHS:
        data = window(length)
        runs = [analyses(*data) for _ in range(2)]
        seconds = {name: min(run[name] for run in runs) for name in runs[0]}
        totals.append(sum(seconds.values()))
        if length == LENGTHS[0]:
            tracemalloc.start()
            begin = time.perf_counter()
            components.walk_modes(data[0], 10)
            seconds["walk_modes"] = time.perf_counter() - begin
            analyses(*data)
            result["geometry_peak_mib"] = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
            result["geometry_seconds"] = sum(seconds.values())
            result |= {f"geometry_{name}_seconds": value for name, value in seconds.items()}
            begin = time.perf_counter()
            window_nulls(distances.CheckedGram(data[0]), (50, 100), 5, seed=0)
            result["geometry_surrogates_seconds"] = time.perf_counter() - begin
            begin = time.perf_counter()
            window_geometry.analyse_window(
                trajectory.Window(length, 1, 0, data[0], data[1], np.arange(length), data[1]),
                window_geometry.LossNoise(np.ones(length), 0.25),
                fragments=(50, 100),
                components=10,
                seed=0,
            )
            result["geometry_window_with_nulls_seconds"] = time.perf_counter() - begin
    first, last = LENGTHS[0], LENGTHS[-1]
    scaling = (last / first) ** 2 * np.log(last) / np.log(first)
    result["geometry_growth_over_T2_log_T"] = totals[-1] / totals[0] / scaling
    return result
