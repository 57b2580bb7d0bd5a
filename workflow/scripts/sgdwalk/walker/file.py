"""One ensemble of walkers as a file: its terrain, its walks, and what was measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sgdwalk.files import described, hdf5
from sgdwalk.walker.analysis import Ground, WalkerAnalysis
from sgdwalk.walker.basins import BasinStatistics
from sgdwalk.walker.diffusion import StageDiffusion
from sgdwalk.walker.gradients import GradientDensity, WalkRoughness
from sgdwalk.walker.valleys import ValleyStatistics
from sgdwalk.walker.walk import Walks

_WALKS = {
    "positions": ("(W, T, 2) start and position after each step", "length"),
    "losses": ("(W, T) loss at each position", "loss"),
    "gradients": ("(W, T, 2) gradient at each position", "loss/length"),
    "stuck": ("(W,) steps at which a walker stayed, as no proposal was in the square", "step"),
}


@dataclass(frozen=True)
class WalkerRecord:
    """What a file holds.

    Attributes:
        settings: of the terrain and of the walk, by name of config key.
        walks: positions, losses and gradients, rounded to single precision.
        analysis: of these walks before they were rounded.
        origin: where the file comes from.
    """

    settings: dict
    walks: Walks
    analysis: WalkerAnalysis
    origin: dict


def write(path: str | Path, walks: Walks, analysis: WalkerAnalysis, origin: dict) -> None:
    """Write an ensemble; `origin["settings"]` holds the settings it was made with."""
    with hdf5.create(path, "walker", origin) as file:
        group = file.create_group("walks")
        for name, (meaning, unit) in _WALKS.items():
            values = getattr(walks, name)
            kept = values.astype(np.float32) if values.dtype == float else values
            hdf5.put(group, name, kept, meaning, unit)
        for name in ("held_share", "frozen_share"):
            file.attrs[name] = getattr(analysis, name)
        for name in ("ground", "gradients", "roughness", "valleys"):
            described.write(file.create_group(name), getattr(analysis, name))
        for selection, by_stage in analysis.stages.items():
            for stage, result in by_stage.items():
                described.write(file.create_group(f"stages/{selection}/{stage}"), result)
            described.write(file.create_group(f"basins/{selection}"), analysis.basins[selection])


def read(path: str | Path) -> WalkerRecord:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "walker") as file:
        origin = hdf5.origin(file)
        analysis = WalkerAnalysis(
            described.read(file["ground"], Ground),
            float(file.attrs["held_share"]),
            float(file.attrs["frozen_share"]),
            {
                selection: {
                    stage: described.read(group, StageDiffusion) for stage, group in found.items()
                }
                for selection, found in file["stages"].items()
            },
            described.read(file["gradients"], GradientDensity),
            described.read(file["roughness"], WalkRoughness),
            described.read(file["valleys"], ValleyStatistics),
            {
                selection: described.read(group, BasinStatistics)
                for selection, group in file["basins"].items()
            },
        )
        walks = Walks(*(file[f"walks/{name}"][()] for name in _WALKS))
        return WalkerRecord(origin["settings"], walks, analysis, origin)
