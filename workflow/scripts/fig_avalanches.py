"""Loss avalanches: increments of the loss, their bursts, what follows, and the moving variance."""

from launch import job
from sgdwalk.figures.loss_avalanches import draw_avalanches
from sgdwalk.figures.style import save_figure
from sgdwalk.geometry import file as geometry_file

with job(snakemake) as log:
    run = geometry_file.read(snakemake.input[0])
    save_figure(draw_avalanches(run, snakemake.params.run), snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
