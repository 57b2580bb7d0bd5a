"""What is known of the loss around a run's weights: planes, lines, interpolations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgdwalk.landscape.line_roughness import LineRoughness


@dataclass(frozen=True)
class SurfaceValues:
    """Mean loss and accuracy at points; test values are `None` without test samples."""

    train_loss: np.ndarray
    train_accuracy: np.ndarray
    test_loss: np.ndarray | None = None
    test_accuracy: np.ndarray | None = None

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Those that there are, by name."""
        return {name: array for name, array in vars(self).items() if array is not None}


@dataclass(frozen=True)
class Plane:
    """A plane in parameter space and the loss on its grid.

    Attributes:
        kind: `random` or `pca`.
        step: of the checkpoint at the origin of a random plane; the last step of the path of a
            principal one, whose origin is the mean of the checkpoints.
        missing: why there is nothing else, as for a checkpoint that a diverged run never reached.
        x, y: (nx,) and (ny,) coordinates, in units of the directions.
        lengths: (2,) lengths of the directions, parameter units.
        cosine: of the angle between them.
        path: (m, 2) checkpoints projected onto a principal plane.
        path_step: (m,) their steps.
        off_plane: (m,) their distances from it, parameter units.
        explained_variance: (2,) share of their variance along each direction.
        explained_null: (2,) the same for a random walk.
        values: at (ny, nx) points; in a tile those of its own, flat.
    """

    kind: str
    step: int
    missing: str | None = None
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    lengths: np.ndarray | None = None
    cosine: float | None = None
    path: np.ndarray | None = None
    path_step: np.ndarray | None = None
    off_plane: np.ndarray | None = None
    explained_variance: np.ndarray | None = None
    explained_null: np.ndarray | None = None
    values: SurfaceValues | None = None


@dataclass(frozen=True)
class Line:
    """The loss along a random direction from a checkpoint.

    Attributes:
        kind: normalisation of the direction.
        step: of the checkpoint.
        missing: why there is nothing else.
        coordinate: (n,) in units of the direction.
        length: of the direction, parameter units.
        values: at the n points.
        slope, curvature: derivatives of the training loss at 0, of a fitted quartic.
        predicted_slope, predicted_curvature: the same from gradient and Hessian, g.d and d.Hd.
    """

    kind: str
    step: int
    missing: str | None = None
    coordinate: np.ndarray | None = None
    length: float | None = None
    values: SurfaceValues | None = None
    slope: float | None = None
    curvature: float | None = None
    predicted_slope: float | None = None
    predicted_curvature: float | None = None


@dataclass(frozen=True)
class Interpolation:
    """The loss on the straight line between two checkpoints, of one run or of two.

    Attributes:
        step: of the checkpoint at coordinate 0.
        stop_step: of that at 1.
        stop_run: run of that at 1.
        missing: why there is nothing else.
        coordinate: (n,) from 0 to 1.
        length: distance of the two, parameter units.
        values: at the n points.
    """

    step: int
    stop_step: int
    stop_run: str
    missing: str | None = None
    coordinate: np.ndarray | None = None
    length: float | None = None
    values: SurfaceValues | None = None


@dataclass(frozen=True)
class FineLines:
    """Losses along K lines sampled finely, and their roughness."""

    loss: np.ndarray
    roughness: LineRoughness | None = None


@dataclass(frozen=True)
class CheckpointRoughness:
    """Fine lines through a checkpoint, as long as the walk is thereabouts.

    Attributes:
        step: of the checkpoint.
        missing: why there is nothing else.
        half_length: distance to the neighbouring checkpoint, parameter units.
        spacing: distance of neighbouring points.
        random: (K, n) losses along isotropic lines.
        chord: (1, n) losses along the line to the neighbouring checkpoint.
    """

    step: int
    missing: str | None = None
    half_length: float | None = None
    spacing: float | None = None
    random: FineLines | None = None
    chord: FineLines | None = None


@dataclass(frozen=True)
class RunLines:
    """All that is one-dimensional of a run's loss surface."""

    lines: tuple[Line, ...]
    interpolations: tuple[Interpolation, ...]
    roughness: tuple[CheckpointRoughness, ...]


@dataclass(frozen=True)
class RunSurfaces:
    """The loss surface of a run.

    Attributes:
        planes: by name.
        lines: what is one-dimensional.
        origin: where it comes from.
    """

    planes: dict[str, Plane]
    lines: RunLines
    origin: dict
