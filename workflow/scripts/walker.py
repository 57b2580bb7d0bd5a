"""One ensemble of walkers on one terrain: simulated, analysed, kept."""

from launch import job, origin
from sgdwalk.walker import file as walker_file
from sgdwalk.walker.analysis import analyse
from sgdwalk.walker.terrain import make_terrain
from sgdwalk.walker.walk import simulate_walkers

with job(snakemake) as log:
    params, walk = snakemake.params, dict(snakemake.params.settings)
    size = {"size": walk.pop("size")} if "size" in walk else {}
    terrain = make_terrain(params.kind, walk["seed"], **size)
    walks = simulate_walkers(terrain, **walk)
    analysis = analyse(terrain, walks, params.stage, params.basin_depth)
    shared = {"kind": params.kind, "stage": params.stage, "basin_depth": params.basin_depth}
    made = origin(settings={**params.settings, **shared})
    walker_file.write(snakemake.output[0], walks, analysis, made)
    log(
        f"{snakemake.wildcards.terrain}: {len(walks.stuck)} walkers; a wall held "
        f"{analysis.held_share:.0%} for a step or more, {analysis.frozen_share:.0%} at the last"
    )
