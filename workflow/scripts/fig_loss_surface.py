"""The loss surface of a run: planes with contours and in three dimensions, lines, roughness."""

from launch import job
from sgdwalk.figures import style
from sgdwalk.figures import surface_panels as panels
from sgdwalk.geometry import file as geometry_file
from sgdwalk.landscape import file as landscape_file

PANELS = ["train", "relief", "test", "path", "path_relief", "interpolation"]
PANELS += ["lines", "curvature", "roughness"]

with job(snakemake) as log:
    surfaces = landscape_file.read(snakemake.input.landscape[0])
    walk = panels.last_walk_roughness(geometry_file.read(snakemake.input.geometry[0]))
    figure, axes = style.panels(PANELS)
    plane, path = panels.last_random_plane(surfaces), surfaces.planes["pca"]
    panels.draw_contours(axes["train"], plane, "train_loss")
    panels.draw_relief(axes["relief"], plane, f"step {plane.step}")
    panels.draw_contours(axes["test"], plane, "test_loss")
    panels.draw_contours(axes["path"], path, "train_loss")
    panels.draw_relief(axes["path_relief"], path, "path on its principal plane")
    panels.draw_or_say(
        axes["interpolation"],
        surfaces.lines.interpolations,
        lambda axis, found: panels.draw_interpolations(axis, found, surfaces.origin["run"]),
    )
    lines = [line for line in surfaces.lines.lines if line.step == plane.step]
    panels.draw_or_say(axes["lines"], lines, panels.draw_random_lines)
    panels.draw_or_say(axes["curvature"], lines, panels.draw_line_curvature)
    panels.draw_or_say(
        axes["roughness"],
        [found for found in surfaces.lines.roughness if found.step == plane.step],
        lambda axis, found: panels.draw_line_roughness(axis, found[0], walk),
    )
    figure.suptitle(snakemake.params.run, fontsize=9)
    style.save_figure(figure, snakemake.output)
    log(f"{snakemake.params.run}: {len(surfaces.planes)} planes")
    log(f"to look at: {snakemake.output[0]}")
