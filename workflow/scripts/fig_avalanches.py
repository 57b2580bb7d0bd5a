"""Loss avalanches: increments of the loss, their bursts, what follows, and the moving variance."""

from launch import job
from sgdwalk.figures import avalanche_panels as panels
from sgdwalk.figures import style, window_panels
from sgdwalk.geometry import file as geometry_file
from sgdwalk.recording.window_families import first_family

OVER_WINDOWS = ["loss", "increment", "durations", "sizes", "mean_duration"]

with job(snakemake) as log:
    run = geometry_file.read(snakemake.input[0])
    windows = first_family(run.windows)
    figure, axes = style.panels([*OVER_WINDOWS, "moving_variance"])
    if windows:
        panels.draw_loss_after(axes["loss"], windows[-1])
        panels.draw_increments_after(axes["increment"], windows[-1])
        panels.draw_durations(axes["durations"], windows)
        panels.draw_sizes(axes["sizes"], windows)
        window_panels.draw_along_training(
            axes["mean_duration"],
            windows,
            panels.mean_duration_series(windows),
            "mean duration (increments)",
        )
    else:
        window_panels.say_no_window(axes[name] for name in OVER_WINDOWS)
    variance = axes["moving_variance"]
    panels.draw_moving_variance(variance, run.moving_variance, run.moving_window)
    figure.suptitle(window_panels.run_title(snakemake.params.run, run.diverged_at), fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    style.save_figure(figure, snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
