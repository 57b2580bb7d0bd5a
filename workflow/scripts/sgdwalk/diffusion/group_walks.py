"""The diffusion of groups of parameter tensors: each walks in a space of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from sgdwalk.diffusion.window import WindowDiffusion, window_diffusion
from sgdwalk.errors import InputError
from sgdwalk.geometry.components import variance_shares
from sgdwalk.recording.analysed_windows import sketched_window
from sgdwalk.recording.trajectory import Trajectory, Window

COMPONENTS = 3


@dataclass(frozen=True)
class GroupWindow:
    """One window of the walk of a group of parameter tensors."""

    diffusion: Annotated[WindowDiffusion, "its msd, nulls and regimes"]
    share_of_msd: Annotated[float, "part of the whole walk's msd at the shortest lag"]
    component_shares: Annotated[
        np.ndarray, "(3,) part of the variance of positions along each principal component"
    ]


@dataclass(frozen=True)
class GroupWalk:
    """The walk of one group of parameter tensors."""

    parameters: Annotated[int, "numbers that walk"]
    tensors: Annotated[int, "parameter tensors"]
    windows: tuple[GroupWindow, ...]
    missing: Annotated[dict[str, str], "why a window could not be had, by its first step"]


def group_walks(
    trajectory: Trajectory, windows: Sequence[Window], signs: int, seed: int
) -> dict[str, GroupWalk]:
    """The walk of every group that was recorded, in the windows of the whole.

    Args:
        trajectory: of the run.
        windows: those of the whole walk that are analysed.
        signs: draws of random signs behind the bands of the nulls.
        seed: of all draws.
    """
    if not trajectory.groups:
        return {}
    sizes = dict(trajectory.layers)
    found: dict[str, list[GroupWindow]] = {name: [] for name in trajectory.groups}
    missing: dict[str, dict[str, str]] = {name: {} for name in trajectory.groups}
    for whole in windows:
        for name, window in _of_groups(trajectory, whole):
            try:
                found[name].append(_group_window(trajectory, whole, window, signs, seed))
            except InputError as error:  # a group may be at rest
                missing[name][f"window from step {whole.start}, stride {whole.stride}"] = str(error)
    return {
        name: GroupWalk(
            parameters=sum(sizes[tensor] for tensor in tensors),
            tensors=len(tensors),
            windows=tuple(found[name]),
            missing=missing[name],
        )
        for name, tensors in trajectory.groups.items()
    }


def _of_groups(trajectory: Trajectory, whole: Window) -> list[tuple[str, Window]]:
    """The same window of every group: exact where it was recorded, else from the sketch."""
    if whole.sketched is None:
        grams = trajectory.group_grams(whole)
        return [(name, replace(whole, gram=gram)) for name, gram in grams.items()]
    assert whole.stride is not None  # a window that was cut from a sketch
    place = whole.start, whole.length, whole.stride
    return [(name, sketched_window(trajectory, *place, name)) for name in trajectory.groups]


def _group_window(
    trajectory: Trajectory, whole: Window, window: Window, signs: int, seed: int
) -> GroupWindow:
    shares = variance_shares(window.gram, COMPONENTS)["centred"]
    return GroupWindow(
        diffusion=window_diffusion(trajectory, window, signs, seed),
        share_of_msd=float(window.gram.trace() / whole.gram.trace()),
        component_shares=shares,
    )
