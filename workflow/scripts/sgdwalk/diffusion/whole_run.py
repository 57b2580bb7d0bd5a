"""The diffusion of a whole run from its sketch: the MSD at all lags, and its regimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from sgdwalk.diffusion.lags import logarithmic_selection
from sgdwalk.diffusion.msd import local_exponent
from sgdwalk.diffusion.sketched_msd import sketch_scatter, sketched_msd
from sgdwalk.diffusion.window import WindowDiffusion, window_diffusion
from sgdwalk.recording.analysed_windows import longest_part, longest_window
from sgdwalk.recording.trajectory import Trajectory

MOST = 1000  # positions of the window that regimes are fitted to: its Gram matrix is so large

_AREA = "parameter^2"


@dataclass(frozen=True)
class WholeRun:
    """Diffusion of the longest unbroken part of a run, of N positions, every step among them.

    All is from the sketch. Regimes, nulls and intervals are of the same positions so many steps
    apart that they are no more than `MOST`; exponents are then of lags from there on.
    """

    start: Annotated[int, "optimizer steps taken before the first position", "step"]
    positions: Annotated[int, "N"]
    numbers: Annotated[int, "k, numbers of the sketch of a position"]
    lags: Annotated[np.ndarray, "(N-1,) lags of msd", "step"]
    msd: Annotated[np.ndarray, "(N-1,) time-averaged mean squared displacement", _AREA]
    error_lags: Annotated[np.ndarray, "(e,) lags of sketch_error", "step"]
    sketch_error: Annotated[
        np.ndarray, "(e,) relative standard error of msd by the sketch; 0 where that is exact"
    ]
    local_lags: Annotated[np.ndarray, "(m,) lags of local_exponent", "step"]
    local_exponent: Annotated[np.ndarray, "(m,) smoothed slope of log msd by log lag"]
    window: Annotated[WindowDiffusion, "of positions some steps apart"]


def whole_run(trajectory: Trajectory, signs: int, seed: int) -> WholeRun | None:
    """Analyse a run from its sketch; None without one, or if it is too short.

    Args:
        trajectory: of the run.
        signs: draws of random signs behind the bands of the nulls.
        seed: of all draws.

    Raises:
        InputError: if the walk does not move.
    """
    path, part = trajectory.sketch, longest_part(trajectory)
    window = longest_window(trajectory, MOST)
    if path is None or part is None or window is None:
        return None
    start, positions = part
    lags = np.arange(1, positions, dtype=np.int64)
    chosen = lags[logarithmic_selection(lags.astype(np.float64))]
    found = sketched_msd(path.increments[start : start + positions - 1], chosen)
    error = np.zeros(len(chosen))
    if not path.exact:
        error = np.sqrt(sketch_scatter(found.coordinates, seed).relative_variance)
    local_lags, local = local_exponent(lags, found.msd)
    return WholeRun(
        start=start,
        positions=positions,
        numbers=path.k,
        lags=lags,
        msd=found.msd,
        error_lags=chosen,
        sketch_error=error,
        local_lags=local_lags,
        local_exponent=local,
        window=window_diffusion(trajectory, window, signs, seed),
    )
