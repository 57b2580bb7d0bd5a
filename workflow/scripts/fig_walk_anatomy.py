"""Anatomy of the walk: components, memory, anomalous exponents, ageing, ergodicity, dimensions."""

from launch import job
from sgdwalk.figures.style import save_figure
from sgdwalk.figures.walk_anatomy import draw_walk_anatomy
from sgdwalk.geometry import ensemble_file
from sgdwalk.geometry import file as geometry_file

with job(snakemake) as log:
    run = geometry_file.read(snakemake.input.geometry)
    together = [w for path in snakemake.input.ensemble for w in ensemble_file.read(path).windows]
    ensemble = "".join(snakemake.params.ensemble)
    figure = draw_walk_anatomy(run, snakemake.params.run, together, ensemble)
    save_figure(figure, snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
