"""Figure 3, fractal landscape: loss differences and contour length along the walk."""

from launch import job
from sgdwalk.figures.fractal_landscape import draw_fractal_landscape
from sgdwalk.figures.style import save_figure
from sgdwalk.geometry import file as geometry_file

with job(snakemake) as log:
    run = geometry_file.read(snakemake.input[0])
    save_figure(draw_fractal_landscape(run, snakemake.params.run), snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
