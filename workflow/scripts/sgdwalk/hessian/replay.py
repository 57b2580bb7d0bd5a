"""Where a run steps among the leading Hessian eigenvectors: the steps that follow a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sgdwalk.training.loop import TrainingRun, train


@dataclass(frozen=True)
class Replay:
    """R steps of a run from its present position x_0 on, seen against k orthonormal vectors.

    Nan where the loss was no longer finite; what is a mean or a variance is then over fewer steps.

    Attributes:
        loss: (R,) minibatch loss at x_0 .. x_{R-1}, as in training.
        gradient_share: (R,) share of |g_t|^2 of the minibatch gradient inside the span.
        step_share: (R,) share of |x_{t+1} - x_t|^2 inside the span.
        displacement_share: share of |x_R - x_0|^2 inside the span.
        variance: (k,) variance along each vector of the positions x_0 .. x_R, divided by their
            number.
        variance_elsewhere: mean such variance of a direction orthogonal to all k: what a random
            direction shows.
    """

    loss: np.ndarray
    gradient_share: np.ndarray
    step_share: np.ndarray
    displacement_share: float
    variance: np.ndarray
    variance_elsewhere: float


def replay(run: TrainingRun, steps: int, vectors: Tensor) -> Replay:
    """Go on with a run as it was trained, to see where it steps; in its precision.

    The variance-flatness relation of Feng and Tu, PNAS 118, e2015617118 (2021), is between
    `variance` and the curvature along each vector: in equilibrium variance would fall with
    curvature, in SGD it grows. Gur-Ari, Roberts and Dyer, arXiv 1812.04754, is about the shares.

    Args:
        run: with model, optimizer and random state at a checkpoint; it is `steps` further, at
            most, when this returns.
        steps: R.
        vectors: (k, P) orthonormal rows on the run's device.
    """
    seen = _Projections(run, vectors)
    train(run, run.step + steps, seen, before_step=lambda run: seen.position())
    return seen.result(steps)


class _Projections:
    """Keeps projections of positions and gradients, and what their norms need."""

    def __init__(self, run: TrainingRun, vectors: Tensor) -> None:
        self._vectors = vectors
        self._parameters = [p for p in run.model.parameters() if p.requires_grad]
        # From the first position on: the walk is short beside its distance from the origin.
        self._origin = self._previous = self._flat()
        self._sum = torch.zeros_like(self._origin)
        self._loss: list[float] = []
        self._gradient_share: list[float] = []
        self._step_share: list[float] = []
        self._projections: list[np.ndarray] = []
        self._squares: list[float] = []

    def record(self, loss: float, samples: int) -> None:
        gradients = (
            torch.zeros_like(p) if p.grad is None else p.grad.detach() for p in self._parameters
        )
        self._loss.append(loss)
        self._gradient_share.append(self._share(torch.cat([g.reshape(-1) for g in gradients])))

    def record_epoch(self, **values: float) -> None:
        pass

    def position(self) -> None:
        """Take in the present position, and the step to it."""
        present = self._flat()
        displacement = present - self._origin
        square = float(displacement.double().square().sum())
        if not np.isfinite(square):
            return
        if self._squares:
            self._step_share.append(self._share(present - self._previous))
        self._previous = present
        self._sum += displacement
        self._squares.append(square)
        self._projections.append((self._vectors @ displacement).double().cpu().numpy())

    def result(self, steps: int) -> Replay:
        count, dimension = len(self._squares), len(self._origin)
        variance, elsewhere, share = np.full(len(self._vectors), np.nan), np.nan, np.nan
        if count > 1:
            projections = np.array(self._projections)
            variance = projections.var(axis=0)
            mean = float(self._sum.double().square().sum()) / count**2
            total = sum(self._squares) / count - mean
            elsewhere = (total - variance.sum()) / max(dimension - len(variance), 1)
            if self._squares[-1] > 0:
                share = float((projections[-1] ** 2).sum() / self._squares[-1])
        return Replay(
            loss=_filled(self._loss, steps),
            gradient_share=_filled(self._gradient_share, steps),
            step_share=_filled(self._step_share, steps),
            displacement_share=share,
            variance=variance,
            variance_elsewhere=elsewhere,
        )

    def _flat(self) -> Tensor:
        return torch.cat([p.detach().reshape(-1) for p in self._parameters])

    def _share(self, vector: Tensor) -> float:
        length = vector.norm()
        return float((self._vectors @ (vector / length)).double().square().sum())


def _filled(values: list[float], size: int) -> np.ndarray:
    return np.array([*values, *[np.nan] * (size - len(values))])
