"""One row per run, group of parameter tensors and window: exponents, and shares of components."""

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.diffusion.table import group_rows
from sgdwalk.files.table import write_table

with job(snakemake) as log:
    rows = []
    for path, (run, settings) in zip(
        snakemake.input, sorted(snakemake.params.settings.items()), strict=True
    ):
        rows += group_rows(run, settings, diffusion_file.read(path))
    write_table(snakemake.output[0], rows)
    log(f"{len(rows)} rows")
