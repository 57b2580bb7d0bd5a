"""One row per run and window: geometry with its intervals and nulls."""

from launch import job
from sgdwalk import geometry_file
from sgdwalk.geometry_table import geometry_rows
from sgdwalk.tables import write_table

with job(snakemake) as log:
    rows = []
    for path, (run, settings) in zip(
        snakemake.input, sorted(snakemake.params.settings.items()), strict=True
    ):
        rows += geometry_rows(run, settings, geometry_file.read(path))
    write_table(snakemake.output[0], rows)
    log(f"{len(rows)} rows")
