"""Figure 3, fractal landscape: loss differences and contour length along the walk."""

from launch import job
from sgdwalk.figures import style, window_panels
from sgdwalk.figures.roughness_panels import (
    CONTOUR,
    DISTANCE,
    dimension_series,
    draw_contour,
    draw_displacement,
    draw_excursions,
    draw_fragment,
    draw_landscape,
    draw_raw_msl,
    roughness_series,
)
from sgdwalk.geometry import file as geometry_file
from sgdwalk.recording.window_families import first_family

with job(snakemake) as log:
    run = geometry_file.read(snakemake.input[0])
    windows = first_family(run.windows)
    figure, axes = style.panels(
        ["msl", "fragment", "contour", "by_distance", "by_contour", "displacement"]
        + ["roughness", "excursions", "dimension"]
    )
    if windows:
        chosen, colours = (
            window_panels.first_middle_last(len(windows)),
            style.colours(len(windows)),
        )
        draw_raw_msl(axes["msl"], windows, chosen, colours, "distance", DISTANCE)
        axes["msl"].plot([], [], color=style.NULL_COLOUR, ls=":", label="noise floor, or null")
        draw_fragment(axes["fragment"], windows[0])
        draw_contour(axes["contour"], windows, chosen, colours)
        draw_landscape(axes["by_distance"], windows[-1], "distance", DISTANCE)
        draw_landscape(axes["by_contour"], windows[-1], "contour", CONTOUR)
        draw_displacement(axes["displacement"], windows, chosen, colours)
        starts = [window.start for window in windows]
        rough = roughness_series(windows, "distance")
        window_panels.draw_along_training(axes["roughness"], starts, rough, "roughness $H$")
        draw_excursions(axes["excursions"], windows[-1])
        path = dimension_series(windows)
        window_panels.draw_along_training(axes["dimension"], starts, path, "path dimension $D$")
        axes["msl"].legend(loc="best")
    else:
        for axis in axes.values():
            style.message(axis, "no whole window was recorded")
    figure.suptitle(window_panels.run_title(snakemake.params.run, run.diverged_at), fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    style.save_figure(figure, snakemake.output)
