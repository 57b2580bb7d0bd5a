"""One row per ensemble of walkers, or per setting of a sweep, and selection of its walkers."""

from pathlib import Path

from launch import job
from sgdwalk.files.table import write_table
from sgdwalk.walker import file as walker_file
from sgdwalk.walker import sweep as walker_sweep
from sgdwalk.walker.table import sweep_rows, terrain_rows

with job(snakemake) as log:
    rows = []
    for path in map(Path, snakemake.input.ensembles):
        rows += terrain_rows(path.stem, walker_file.read(path))
    for path in map(Path, snakemake.input.sweeps):
        rows += sweep_rows(path.stem, walker_sweep.read(path))
    write_table(snakemake.output[0], rows)
    log(f"{len(rows)} rows")
