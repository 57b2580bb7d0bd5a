"""One row per tail index of every run: what it is of, the fit, its interval and its null."""

from launch import job
from sgdwalk.files.table import write_table
from sgdwalk.gradients import file as gradients_file
from sgdwalk.gradients.table import tail_rows

with job(snakemake) as log:
    rows = []
    for path, (run, settings) in zip(
        snakemake.input, sorted(snakemake.params.settings.items()), strict=True
    ):
        rows += tail_rows(run, settings, gradients_file.read(path))
    write_table(snakemake.output[0], rows)
    log(f"{len(rows)} rows")
