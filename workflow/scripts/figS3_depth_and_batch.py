"""Figure S3: exponents and crossover lag against depth and against batch size."""

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.diffusion.published import published_exponents
from sgdwalk.diffusion.sweep_points import sweep_points
from sgdwalk.figures import style
from sgdwalk.figures import sweep_panels as panels

with job(snakemake) as log:
    runs = [
        (settings, diffusion_file.read(path))
        for path, settings in zip(snakemake.input, snakemake.params.settings, strict=True)
    ]
    points = sweep_points(runs)
    published = [p for p in published_exponents() if p.batch_size is not None]
    shortcuts = sorted({panels.place_in_sweep(p)["shortcut"] for p in points}, reverse=True)
    rows = [(across, shortcut) for across in panels.ACROSS for shortcut in shortcuts]
    figure, axes = style.panels([(row, name) for row in rows for name in panels.RESULTS])
    for row in rows:
        across, shortcut = row
        by = "batch_size" if across == "depth" else "depth"
        ours = [p for p in points if panels.place_in_sweep(p)["shortcut"] is shortcut]
        theirs = [p for p in published if p.shortcut is shortcut]
        for name in panels.RESULTS:
            panels.draw_across(axes[row, name], name, across, by, ours, theirs)
        title = "with shortcuts" if shortcut else "without shortcuts"
        axes[row, "exponent_max"].set_title(title, fontsize=8)
        colours = panels.colours_by([*ours, *theirs], by)
        panels.label_colours(axes[row, "crossover_lag"], colours, by)
    first = axes[rows[0], "exponent_max"]
    panels.label_sources(first)
    style.legend_below(figure, [first], columns=4)
    lost = sum(point.seeds == 0 for point in points)
    said = [f"{lost} of {len(points)} settings diverged in their first window"] if lost else []
    said += filter(None, [panels.ragged_runs(run for _, run in runs)])
    figure.suptitle("\n".join(said), fontsize=9)
    style.save_figure(figure, snakemake.output)
    log(f"{len(runs)} runs, {len(points)} settings")
    log(f"to look at: {snakemake.output[0]}")
