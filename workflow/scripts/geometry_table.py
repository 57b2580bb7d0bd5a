"""One row per run and window, and one per principal component: geometry with its nulls."""

from launch import job
from sgdwalk.files.table import write_table
from sgdwalk.geometry import file as geometry_file
from sgdwalk.geometry.table import component_rows, geometry_rows

with job(snakemake) as log:
    rows, components = [], []
    for path, (run, settings) in zip(
        snakemake.input, sorted(snakemake.params.settings.items()), strict=True
    ):
        result = geometry_file.read(path)
        rows += geometry_rows(run, settings, result)
        components += component_rows(run, settings, result)
    write_table(snakemake.output.windows, rows)
    write_table(snakemake.output.components, components)
    log(f"{len(rows)} rows of windows, {len(components)} of components")
