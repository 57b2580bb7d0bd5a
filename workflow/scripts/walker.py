"""One ensemble of walkers on one terrain: simulated, analysed, kept."""

from launch import job, origin
from sgdwalk.walker import file as walker_file
from sgdwalk.walker.analysis import analyse
from sgdwalk.walker.terrain import make_terrain
from sgdwalk.walker.walk import simulate_walkers

with job(snakemake) as log:
    ensemble = dict(snakemake.params.ensemble)
    walk = dict(ensemble)
    size = {"size": walk.pop("size")} if "size" in walk else {}
    terrain = make_terrain(walk.pop("kind"), ensemble["seed"], **size)
    walks = simulate_walkers(terrain, **walk)
    analysis = analyse(terrain, walks, snakemake.params.stage, snakemake.params.basin_depth)
    settings = {
        **ensemble,
        "stage": snakemake.params.stage,
        "basin_depth": snakemake.params.basin_depth,
    }
    walker_file.write(snakemake.output[0], walks, analysis, origin(settings=settings))
    log(
        f"{snakemake.wildcards.terrain}: {len(walks.stuck)} walkers; a wall held "
        f"{analysis.held_share:.0%} for a step or more, {analysis.frozen_share:.0%} at the last"
    )
