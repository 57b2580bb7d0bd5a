"""The Hessian at one checkpoint of a run, and the steps that follow it among its eigenvectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sgdwalk.datasets.prepared import read_dataset
from sgdwalk.datasets.subsets import balanced_subset
from sgdwalk.hessian.edge_of_stability import edge_of_stability
from sgdwalk.hessian.eigenspaces import share_inside
from sgdwalk.hessian.lanczos import NotFiniteError, extreme_eigenpairs
from sgdwalk.hessian.product import HessianProduct
from sgdwalk.hessian.replay import replay
from sgdwalk.hessian.results import CheckpointHessian, HessianSettings, undefined_hessian
from sgdwalk.hessian.spectral_density import spectral_density, trace
from sgdwalk.training.checkpoints import load_checkpoint, restoring
from sgdwalk.training.initial_run import initial_run
from sgdwalk.training.loop import TrainingRun
from sgdwalk.training.settings import TrainingSettings


class MeasuredCheckpoint(NamedTuple):
    """The Hessian at a checkpoint, and its leading eigenvectors (P, k); (P, 0) without any."""

    hessian: CheckpointHessian
    vectors: np.ndarray


def analyse(
    checkpoint: str | Path,
    dataset: str | Path,
    training: TrainingSettings,
    settings: HessianSettings,
    density: bool,
    device: torch.device,
    memory: int,
) -> MeasuredCheckpoint:
    """Measure the Hessian of the mean training loss at a checkpoint.

    Args:
        checkpoint: file of the run.
        dataset: prepared dataset file.
        training: the run's settings.
        settings: how much to measure.
        density: whether trace and spectral density are wanted too.
        device: where to compute.
        memory: bytes that graphs may take, and basis vectors may take once more.

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
    result = undefined_hessian(content["step"], parameters, samples, settings)
    no_vectors = np.empty((parameters, 0), np.float32)
    if content["status"] != "reached":
        why = f"step {result.step} was not reached: diverged at step {content['diverged_at']}"
        return MeasuredCheckpoint(replace(result, missing={"hessian": why}), no_vectors)
    resumable = "optimizer" in content  # saved by a training of ours, and not elsewhere
    with restoring(checkpoint):
        if resumable:
            run.restore(content)
        else:
            run.model.load_state_dict(content["model"])
    try:
        found, vectors = _curvature(result, run, batch, settings, density, memory)
    except NotFiniteError as error:
        why = f"the Hessian at step {result.step} is not finite ({error})"
        return MeasuredCheckpoint(replace(result, missing={"hessian": why}), no_vectors)
    if not resumable:
        why = "the checkpoint is from elsewhere, without optimizer and random state"
        missing = {**found.missing, "replay": why}
        return MeasuredCheckpoint(replace(found, missing=missing), vectors)
    run.restore(content)  # whatever was drawn meanwhile
    return MeasuredCheckpoint(_steps(found, run, settings.replay, vectors), vectors)


def _curvature(
    result: CheckpointHessian,
    run: TrainingRun,
    batch: tuple[Tensor, Tensor],
    settings: HessianSettings,
    density: bool,
    memory: int,
) -> tuple[CheckpointHessian, np.ndarray]:
    """With the values of the Hessian itself, and the leading eigenvectors."""
    product = HessianProduct(run.model, run.criterion, batch, memory=memory)
    wanted = settings.top_k + settings.smallest
    room = memory // (2 * product.dimension * product.dtype.itemsize)
    capacity = min(room, wanted + 24)
    seed = settings.seed
    largest, smallest = extreme_eigenpairs(
        product, settings.top_k, settings.smallest, seed=seed, capacity=capacity
    )
    gradient = product.gradient().cpu().numpy()
    edge = edge_of_stability(run.optimizer)
    missing = {"edge": edge.missing} if edge.missing else {}
    if not density:
        missing["trace"] = missing["density"] = "not measured at this checkpoint"
    result = replace(
        result,
        missing={**result.missing, **missing},
        edge=edge.eigenvalue,
        eigenvalues=largest.values,
        residuals=largest.residuals,
        converged=largest.converged,
        smallest=smallest.values,
        smallest_residuals=smallest.residuals,
        smallest_converged=smallest.converged,
        gradient_norm=float(np.linalg.norm(gradient.astype(float))),
        gradient_share=share_inside(gradient, largest.vectors),
    )
    if density:
        estimate = trace(product, settings.trace_products, leading=largest, seed=seed)
        spectrum = spectral_density(
            product, settings.density_probes, settings.density_steps, seed=seed
        )
        result = replace(
            result,
            trace=estimate.value,
            trace_error=estimate.standard_error,
            density_nodes=spectrum.nodes,
            density_weights=spectrum.weights,
        )
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
    result = replace(
        result,
        train_mode_eigenvalue=float(first.values[0]),
        train_mode_residual=float(first.residuals[0]),
    )
    return result, largest.vectors


def _steps(
    result: CheckpointHessian, run: TrainingRun, steps: int, vectors: np.ndarray
) -> CheckpointHessian:
    """With what the next steps of the run do among the eigenvectors."""
    device = next(run.model.parameters()).device
    rows = torch.as_tensor(np.ascontiguousarray(vectors.T), device=device)
    seen = replay(run, steps, rows)
    missing, finite = dict(result.missing), int(np.isfinite(seen.loss).sum())
    if finite < steps:
        missing["replay"] = f"the loss was finite at {finite} of {steps} replayed steps"
    elif not np.isfinite(seen.displacement_share):
        missing["replay"] = "the replayed steps lead nowhere: no displacement has a direction"
    return replace(
        result,
        missing=missing,
        replay_loss=seen.loss,
        replay_gradient_share=seen.gradient_share,
        replay_step_share=seen.step_share,
        displacement_share=seen.displacement_share,
        variance=seen.variance,
        variance_elsewhere=seen.variance_elsewhere,
    )
