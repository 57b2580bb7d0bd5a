"""What is known of the Hessian at one checkpoint, and at all checkpoints of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar

import numpy as np

_CURVATURE = "1/parameter^2"
# A number at a checkpoint; of a run, (C,) numbers.
Number = TypeVar("Number", float, np.ndarray)


@dataclass(frozen=True)
class HessianSettings:
    """How much of each Hessian is measured; the names are those of the config.

    Attributes:
        top_k: largest eigenvalues, k.
        smallest: smallest eigenvalues, m.
        samples: of the training set, class-balanced, or None for all.
        density_probes: random vectors behind the spectral density, p.
        density_steps: Lanczos steps of each, n.
        trace_products: Hessian-vector products spent on the trace.
        replay: steps replayed, R.
        seed: of the samples and of random vectors.
    """

    top_k: int
    smallest: int
    samples: int | None
    density_probes: int
    density_steps: int
    trace_products: int
    replay: int
    seed: int


@dataclass(frozen=True)
class HessianValues(Generic[Number]):
    """The Hessian of the mean loss; nan where there is none, or where a value was not asked for.

    Shapes are those at a checkpoint; of a run all have a first axis over its C checkpoints.
    """

    parameters: Annotated[int, "trainable parameters, P"]
    samples: Annotated[int, "training samples that the loss is the mean of"]
    eigenvalues: Annotated[
        np.ndarray, "(k,) largest eigenvalues of the eval-mode Hessian, descending", _CURVATURE
    ]
    residuals: Annotated[np.ndarray, "(k,) norm of H v - lambda v of each", _CURVATURE]
    converged: Annotated[np.ndarray, "(k,) whether that is within 1e-3 of the eigenvalue"]
    smallest: Annotated[
        np.ndarray, "(m,) smallest eigenvalues of the same Hessian, ascending", _CURVATURE
    ]
    smallest_residuals: Annotated[np.ndarray, "(m,) norm of H v - lambda v of each", _CURVATURE]
    smallest_converged: Annotated[np.ndarray, "(m,) whether that is within the tolerance"]
    train_mode_eigenvalue: Annotated[Number, "largest eigenvalue with batch statistics", _CURVATURE]
    train_mode_residual: Annotated[Number, "its residual norm", _CURVATURE]
    edge: Annotated[
        Number,
        "edge of stability, the eigenvalue above which the optimizer's steps grow: "
        "2 (1 + b) / (eta (1 - d)) - w for learning rate eta, momentum b, dampening d below 1 and "
        "weight decay w, with Nesterov's momentum 2 (1 + b) / (eta (1 + 2 b)) - w; inf: they never "
        "do; nan: no one number says it, as for Adam",
        _CURVATURE,
    ]
    gradient_norm: Annotated[Number, "norm of the gradient of the same mean loss", "1/parameter"]
    gradient_share: Annotated[Number, "share of its square inside the leading eigenspace"]
    trace: Annotated[Number, "trace, estimated", _CURVATURE]
    trace_error: Annotated[Number, "its standard error", _CURVATURE]
    density_nodes: Annotated[
        np.ndarray, "(p, n) Ritz values of each probe: nodes of the spectral density", _CURVATURE
    ]
    density_weights: Annotated[np.ndarray, "(p, n) share of all eigenvalues at each node"]
    replay_loss: Annotated[np.ndarray, "(R,) minibatch loss of the steps that follow"]
    replay_gradient_share: Annotated[
        np.ndarray, "(R,) share of |minibatch gradient|^2 in the leading eigenspace"
    ]
    replay_step_share: Annotated[np.ndarray, "(R,) share of |step|^2 in the leading eigenspace"]
    displacement_share: Annotated[Number, "that share of the displacement over all those steps"]
    variance: Annotated[
        np.ndarray, "(k,) variance of those positions along each leading eigenvector", "parameter^2"
    ]
    variance_elsewhere: Annotated[Number, "mean variance along any other direction", "parameter^2"]


@dataclass(frozen=True)
class CheckpointHessian(HessianValues[float]):
    """The Hessian at one checkpoint, and the steps that follow it among its eigenvectors."""

    step: Annotated[int, "steps taken before the checkpoint", "step"]
    missing: Annotated[
        dict[str, str],
        "why this part could not be had, or is not finite: hessian (all of it), edge, trace, "
        "density, replay",
    ]


@dataclass(frozen=True)
class RunHessian(HessianValues[np.ndarray]):
    """Hessians at the C checkpoints of a run."""

    step: Annotated[np.ndarray, "(C,) steps taken before each checkpoint, increasing", "step"]
    missing: Annotated[dict[str, str], "why there is no Hessian at this step"]
    undefined: Annotated[
        dict[str, str],
        "why this part is not finite at steps that have a Hessian, or at neighbours of one that "
        "has none: edge, trace, density, replay, overlap, variance_slope",
    ]
    overlap: Annotated[
        np.ndarray,
        "(C-1,) overlap of the leading eigenspace with that of the next checkpoint, 0 to 1",
    ]
    variance_slope: Annotated[
        np.ndarray, "(C,) exponent of variance against curvature over leading eigenvectors"
    ]
    variance_slope_error: Annotated[np.ndarray, "(C,) its standard error"]
    origin: dict[str, Any] = field(default_factory=dict)


def undefined_hessian(
    step: int, parameters: int, samples: int, settings: HessianSettings
) -> CheckpointHessian:
    """A checkpoint with nothing measured yet: nan in the shapes that its values will have."""

    def nothing(*shape: int) -> np.ndarray:
        return np.full(shape, np.nan)

    k, m, steps = settings.top_k, settings.smallest, settings.replay
    density = settings.density_probes, settings.density_steps
    return CheckpointHessian(
        parameters=parameters,
        samples=samples,
        eigenvalues=nothing(k),
        residuals=nothing(k),
        converged=np.zeros(k, bool),
        smallest=nothing(m),
        smallest_residuals=nothing(m),
        smallest_converged=np.zeros(m, bool),
        train_mode_eigenvalue=np.nan,
        train_mode_residual=np.nan,
        edge=np.nan,
        gradient_norm=np.nan,
        gradient_share=np.nan,
        trace=np.nan,
        trace_error=np.nan,
        density_nodes=nothing(*density),
        density_weights=nothing(*density),
        replay_loss=nothing(steps),
        replay_gradient_share=nothing(steps),
        replay_step_share=nothing(steps),
        displacement_share=np.nan,
        variance=nothing(k),
        variance_elsewhere=np.nan,
        step=step,
        missing={},
    )
