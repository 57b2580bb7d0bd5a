"""What is known of the loss around a run's weights: planes, lines, interpolations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from sgdwalk.landscape.line_roughness import LineRoughness

_MISSING = "why this part could not be had"


@dataclass(frozen=True)
class SurfaceValues:
    """Mean loss and accuracy at points; test values are `None` without test samples."""

    train_loss: Annotated[np.ndarray, "mean loss of the training samples"]
    train_accuracy: Annotated[np.ndarray, "share of the training samples classified correctly"]
    test_loss: Annotated[np.ndarray | None, "mean loss of the test samples"] = None
    test_accuracy: Annotated[
        np.ndarray | None, "share of the test samples classified correctly"
    ] = None

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Those that there are, by name."""
        return {name: array for name, array in vars(self).items() if array is not None}


@dataclass(frozen=True)
class Plane:
    """A plane in parameter space and the loss on its grid; nothing but the first two if missing.

    A random plane has the checkpoint at its origin, a principal one the mean of m checkpoints.
    """

    kind: Annotated[str, "how the directions were chosen: random or pca"]
    step: Annotated[
        int, "steps taken before the checkpoint at the origin, or the last one of the path", "step"
    ]
    missing: Annotated[dict[str, str], _MISSING] = field(default_factory=dict)
    x: Annotated[
        np.ndarray | None, "(nx,) coordinate along the first direction", "length of that direction"
    ] = None
    y: Annotated[
        np.ndarray | None, "(ny,) coordinate along the second direction", "length of that direction"
    ] = None
    lengths: Annotated[np.ndarray | None, "(2,) lengths of the two directions", "parameter"] = None
    cosine: Annotated[float | None, "cosine of the angle between them"] = None
    path: Annotated[
        np.ndarray | None, "(m, 2) checkpoints projected onto the plane", "as x and y"
    ] = None
    path_step: Annotated[
        np.ndarray | None, "(m,) steps taken before each checkpoint of the path", "step"
    ] = None
    off_plane: Annotated[
        np.ndarray | None, "(m,) distance of each checkpoint from the plane", "parameter"
    ] = None
    explained_variance: Annotated[
        np.ndarray | None, "(2,) share of the checkpoints' variance along each direction"
    ] = None
    explained_null: Annotated[
        np.ndarray | None, "(2,) the same for a random walk seen at these steps"
    ] = None
    values: Annotated[
        SurfaceValues | None, "loss and accuracy at (ny, nx) points; of a tile its own, flat"
    ] = None


@dataclass(frozen=True)
class PlaneTile:
    """A plane with the values of a share of its points."""

    tile: Annotated[int, "number of this tile, from 0"]
    tiles: Annotated[int, "tiles of the plane"]
    plane: Annotated[Plane, "the plane with the values of this tile"]


@dataclass(frozen=True)
class Line:
    """The loss at n points along a random direction from a checkpoint."""

    kind: Annotated[str, "normalisation of the direction"]
    step: Annotated[int, "steps taken before the checkpoint at the origin", "step"]
    missing: Annotated[dict[str, str], _MISSING] = field(default_factory=dict)
    coordinate: Annotated[
        np.ndarray | None,
        "(n,) coordinate along the line, 0 at its origin",
        "length of the direction",
    ] = None
    length: Annotated[float | None, "length of the direction", "parameter"] = None
    values: Annotated[SurfaceValues | None, "loss and accuracy at the n points"] = None
    slope: Annotated[
        float | None, "slope of the training loss along the line, of a quartic fitted about 0"
    ] = None
    curvature: Annotated[float | None, "second derivative, of a quartic fitted about 0"] = None
    predicted_slope: Annotated[float | None, "the same slope from the gradient, g.d"] = None
    predicted_curvature: Annotated[float | None, "the same derivative from the Hessian, d.Hd"] = (
        None
    )
    undefined: Annotated[dict[str, str], "why slopes or curvatures of the line are nan"] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class Interpolation:
    """The loss at n points of the straight line between checkpoints, of one run or of two."""

    step: Annotated[int, "steps taken before the checkpoint at 0", "step"]
    stop_step: Annotated[int, "steps taken before the checkpoint at 1", "step"]
    stop_run: Annotated[str, "run of the checkpoint at 1"]
    missing: Annotated[dict[str, str], _MISSING] = field(default_factory=dict)
    coordinate: Annotated[
        np.ndarray | None, "(n,) coordinate along the line, from 0 to 1", "length of the direction"
    ] = None
    length: Annotated[float | None, "distance of the two checkpoints", "parameter"] = None
    values: Annotated[SurfaceValues | None, "loss and accuracy at the n points"] = None


@dataclass(frozen=True)
class FineLines:
    """Losses along K lines sampled finely, and their roughness."""

    loss: Annotated[np.ndarray, "(K, n) training loss along each line"]
    roughness: Annotated[LineRoughness | None, "structure functions of these losses"] = None
    rounding: Annotated[
        float | None,
        "standard deviation of the losses' rounding error: single less double precision",
        "loss",
    ] = None


@dataclass(frozen=True)
class CheckpointRoughness:
    """Fine lines through a checkpoint, as long as the walk is thereabouts."""

    step: Annotated[int, "steps taken before the checkpoint at the origin", "step"]
    missing: Annotated[dict[str, str], _MISSING] = field(default_factory=dict)
    half_length: Annotated[
        float | None,
        "distance from the origin to each end of a line, and to the neighbouring checkpoint",
        "parameter",
    ] = None
    spacing: Annotated[float | None, "distance between neighbouring points", "parameter"] = None
    random: Annotated[FineLines | None, "isotropic random lines"] = None
    chord: Annotated[FineLines | None, "the line to the neighbouring checkpoint"] = None

    @classmethod
    def without_lines(cls, step: int, why: str) -> CheckpointRoughness:
        """A checkpoint that could not have any."""
        return cls(step, {"random": why, "chord": why})


@dataclass(frozen=True)
class RunLines:
    """All that is one-dimensional of a run's loss surface."""

    lines: Annotated[tuple[Line, ...], "random lines through checkpoints"]
    interpolations: Annotated[tuple[Interpolation, ...], "lines between checkpoints"]
    roughness: Annotated[tuple[CheckpointRoughness, ...], "fine lines through checkpoints"]


@dataclass(frozen=True)
class RunSurfaces:
    """The loss surface of a run."""

    planes: Annotated[dict[str, Plane], "planes by name"]
    lines: Annotated[RunLines, "what is one-dimensional"]
    origin: dict[str, Any] = field(default_factory=dict)
