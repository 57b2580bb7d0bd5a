"""Hessians of all checkpoints of one run in one file, with the overlaps of their eigenspaces."""

from launch import job, origin
from sgdwalk.hessian import run as run_hessian

with job(snakemake) as log:
    params, run = snakemake.params, snakemake.wildcards.run
    found = run_hessian.gather_checkpoints(
        snakemake.input.hessians,
        snakemake.input.vectors,
        origin(run=run, training=params.training, settings=params.settings),
    )
    run_hessian.write(snakemake.output[0], found)
    log(f"{run}: Hessians of {found.status.count('reached')} checkpoints of {len(found.step)}")
