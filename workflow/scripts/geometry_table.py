"""One row per run and window: geometry with its intervals and nulls."""

from launch import job
from sgdwalk.files.table import write_table
from sgdwalk.geometry import file as geometry_file
from sgdwalk.geometry.table import geometry_rows

with job(snakemake) as log:
    rows = []
    for path, (run, settings) in zip(
        snakemake.input, sorted(snakemake.params.settings.items()), strict=True
    ):
        rows += geometry_rows(run, settings, geometry_file.read(path))
    write_table(snakemake.output[0], rows)
    log(f"{len(rows)} rows")
