"""Walkers on draws of one terrain, over noise and learning rate: exponents and shares."""

from launch import job, origin
from sgdwalk.walker.sweep import analyse, write

with job(snakemake) as log:
    params = snakemake.params
    shared = {"stage": params.stage, "basin_depth": params.basin_depth}
    result = analyse(params.terrain, params.points, **shared)
    write(snakemake.output[0], result, origin(terrain={**params.terrain, **shared}))
    log(f"{snakemake.wildcards.sweep}: {len(result.points)} ensembles")
