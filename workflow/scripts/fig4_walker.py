"""Figure 4, the toy walker: paths, diffusion, gradients, valleys and basins by terrain."""

from pathlib import Path

from launch import job
from sgdwalk.figures import style
from sgdwalk.figures import walker_panels as panels
from sgdwalk.walker import file as walker_file

PANELS = ["path", "stages", "gradients", "valley", "other", "others", "msl", "basins", "steps"]

with job(snakemake) as log:
    results = {Path(path).stem: walker_file.read(path) for path in snakemake.input}
    first, *rest = results
    other = "shuffled" if "shuffled" in rest else rest[-1] if rest else first
    figure, axes = style.panels(PANELS)
    colours = panels.terrain_colours(results)
    panels.draw_terrain_path(axes["path"], results[first], first)
    panels.draw_stages(axes["stages"], results[first])
    panels.draw_terrain_gradients(axes["gradients"], results, colours)
    panels.draw_valley(axes["valley"], results[first])
    panels.draw_terrain_path(axes["other"], results[other], other)
    others = {name: results[name] for name in rest or results}
    panels.draw_stages_by_terrain(axes["others"], others, colours)
    panels.draw_terrain_msl(axes["msl"], results, colours)
    panels.draw_arrivals(axes["basins"], results, colours)
    panels.draw_valley_steps(axes["steps"], results, colours)
    style.save_figure(figure, snakemake.output)
    held = ", ".join(f"{name} {result.held_share:.0%}" for name, result in results.items())
    log(f"share of walkers that a wall held for a step or more, left out of curves: {held}")
    log(f"to look at: {snakemake.output[0]}")
