"""Anatomy of the walk: components, memory, anomalous exponents, ageing, ergodicity, dimensions."""

from launch import job
from sgdwalk.figures import style, window_panels
from sgdwalk.figures.anatomy_panels import (
    draw_ageing,
    draw_ergodicity,
    draw_lag_curves,
    draw_moments,
    draw_path,
    draw_shares,
    draw_trees,
    draw_zeta,
    ensemble_series,
    exponent_series,
)
from sgdwalk.geometry import ensemble
from sgdwalk.geometry import file as geometry_file
from sgdwalk.recording.window_families import family_key, first_family

PANELS = ["path", "shares", "autocorrelation", "reversals", "exponents", "pooled", "ageing"]
PANELS += ["ergodicity", "first_moments", "moments", "zeta", "trees"]

with job(snakemake) as log:
    run = geometry_file.read(snakemake.input.geometry)
    together = [w for path in snakemake.input.ensemble for w in ensemble.read(path)[0]]
    windows = first_family(run.windows)
    figure, axes = style.panels(PANELS, columns=4)
    if windows:
        chosen = window_panels.first_middle_last(len(windows))
        colours = style.colours(len(windows))
        starts = [window.start for window in windows]
        draw_path(figure, axes["path"], windows[-1])
        draw_shares(axes["shares"], windows, chosen, colours)
        curves = (windows, chosen, colours)
        draw_lag_curves(axes["autocorrelation"], *curves, "autocorrelation", "velocity correlation")
        draw_lag_curves(axes["reversals"], *curves, "reversals", "fraction of reversals")
        window_panels.draw_along_training(
            axes["exponents"], starts, exponent_series(windows), "exponent of one run"
        )
        axes["exponents"].axhline(0.5, color=style.NULL_COLOUR, lw=0.7, ls=":")
        first = windows[0]
        draw_ageing(axes["ageing"], run.ageing.get(family_key(first.length, first.stride)))
        draw_moments(axes["first_moments"], windows[0])
        draw_moments(axes["moments"], windows[-1])
        draw_zeta(axes["zeta"], *curves)
        draw_trees(axes["trees"], windows[-1])
    else:
        for name in set(PANELS) - {"pooled", "ergodicity"}:
            style.message(axes[name], "no whole window was recorded")
    short = first_family(together)
    draw_ergodicity(axes["ergodicity"], short)
    if short:
        window_panels.draw_along_training(
            axes["pooled"],
            [window.start for window in short],
            ensemble_series(short),
            f"exponent, {max(window.seeds for window in short)} seeds",
        )
        for null in (0, 0.5):
            axes["pooled"].axhline(null, color=style.NULL_COLOUR, lw=0.7, ls=":")
    else:
        style.message(axes["pooled"], "needs two or more seeds\nof the same settings")
    title = window_panels.run_title(snakemake.params.run, run.diverged_at)
    if short:
        title += f"; seeds of {snakemake.params.ensemble[0]}"
    figure.suptitle(title, fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    style.save_figure(figure, snakemake.output)
