"""How far apart runs are that differ by seed, learning rate or batch size alone."""

from launch import job
from sgdwalk.figures import run_distance_panels as panels
from sgdwalk.figures import style, window_panels
from sgdwalk.geometry import run_distances_file

with job(snakemake) as log:
    pairs = run_distances_file.read(snakemake.input[0]).pairs
    settings = snakemake.params.settings
    walks = {name: panels.largest_family(pairs, name) for name in panels.WALKS}
    shown = {name: panels.largest_family(pairs, name) for name in panels.ALONE}
    if any(walks.values()):
        shown = {name: family for name, family in shown.items() if family} | walks
    figure, axes = style.panels([*shown, "cosine"], columns=2)
    for name, family in shown.items():
        panels.draw_distances(axes[name], family, name)
        if family:
            title = panels.shared_settings(settings[family[0].run_a], name)
            axes[name].set_title(title, fontsize=7)
    panels.draw_cosines(axes["cosine"], shown)
    window_panels.tidy_log_ticks(axes.values())
    style.save_figure(figure, snakemake.output)
    log(", ".join(f"{len(family)} pairs of {name}" for name, family in shown.items()))
    log(f"to look at: {snakemake.output[0]}")
