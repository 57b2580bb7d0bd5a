"""Figure 5, gradients: densities of entries, tail indices with their nulls, bursts of the loss."""

from launch import job
from sgdwalk.figures import gradient_panels as panels
from sgdwalk.figures import style, window_panels
from sgdwalk.figures.avalanche_panels import draw_moving_variance
from sgdwalk.geometry import file as geometry_file
from sgdwalk.gradients import file as gradients_file

PANELS = ["run", "first", "last", "alpha", "increments", "variance"]
PANELS += ["layers", "checkpoints", "gaussianity"]
OVER_WINDOWS = ["first", "last", "alpha", "increments"]

with job(snakemake) as log:
    run = gradients_file.read(snakemake.input.gradients)
    geometry = geometry_file.read(snakemake.input.geometry)
    figure, axes = style.panels(PANELS)
    windows = run.select("entries", window_start=True)
    panels.draw_entry_density(axes["run"], run, "run", run.select("entries")[0], "all steps")
    if windows:
        for name, row in (("first", windows[0]), ("last", windows[-1])):
            where = rf"$t_w = {row.window_start + 1}$"
            panels.draw_entry_density(axes[name], run, name, row, where)
        panels.draw_tail_index(axes["alpha"], run)
        panels.draw_loss_increments(axes["increments"], run, windows)
        style.legend_below(figure, [axes["first"], axes["alpha"]], columns=5)
    else:
        window_panels.say_no_window(axes[name] for name in OVER_WINDOWS)
    draw_moving_variance(axes["variance"], geometry.moving_variance, geometry.moving_window)
    panels.draw_layer_tails(axes["layers"], run)
    panels.draw_noise_tails(axes["checkpoints"], run)
    panels.draw_rejected_share(axes["gaussianity"], run)
    figure.suptitle(window_panels.run_title(snakemake.params.run, run.diverged_at), fontsize=9)
    style.save_figure(figure, snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
