"""One row per ensemble and window: means over seeds with their intervals."""

from launch import job
from sgdwalk.files.table import write_table
from sgdwalk.geometry import ensemble_file
from sgdwalk.geometry.table import ensemble_rows

with job(snakemake) as log:
    rows = []
    for path, (name, settings) in zip(
        snakemake.input, sorted(snakemake.params.settings.items()), strict=True
    ):
        rows += ensemble_rows(name, settings, ensemble_file.read(path))
    write_table(snakemake.output[0], rows)
    log(f"{len(rows)} rows")
