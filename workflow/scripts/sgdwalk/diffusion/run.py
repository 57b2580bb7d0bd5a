"""The diffusion of a run: its windows one at a time, the whole of it, and groups of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from sgdwalk.diffusion.group_walks import GroupWalk, group_walks
from sgdwalk.diffusion.ragged import ragged_warning
from sgdwalk.diffusion.whole_run import WholeRun, whole_run
from sgdwalk.diffusion.window import WindowDiffusion, window_diffusion
from sgdwalk.errors import InputError
from sgdwalk.recording.analysed_windows import analysed_windows
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.window_families import first_family


@dataclass(frozen=True)
class RunDiffusion:
    """Diffusion of all windows of one run, by stride, then length, then start.

    The whole run is there if a sketch was recorded, groups of parameter tensors if they were.
    """

    windows: tuple[WindowDiffusion, ...]
    whole: WholeRun | None
    groups: Annotated[dict[str, GroupWalk], "walks of groups of parameter tensors, by their names"]
    diverged_at: Annotated[int | None, "step whose loss was not finite", "step"]
    missing: Annotated[
        dict[str, str], "why a window of a walk from elsewhere could not be had, by its place"
    ] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def first_family(self) -> list[WindowDiffusion]:
        """Windows that figures and sweeps are of: the first family of those that were recorded.

        Of a run without any, of those that were cut from its sketch.
        """
        recorded = [window for window in self.windows if window.sketch_error is None]
        return first_family(recorded or self.windows)

    @property
    def warnings(self) -> list[str]:
        """What whoever reads the numbers must know first, one line each."""
        said = (ragged_warning(w.ragged_share, w.start, w.stride) for w in self.windows)
        return [line for line in said if line]


def analyse(
    trajectory: Trajectory,
    signs: int,
    seed: int,
    windows: Sequence[Mapping[str, Any]] = (),
) -> RunDiffusion:
    """Analyse a run, its windows, and its groups of parameter tensors.

    Args:
        trajectory: its record.
        signs: draws of random signs behind the bands of the nulls.
        seed: of all draws.
        windows: families that are cut from the sketch, see `analysed_windows`.

    Raises:
        InputError: if a Gram matrix is none, or a window that was recorded is too short for a fit.
    """
    chosen = analysed_windows(trajectory, windows)
    found, missing = [], {}
    for window in chosen:
        try:
            found.append(window_diffusion(trajectory, window, signs, seed))
        except InputError as error:
            if trajectory.steps:
                raise
            # checkpoints of others may be few, or all alike
            missing[f"{window.length} positions from step {window.start}"] = str(error)
    return RunDiffusion(
        windows=tuple(found),
        whole=whole_run(trajectory, signs, seed),
        groups=group_walks(trajectory, chosen, signs, seed),
        diverged_at=trajectory.diverged_at,
        missing=missing,
    )
