"""Figure 5, gradients: densities of entries, tail indices with their nulls, bursts of the loss."""

from launch import job
from sgdwalk.figures.gradient_tails import draw_gradient_tails
from sgdwalk.figures.style import save_figure
from sgdwalk.geometry import file as geometry_file
from sgdwalk.gradients import file as gradients_file

with job(snakemake) as log:
    run = gradients_file.read(snakemake.input.gradients)
    geometry = geometry_file.read(snakemake.input.geometry)
    save_figure(draw_gradient_tails(run, geometry, snakemake.params.run), snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
