"""Principal components of a whole run, from its sketch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.components import WalkModes, walk_modes
from sgdwalk.geometry.distances import CheckedGram
from sgdwalk.geometry.nulls import component_nulls
from sgdwalk.recording.analysed_windows import longest_window
from sgdwalk.recording.trajectory import Trajectory

MOST = 500  # positions, so many steps apart


@dataclass(frozen=True)
class WholeWalk:
    """Principal components of the longest unbroken part of a run, some steps apart."""

    length: Annotated[int, "recorded positions"]
    stride: Annotated[int, "optimizer steps between them", "step"]
    start: Annotated[int, "optimizer steps taken before the first position", "step"]
    modes: Annotated[WalkModes | None, "principal components"]
    nulls: Annotated[
        dict[str, dict[str, Estimate]],
        "median and interval of 95 % of shares of surrogates, by kind, then by number",
    ]
    missing: Annotated[dict[str, str], "why this part could not be had"]


def whole_walk(trajectory: Trajectory, components: int, seed: int) -> WholeWalk | None:
    """Principal components of a run; None without a sketch, or if it is too short.

    Args:
        trajectory: of the run.
        components: principal components that are kept.
        seed: of signs.

    Raises:
        InputError: if the Gram matrix is none.
    """
    window = longest_window(trajectory, MOST)
    if window is None:
        return None
    gram, missing = CheckedGram(window.gram), {}
    modes, nulls = None, {}
    try:
        modes = walk_modes(gram, min(components, len(gram)))
        nulls = component_nulls(gram, components, seed)
    except InputError as error:
        missing["modes"] = str(error)
    assert window.stride is not None  # one cut from a sketch of every step
    return WholeWalk(window.length, window.stride, window.start, modes, nulls, missing)
