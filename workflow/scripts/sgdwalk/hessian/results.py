"""What is known of the Hessian at one checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_CURVATURE = "1/parameter^2"


DATA = {
    "eigenvalues": ("largest eigenvalues of the eval-mode Hessian, descending", _CURVATURE),
    "residuals": ("norm of H v - lambda v of each", _CURVATURE),
    "converged": ("whether that is within 1e-3 of the eigenvalue", "1"),
    "smallest": ("smallest eigenvalues of the same Hessian, ascending", _CURVATURE),
    "smallest_residuals": ("norm of H v - lambda v of each", _CURVATURE),
    "smallest_converged": ("whether that is within the tolerance", "1"),
    "train_mode_eigenvalue": ("largest eigenvalue with batch statistics", _CURVATURE),
    "train_mode_residual": ("its residual norm", _CURVATURE),
    "edge": ("eigenvalue above which the optimizer's steps grow: 2 / learning rate", _CURVATURE),
    "gradient_norm": ("norm of the gradient of the same mean loss", "1/parameter"),
    "gradient_share": ("share of its square inside the leading eigenspace", "1"),
    "trace": ("trace, estimated", _CURVATURE),
    "trace_error": ("its standard error", _CURVATURE),
    "density_nodes": ("Ritz values of each probe: nodes of the spectral density", _CURVATURE),
    "density_weights": ("share of all eigenvalues at each node", "1"),
    "replay_loss": ("minibatch loss of the steps that follow", "1"),
    "replay_gradient_share": ("share of |minibatch gradient|^2 in the leading eigenspace", "1"),
    "replay_step_share": ("share of |step|^2 in the leading eigenspace", "1"),
    "displacement_share": ("that share of the displacement over all those steps", "1"),
    "variance": ("variance of those positions along each leading eigenvector", "parameter^2"),
    "variance_elsewhere": ("mean variance along any other direction", "parameter^2"),
}


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
class CheckpointHessian:
    """The Hessian of the mean loss at one checkpoint; nan where there is none, or none was asked.

    Attributes:
        step: steps taken before the checkpoint.
        status: ``reached``; ``not reached`` by a run that diverged; or ``not finite``.
        parameters: number of trainable parameters, P.
        samples: training samples the loss is the mean of.
        values: arrays by the names in ``DATA``: eigenvalues, residuals, converged and variance
            (k,), smallest, smallest_residuals and smallest_converged (m,), density_nodes and
            density_weights (p, n), replay_loss, replay_gradient_share and replay_step_share (R,);
            the others ().
    """

    step: int
    status: str
    parameters: int
    samples: int
    values: dict[str, np.ndarray]


def nothing(settings: HessianSettings) -> dict[str, np.ndarray]:
    """The values of a checkpoint without a Hessian, in the shapes of one with."""
    shapes = {
        **dict.fromkeys(("eigenvalues", "residuals", "converged", "variance"), (settings.top_k,)),
        **dict.fromkeys(
            ("smallest", "smallest_residuals", "smallest_converged"), (settings.smallest,)
        ),
        **dict.fromkeys(
            ("density_nodes", "density_weights"), (settings.density_probes, settings.density_steps)
        ),
        **dict.fromkeys(
            ("replay_loss", "replay_gradient_share", "replay_step_share"), (settings.replay,)
        ),
    }
    return {
        name: np.zeros(shapes[name], bool)
        if name.endswith("converged")
        else np.full(shapes.get(name, ()), np.nan)
        for name in DATA
    }
