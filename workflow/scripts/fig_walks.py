"""Walks from elsewhere beside the study's first run: MSD, local exponents, exponents."""

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.figures import style, window_panels
from sgdwalk.figures import walk_panels as panels

with job(snakemake) as log:
    found = {}
    for name, path in zip(snakemake.params.runs, snakemake.input, strict=True):
        window = panels.with_longest_lags(diffusion_file.read(path))
        if window is None:
            log(f"{name}: no window was analysed; left out")
        else:
            found[name] = window
    figure, axes = style.panels(["msd", "local", "exponents"])
    if found:
        panels.draw_msd_of_walks(axes["msd"], found)
        panels.draw_local_exponents_of_walks(axes["local"], found)
        panels.draw_exponents_of_walks(axes["exponents"], found)
        style.legend_below(figure, [axes["msd"]], columns=4)
    else:
        window_panels.say_no_window(axes.values())
    style.save_figure(figure, snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
