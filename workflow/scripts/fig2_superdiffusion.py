"""Figure 2, superdiffusion: MSD by window, local exponents, nulls, exponents along training."""

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.figures.style import save_figure
from sgdwalk.figures.superdiffusion import draw_superdiffusion

with job(snakemake) as log:
    run = diffusion_file.read(snakemake.input[0])
    save_figure(draw_superdiffusion(run, snakemake.params.run), snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
