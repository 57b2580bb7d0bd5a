"""The Hessian at one checkpoint of one run, and a replay of the steps that follow it."""

from pathlib import Path

from launch import job, origin
from sgdwalk.hessian.checkpoint import analyse
from sgdwalk.hessian.file import write, write_vectors
from sgdwalk.hessian.results import HessianSettings
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import prepare_device

with job(snakemake) as log:
    params, resources, w = snakemake.params, snakemake.resources, snakemake.wildcards
    result = analyse(
        Path(snakemake.input.checkpoints) / f"{w.step}.pt",
        snakemake.input.dataset,
        TrainingSettings(**params.training),
        HessianSettings(**params.settings),
        params.density,
        prepare_device(resources.device, snakemake.threads),
        memory=resources.mem_mb * 250_000,
    )
    source = origin(run=w.run, training=params.training, settings=params.settings)
    write_vectors(snakemake.output.vectors, result.vectors, source)
    write(snakemake.output.hessian, result.hessian, source)
    largest, converged = result.hessian.eigenvalues[0], result.hessian.converged
    found = f"largest eigenvalue {largest:.4g}, {converged.sum()} of {len(converged)} converged"
    log(f"{w.run}: step {w.step}: {result.hessian.missing.get('hessian', found)}")
