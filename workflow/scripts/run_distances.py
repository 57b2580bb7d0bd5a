"""How far apart runs of one network are at the same step: a file, and a small table."""

from launch import job, origin
from sgdwalk.files.table import write_table
from sgdwalk.geometry.run_distances import analyse, distance_rows
from sgdwalk.geometry.run_distances_file import write

with job(snakemake) as log:
    settings = snakemake.params.settings
    paths = dict(zip(settings, snakemake.input, strict=True))
    result = analyse(paths, settings, snakemake.params.at)
    rows = distance_rows(result)
    write(snakemake.output.result, result, origin())
    write_table(snakemake.output.table, rows)
    for what, why in result.missing.items():
        log(f"{what}: {why}")
    log(f"{len(result.pairs)} pairs, {len(rows)} rows")
