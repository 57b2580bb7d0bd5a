"""The Hessian at one checkpoint of a run, and the steps that follow it among its eigenvectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgdwalk.datasets.prepared import read_dataset
from sgdwalk.datasets.subsets import balanced_subset
from sgdwalk.hessian.edge_of_stability import edge_of_stability
from sgdwalk.hessian.eigenspaces import share_inside
from sgdwalk.hessian.lanczos import Eigenpairs, NotFiniteError, extreme_eigenpairs
from sgdwalk.hessian.product import HessianProduct
from sgdwalk.hessian.replay import replay
from sgdwalk.hessian.results import CheckpointHessian, HessianSettings, nothing
from sgdwalk.hessian.spectral_density import spectral_density, trace
from sgdwalk.training.checkpoints import load_checkpoint, restoring
from sgdwalk.training.initial_run import initial_run
from sgdwalk.training.loop import TrainingRun
from sgdwalk.training.settings import TrainingSettings


def measure(
    checkpoint: str | Path,
    dataset: str | Path,
    training: TrainingSettings,
    settings: HessianSettings,
    density: bool,
    device: torch.device,
    memory: int,
) -> tuple[CheckpointHessian, np.ndarray]:
    """Measure the Hessian of the mean training loss at a checkpoint.

    Args:
        checkpoint: file of the run.
        dataset: prepared dataset file.
        training: the run's settings.
        settings: how much to measure.
        density: whether trace and spectral density are wanted too.
        device: where to compute.
        memory: bytes that graphs may take, and basis vectors may take once more.

    Returns:
        What was measured, and the leading eigenvectors (P, k); (P, 0) where there are none.

    Raises:
        InputError: a damaged file, a checkpoint of another network, or settings out of range.
    """
    data = read_dataset(dataset)
    run = initial_run(data, training, device)
    parameters = sum(p.numel() for p in run.model.parameters() if p.requires_grad)
    samples = len(data.train_labels) if settings.samples is None else settings.samples
    chosen = torch.as_tensor(balanced_subset(data.train_labels, samples, settings.seed))
    batch = data.train_inputs[chosen].to(device), data.train_labels[chosen].to(device)
    content = load_checkpoint(checkpoint)
    values, status = nothing(settings), content["status"]
    vectors = np.empty((parameters, 0), np.float32)
    if status == "reached":
        with restoring(checkpoint):
            run.restore(content)
        try:
            leading, found = _curvature(run, batch, settings, density, memory)
        except NotFiniteError:
            status = "not finite"
        else:
            vectors = leading.vectors
            run.restore(content)  # whatever was drawn meanwhile
            values |= found | _steps(run, settings.replay, vectors)
    return CheckpointHessian(content["step"], status, parameters, samples, values), vectors


def _curvature(
    run: TrainingRun,
    batch: tuple[Tensor, Tensor],
    settings: HessianSettings,
    density: bool,
    memory: int,
) -> tuple[Eigenpairs, dict]:
    product = HessianProduct(run.model, run.criterion, batch, memory=memory)
    wanted = settings.top_k + settings.smallest
    room = memory // (2 * product.dimension * product.dtype.itemsize)
    capacity = min(room, wanted + 24)
    seed = settings.seed
    largest, smallest = extreme_eigenpairs(
        product, settings.top_k, settings.smallest, seed=seed, capacity=capacity
    )
    gradient = product.gradient().cpu().numpy()
    values = {
        "edge": edge_of_stability(run.optimizer),
        "eigenvalues": largest.values,
        "residuals": largest.residuals,
        "converged": largest.converged,
        "smallest": smallest.values,
        "smallest_residuals": smallest.residuals,
        "smallest_converged": smallest.converged,
        "gradient_norm": np.linalg.norm(gradient.astype(float)),
        "gradient_share": share_inside(gradient, largest.vectors),
    }
    if density:
        estimate = trace(product, settings.trace_products, leading=largest, seed=seed)
        spectrum = spectral_density(
            product, settings.density_probes, settings.density_steps, seed=seed
        )
        values |= {
            "trace": estimate.value,
            "trace_error": estimate.standard_error,
            "density_nodes": spectrum.nodes,
            "density_weights": spectrum.weights,
        }
    del product  # its graphs, before those of the next
    batches = -(-len(batch[1]) // run.batches.size)
    with_batch_statistics = HessianProduct(
        run.model,
        run.criterion,
        batch,
        train_mode=True,
        batch_size=-(-len(batch[1]) // batches),  # about equal, and at most the run's
        memory=memory,
    )
    first, _ = extreme_eigenpairs(
        with_batch_statistics, 1, start=largest.vectors[:, :1], seed=seed, capacity=min(room, 25)
    )
    values["train_mode_eigenvalue"] = first.values[0]
    values["train_mode_residual"] = first.residuals[0]
    return largest, values


def _steps(run: TrainingRun, steps: int, vectors: np.ndarray) -> dict:
    device = next(run.model.parameters()).device
    rows = torch.as_tensor(np.ascontiguousarray(vectors.T), device=device)
    seen = replay(run, steps, rows)
    return {
        "replay_loss": seen.loss,
        "replay_gradient_share": seen.gradient_share,
        "replay_step_share": seen.step_share,
        "displacement_share": seen.displacement_share,
        "variance": seen.variance,
        "variance_elsewhere": seen.variance_elsewhere,
    }
