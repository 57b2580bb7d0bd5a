"""Walkers on draws of one terrain, over noise and learning rate: exponents and shares."""

from launch import job, origin
from sgdwalk.walker import sweep as walker_sweep
from sgdwalk.walker.basins import find_basins
from sgdwalk.walker.terrain import make_terrain

with job(snakemake) as log:
    made = dict(snakemake.params.terrain)
    rows = []
    for seed in sorted({point["seed"] for point in snakemake.params.points}):
        terrain = make_terrain(made["kind"], seed, **{k: v for k, v in made.items() if k != "kind"})
        basins = find_basins(terrain, snakemake.params.basin_depth)
        for point in snakemake.params.points:
            if point["seed"] == seed:
                found = walker_sweep.sweep_point(
                    terrain, basins, stage=snakemake.params.stage, **point
                )
                rows.append({**point, **found})
    shared = {
        **made,
        "stage": snakemake.params.stage,
        "basin_depth": snakemake.params.basin_depth,
    }
    walker_sweep.write(snakemake.output[0], rows, origin(terrain=shared))
    log(f"{snakemake.wildcards.sweep}: {len(rows)} ensembles")
