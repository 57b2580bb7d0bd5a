"""Figure 3, fractal landscape: loss differences and contour length along the walk."""

from launch import job
from sgdwalk.figures import roughness_panels as panels
from sgdwalk.figures import style, window_panels
from sgdwalk.geometry import file as geometry_file
from sgdwalk.recording.window_families import first_family

PANELS = ["msl", "fragment", "contour", "by_distance", "by_contour", "displacement"]
PANELS += ["roughness", "excursions", "dimension"]

with job(snakemake) as log:
    run = geometry_file.read(snakemake.input[0])
    windows = first_family(run.windows)
    figure, axes = style.panels(PANELS)
    if windows:
        first, last = windows[0], windows[-1]
        panels.draw_raw_msl(axes["msl"], windows, "distance", panels.DISTANCE)
        panels.draw_fragment(axes["fragment"], first)
        panels.draw_msd_by_contour(axes["contour"], windows)
        panels.draw_loss_differences(axes["by_distance"], last, "distance", panels.DISTANCE)
        panels.draw_loss_differences(axes["by_contour"], last, "contour", panels.CONTOUR)
        panels.draw_contour_by_displacement(axes["displacement"], windows)
        rough = panels.roughness_series(windows, "distance")
        label = "roughness $H$ (bar: null)"
        window_panels.draw_along_training(axes["roughness"], windows, rough, label)
        panels.draw_excursions(axes["excursions"], last)
        path = panels.dimension_series(windows)
        window_panels.draw_along_training(axes["dimension"], windows, path, "path dimension $D$")
    else:
        window_panels.say_no_window(axes.values())
    figure.suptitle(window_panels.run_title(snakemake.params.run, run.diverged_at), fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    style.save_figure(figure, snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
