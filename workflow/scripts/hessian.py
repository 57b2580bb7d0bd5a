"""The Hessian at one checkpoint of one run, and a replay of the steps that follow it."""

from pathlib import Path

from launch import job, origin
from sgdwalk.hessian import file as hessian_file
from sgdwalk.hessian.checkpoint import measure
from sgdwalk.hessian.results import HessianSettings
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import prepare_device

with job(snakemake) as log:
    params, resources, w = snakemake.params, snakemake.resources, snakemake.wildcards
    found, vectors = measure(
        Path(snakemake.input.checkpoints) / f"{w.step}.pt",
        snakemake.input.dataset,
        TrainingSettings(**params.training),
        HessianSettings(**params.settings),
        params.density,
        prepare_device(resources.device, snakemake.threads),
        memory=resources.mem_mb * 250_000,
    )
    source = origin(run=w.run, training=params.training, settings=params.settings)
    hessian_file.write_vectors(snakemake.output.vectors, vectors, source)
    hessian_file.write(snakemake.output.hessian, found, source)
    largest, converged = found.values["eigenvalues"][0], found.values["converged"]
    log(
        f"{w.run}: step {w.step} {found.status}, largest eigenvalue {largest:.4g}, "
        f"{converged.sum()} of {len(converged)} converged"
    )
