"""One row per run and window, and one per ensemble and window: geometry with its intervals."""

from launch import job
from sgdwalk import geometry_file, seed_ensemble
from sgdwalk.geometry_table import ensemble_rows, geometry_rows
from sgdwalk.tables import write_table

with job(snakemake) as log:
    rows, params = [], snakemake.params
    for path, (run, settings) in zip(
        snakemake.input.runs, sorted(params.settings.items()), strict=True
    ):
        rows += geometry_rows(run, settings, geometry_file.read(path))
    write_table(snakemake.output.runs, rows)
    together = []
    for path, (name, settings) in zip(
        snakemake.input.ensembles, params.ensembles.items(), strict=True
    ):
        together += ensemble_rows(name, settings, *seed_ensemble.read(path))
    write_table(snakemake.output.ensembles, together)
    log(f"{len(rows)} rows of runs, {len(together)} of ensembles")
