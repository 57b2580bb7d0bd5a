"""The diffusion of a whole run: its windows one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from sgdwalk.diffusion.ragged import ragged_share, ragged_warning
from sgdwalk.diffusion.window import WindowDiffusion, analyse_diffusion
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.window_families import without_remnants


@dataclass(frozen=True)
class RunDiffusion:
    """Diffusion of all windows of one run, by stride, then length, then start."""

    windows: tuple[WindowDiffusion, ...]
    diverged_at: Annotated[int | None, "step whose loss was not finite", "step"]
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """What whoever reads the numbers must know first, one line each."""
        said = (ragged_warning(w.ragged_share, w.start, w.stride) for w in self.windows)
        return [line for line in said if line]


def analyse(trajectory: Trajectory, signs: int, seed: int) -> RunDiffusion:
    """Analyse every window of a run, but for remnants beside whole ones.

    Args:
        trajectory: its record.
        signs: draws of random signs behind the bands of the nulls.
        seed: of all draws.

    Raises:
        InputError: if a Gram matrix is none, or a window is too short for a fit.
    """
    windows = tuple(
        analyse_diffusion(
            window.gram,
            window.stride,
            signs,
            seed,
            window.start,
            ragged_share(trajectory, window.start, window.length, window.stride),
        )
        for window in without_remnants(trajectory.windows)
    )
    return RunDiffusion(windows, trajectory.diverged_at)
