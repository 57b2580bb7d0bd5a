"""One ensemble of walkers on one terrain: simulated, analysed, kept."""

from launch import job, origin
from sgdwalk.walker.analysis import analyse
from sgdwalk.walker.file import write

with job(snakemake) as log:
    params = snakemake.params
    walk = dict(params.settings)
    shared = {"kind": params.kind, "stage": params.stage, "basin_depth": params.basin_depth}
    result = analyse(settings=walk, **shared)
    write(snakemake.output[0], result, origin(settings={**walk, **shared}))
    log(
        f"{snakemake.wildcards.terrain}: {len(result.walks.stuck)} walkers; a wall held "
        f"{result.held_share:.0%} for a step or more, {result.frozen_share:.0%} at the last"
    )
