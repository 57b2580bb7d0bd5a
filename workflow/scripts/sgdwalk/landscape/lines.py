"""The loss along lines: random ones, between checkpoints, and finely sampled ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sgdwalk.hessian.product import GIBIBYTE, HessianProduct
from sgdwalk.landscape.directions import NORMALISATIONS, position, random_direction
from sgdwalk.landscape.loss_surface import LossSurface
from sgdwalk.landscape.results import (
    CheckpointRoughness,
    FineLines,
    Interpolation,
    Line,
    RunLines,
)
from sgdwalk.landscape.weights import RunCheckpoints

REACH = 0.02  # to either side, in lengths of the direction, where derivatives are fitted
_FITTED = 21  # points of that fit
_COMPARED = 17  # points of a line at which the loss is computed in double precision too
_ISOTROPIC = 1000  # first seed word of the fine lines, beyond those of the planes


def analyse(
    run: RunCheckpoints,
    steps: Sequence[int],
    points: int,
    interpolations: Sequence[Mapping[str, Any]],
    folders: Mapping[str, str | Path],
    fine_count: int,
    fine_points: int,
    memory: int,
) -> RunLines:
    """Compute all that is one-dimensional of a run's loss surface.

    Args:
        run: networks and settings.
        steps: of the checkpoints with random and fine lines.
        points: of each random line and interpolation, odd.
        interpolations: each with `start` and `stop` (steps) and `run`, whose checkpoint `stop` is.
        folders: checkpoints of these runs, by run.
        fine_count: isotropic fine lines through each checkpoint.
        fine_points: of each fine line, odd.
        memory: bytes for graphs of the Hessian.

    Raises:
        InputError: no such checkpoint, a damaged one, or one of another network.
    """
    return RunLines(
        tuple(line for step in steps for line in random_lines(run, step, points, memory)),
        tuple(
            interpolation(run, i["start"], i["stop"], i["run"], folders[i["run"]], points)
            for i in interpolations
        ),
        tuple(fine_lines(run, step, fine_count, fine_points) for step in steps),
    )


def random_lines(
    run: RunCheckpoints, step: int, points: int, memory: int = 2 * GIBIBYTE
) -> list[Line]:
    """Lines through a checkpoint, one per normalisation, beside the Hessian's prediction.

    The filter-normalised one is the middle row of the filter-normalised plane. Slope and curvature
    are of a quartic fitted within `REACH` of the checkpoint. Where a network is smooth they are
    those of the gradient and the Hessian. Where its units have kinks (ReLU) the loss is nowhere
    smooth at such a scale: the curvature of the line includes the kinks, that of the Hessian, a
    derivative at one point, does not.

    Args:
        run: networks and settings; batch norm is treated as the settings say.
        step: of the checkpoint.
        points: of each line, odd.
        memory: bytes for graphs of the Hessian.
    """
    model, s = run.at(step), run.settings
    if isinstance(model, str):
        return [Line(kind, step, {"values": model}) for kind in NORMALISATIONS]
    coordinate = np.linspace(-s.radius, s.radius, points)
    surface = run.surface(model, s.batch_norm)
    train = run.surface(model, s.batch_norm, test=False)
    samples = len(run.train[1])
    product = HessianProduct(
        model,
        run.criterion,
        run.train,
        train_mode=s.batch_norm == "recomputed",
        batch_size=-(-samples // -(-samples // s.batch_size)),
        memory=memory,
    )
    gradient = product.gradient().double()
    lines = []
    for kind in NORMALISATIONS:
        direction = random_direction(model, [s.seed, 0], kind, s.bias_and_norm)
        values = surface.values(position(model), direction[None], coordinate[:, None])
        slope, curvature = _derivatives(train, position(model), direction)
        along = direction.double()
        derivatives = {
            "slope": slope,
            "curvature": curvature,
            "predicted_slope": float(gradient @ along),
            "predicted_curvature": float((product @ direction).double() @ along),
        }
        line = Line(
            kind,
            step,
            coordinate=coordinate,
            length=float(along.norm()),
            values=values,
            slope=slope,
            curvature=curvature,
            predicted_slope=derivatives["predicted_slope"],
            predicted_curvature=derivatives["predicted_curvature"],
            undefined={
                name: f"the training loss is not finite within {REACH:g} of the checkpoint"
                if name in ("slope", "curvature")
                else "the gradient or the Hessian at the checkpoint is not finite"
                for name, value in derivatives.items()
                if not np.isfinite(value)
            },
        )
        lines.append(line)
    return lines


def interpolation(
    run: RunCheckpoints, start: int, stop: int, stop_run: str, stop_folder: str | Path, points: int
) -> Interpolation:
    """The straight line from a checkpoint of a run to another one, of this run or another.

    Running statistics of batch norm belong to one end only: they are recomputed at every point.
    Networks whose hidden units are permuted are the same function far apart: a barrier between two
    seeds is not one between two functions.

    Args:
        run: networks and settings.
        start: step of the checkpoint at coordinate 0.
        stop: of that at 1.
        stop_run: name of the run of that at 1.
        stop_folder: its checkpoints.
        points: of the line.

    Raises:
        InputError: no such checkpoint, or one of another network.

    Source: Goodfellow, Vinyals and Saxe, ICLR 2015, arXiv 1412.6544.
    """
    line = Interpolation(start, stop, stop_run)
    first, last = run.at(start), run.read(Path(stop_folder) / f"{stop}.pt")
    if isinstance(first, str):
        return replace(line, missing={"values": f"this run: {first}"})
    if isinstance(last, str):
        return replace(line, missing={"values": f"{stop_run}: {last}"})
    direction = position(last) - position(first)
    coordinate = np.linspace(0, 1, points)
    values = run.surface(first, "recomputed").values(
        position(first), direction[None], coordinate[:, None]
    )
    length = float(direction.double().norm())
    return replace(line, coordinate=coordinate, length=length, values=values)


def fine_lines(run: RunCheckpoints, step: int, count: int, points: int) -> CheckpointRoughness:
    """Isotropic lines through a checkpoint, and the one to its neighbour, finely sampled.

    All are as long to either side as the neighbouring checkpoint is away, so that the landscape
    off the path is seen at the scale of the walk. How far single precision rounds the losses is
    seen from points of one line of either kind, at which they are computed in double precision too.

    Args:
        run: networks and settings; batch norm is treated as the settings say.
        step: of the checkpoint.
        count: isotropic lines.
        points: of each line, odd.
    """
    model, s = run.at(step), run.settings
    neighbour = run.neighbour(step)
    if isinstance(model, str):
        return CheckpointRoughness.without_lines(step, model)
    if isinstance(neighbour, str):
        return CheckpointRoughness.without_lines(step, neighbour)
    origin = position(model)
    chord = position(neighbour) - origin
    half_length = float(chord.double().norm())
    if half_length == 0:
        return CheckpointRoughness.without_lines(
            step, "the walk did not move between this checkpoint and its neighbour"
        )
    isotropic = [
        random_direction(model, [s.seed, _ISOTROPIC + k], "raw", "moved") for k in range(count)
    ]
    coordinate = np.linspace(-1, 1, points)[:, None]
    surface = run.surface(model, s.batch_norm, test=False)

    precise = run.surface(deepcopy(model).double(), s.batch_norm, test=False)
    some = np.linspace(0, points - 1, min(_COMPARED, points)).round().astype(int)

    def losses(directions: Sequence[Tensor]) -> FineLines:
        scaled = [d * (half_length / float(d.double().norm())) for d in directions]
        loss = np.array([surface.values(origin, d[None], coordinate).train_loss for d in scaled])
        exact = precise.values(origin.double(), scaled[0][None].double(), coordinate[some])
        with np.errstate(invalid="ignore"):
            # About their mean: what all losses are off by is in no difference.
            rounding = float(np.std(loss[0, some] - exact.train_loss, ddof=1))
        return FineLines(loss, rounding=rounding)

    return CheckpointRoughness(
        step,
        half_length=half_length,
        spacing=2 * half_length / (points - 1),
        random=losses(isotropic),
        chord=losses([chord]),
    )


def _derivatives(surface: LossSurface, origin: Tensor, direction: Tensor) -> tuple[float, float]:
    """Slope and curvature of the training loss at the origin, from a quartic over `REACH`."""
    points = np.linspace(-1, 1, _FITTED)
    loss = surface.values(origin, direction[None], REACH * points[:, None]).train_loss
    if not np.isfinite(loss).all():
        return float("nan"), float("nan")
    terms = np.polynomial.polynomial.polyfit(points, loss, 4)
    return float(terms[1] / REACH), float(2 * terms[2] / REACH**2)
