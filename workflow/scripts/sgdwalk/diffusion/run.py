"""The diffusion of a whole run: its windows one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from sgdwalk.diffusion.window import WindowDiffusion, analyse_diffusion
from sgdwalk.recording.trajectory import Trajectory


@dataclass(frozen=True)
class RunDiffusion:
    """Diffusion of all windows of one run, by stride, then length, then start."""

    windows: tuple[WindowDiffusion, ...]
    diverged_at: Annotated[int | None, "step whose loss was not finite", "step"]
    origin: dict[str, Any] = field(default_factory=dict)


def analyse(trajectory: Trajectory, permutations: int, seed: int) -> RunDiffusion:
    """Analyse every window of a run.

    Args:
        trajectory: its record.
        permutations: random orders behind the band of the shuffled null.
        seed: of those orders.

    Raises:
        InputError: if a Gram matrix is none, or a window is too short for a fit.
    """
    windows = tuple(
        analyse_diffusion(window.gram, window.stride, permutations, seed, window.start)
        for window in trajectory.windows
    )
    return RunDiffusion(windows, trajectory.diverged_at)
