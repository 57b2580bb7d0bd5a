"""Hessians of all checkpoints of one run in one file, with the overlaps of their eigenspaces."""

from launch import job, origin
from sgdwalk.hessian.file import write_run
from sgdwalk.hessian.run import analyse

with job(snakemake) as log:
    params, run = snakemake.params, snakemake.wildcards.run
    result = analyse(snakemake.input.hessians, snakemake.input.vectors)
    source = origin(run=run, training=params.training, settings=params.settings)
    write_run(snakemake.output[0], result, source)
    count = len(result.step)
    log(f"{run}: Hessians of {count - len(result.missing)} checkpoints of {count}")
