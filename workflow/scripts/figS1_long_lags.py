"""Figure S1: MSD of a second network, at lags as long as its run."""

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.figures import diffusion_panels as panels
from sgdwalk.figures import style, window_panels

with job(snakemake) as log:
    run = diffusion_file.read(snakemake.input[0])
    short = run.first_family
    longest = max((window.stride or 1 for window in run.windows), default=1)
    long = [w for w in run.windows if w.stride == longest and w not in short]
    figure, axes = style.panels(["short", "long", "local"])
    if short:
        panels.draw_every_msd(axes["short"], short, shuffled=True)
        panels.draw_local_beside(axes["local"], short, long, run.whole)
        if run.whole is not None:
            panels.draw_whole_run(axes["long"], run.whole)
        elif long:
            panels.draw_every_msd(axes["long"], long, shuffled=True)
        else:
            style.message(axes["long"], "no windows of longer stride\nand no recording.sketch")
    else:
        window_panels.say_no_window(axes.values())
    warning = panels.ragged_note(run.windows)
    title = window_panels.run_title(snakemake.params.run, run.diverged_at, warning)
    figure.suptitle(title, fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    style.save_figure(figure, snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
