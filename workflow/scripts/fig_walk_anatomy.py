"""Anatomy of the walk: components, memory, anomalous exponents, ageing, ergodicity, dimensions."""

from launch import job
from sgdwalk.figures import anatomy_panels as panels
from sgdwalk.figures import style, window_panels
from sgdwalk.geometry import ensemble_file
from sgdwalk.geometry import file as geometry_file
from sgdwalk.recording.window_families import family_key, first_family

PANELS = ["path", "shares", "autocorrelation", "reversals", "first_share", "pooled", "ageing"]
PANELS += ["ergodicity", "first_moments", "moments", "zeta", "trees"]

with job(snakemake) as log:
    run = geometry_file.read(snakemake.input.geometry)
    together = [w for path in snakemake.input.ensemble for w in ensemble_file.read(path).windows]
    windows, pooled = first_family(run.windows), first_family(together)
    figure, axes = style.panels(PANELS, columns=4)
    if windows:
        first, last = windows[0], windows[-1]
        panels.draw_leading_components(axes["path"], last)
        panels.draw_variance_shares(axes["shares"], last)
        for name, label in panels.VELOCITY_LABELS.items():
            panels.draw_lag_curves(axes[name], windows, name, label)
        panels.draw_first_shares(axes["first_share"], windows)
        panels.draw_ageing(axes["ageing"], run.ageing.get(family_key(first.length, first.stride)))
        panels.draw_structure_functions(axes["first_moments"], first)
        panels.draw_structure_functions(axes["moments"], last)
        panels.draw_zeta(axes["zeta"], windows)
        panels.draw_spanning_trees(axes["trees"], last)
    else:
        of_run = [name for name in PANELS if name not in ("pooled", "ergodicity")]
        window_panels.say_no_window(axes[name] for name in of_run)
    panels.draw_ergodicity(axes["ergodicity"], pooled)
    title = window_panels.run_title(snakemake.params.run, run.diverged_at)
    if pooled:
        label = f"exponent, {max(window.seeds for window in pooled)} seeds"
        every = panels.ensemble_series(pooled)
        window_panels.draw_along_training(axes["pooled"], pooled, every, label, nulls=[0, 0.5])
        title += f"; seeds of {snakemake.params.ensemble[0]}"
    else:
        style.message(axes["pooled"], "needs two or more seeds\nof the same settings")
    figure.suptitle(title, fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    style.save_figure(figure, snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
