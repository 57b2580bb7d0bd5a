"""Figure 2, superdiffusion: MSD by window, local exponents, nulls, exponents along training."""

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.figures import diffusion_panels as panels
from sgdwalk.figures import style, window_panels

with job(snakemake) as log:
    run = diffusion_file.read(snakemake.input[0])
    windows = run.first_family
    long = [window for window in run.windows if window not in windows]
    figure, axes = style.panels(["msd", "nulls", "exponents", "local", "first", "all"])
    if windows:
        panels.draw_msd_with_regimes(axes["msd"], windows)
        panels.draw_msd_with_nulls(axes["nulls"], windows)
        window_panels.draw_along_training(
            axes["exponents"],
            windows,
            panels.regime_exponent_series(windows),
            "exponent, 95 % interval",
            nulls=[1],
            spacing=0.25,
            letters=None,
        )
        panels.draw_local_exponent(axes["local"], windows)
        panels.draw_displacement_from_start(axes["first"], windows)
        panels.draw_every_msd(axes["all"], windows)
        panels.draw_longer_lags(axes["all"], long, run.whole)
        panels.label_regimes(axes["all"])
        style.legend_below(figure, [axes["all"]], columns=6)
    else:
        window_panels.say_no_window(axes.values())
    warning = panels.ragged_note(run.windows)
    title = window_panels.run_title(snakemake.params.run, run.diverged_at, warning)
    figure.suptitle(title, fontsize=9)
    style.save_figure(figure, snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
