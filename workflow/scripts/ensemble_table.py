"""One row per ensemble and window: means over seeds with their intervals."""

from launch import job
from sgdwalk import seed_ensemble
from sgdwalk.geometry_table import ensemble_rows
from sgdwalk.tables import write_table

with job(snakemake) as log:
    rows = []
    for path, (name, settings) in zip(
        snakemake.input, sorted(snakemake.params.settings.items()), strict=True
    ):
        rows += ensemble_rows(name, settings, *seed_ensemble.read(path))
    write_table(snakemake.output[0], rows)
    log(f"{len(rows)} rows")
