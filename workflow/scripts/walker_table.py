"""One row per ensemble of walkers, or per setting of a sweep, and selection of its walkers."""

from pathlib import Path

from launch import job
from sgdwalk import walker_file, walker_sweep
from sgdwalk.tables import write_table
from sgdwalk.walker_table import ensemble_rows, sweep_rows

with job(snakemake) as log:
    rows = []
    for path in map(Path, snakemake.input.ensembles):
        rows += ensemble_rows(path.stem, walker_file.read(path))
    for path in map(Path, snakemake.input.sweeps):
        rows += sweep_rows(path.stem, walker_sweep.read(path))
    write_table(snakemake.output[0], rows)
    log(f"{len(rows)} rows")
