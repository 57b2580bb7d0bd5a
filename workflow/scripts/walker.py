"""One ensemble of walkers on one landscape: simulated, analysed, kept."""

from launch import job, origin
from sgdwalk import walker_file
from sgdwalk.terrain import landscape
from sgdwalk.walker import simulate
from sgdwalk.walker_analysis import analyse

with job(snakemake) as log:
    ensemble = dict(snakemake.params.ensemble)
    walk = dict(ensemble)
    size = {"size": walk.pop("size")} if "size" in walk else {}
    terrain = landscape(walk.pop("kind"), ensemble["seed"], **size)
    walks = simulate(terrain, **walk)
    analysis = analyse(terrain, walks, snakemake.params.stage, snakemake.params.basin_depth)
    settings = {
        **ensemble,
        "stage": snakemake.params.stage,
        "basin_depth": snakemake.params.basin_depth,
    }
    walker_file.write(snakemake.output[0], walks, analysis, origin(settings=settings))
    log(
        f"{snakemake.wildcards.landscape}: {len(walks.stuck)} walkers; a wall held "
        f"{analysis.held_share:.0%} for a step or more, {analysis.frozen_share:.0%} at the last"
    )
