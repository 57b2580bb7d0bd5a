"""Phases of the toy walker: exponents and frozen walkers over roughness, noise, learning rate."""

from launch import job
from sgdwalk.figures import phase_panels as panels
from sgdwalk.figures import style
from sgdwalk.walker import sweep as walker_sweep

with job(snakemake) as log:
    sweeps = [walker_sweep.read(path) for path in snakemake.input]
    phases = panels.phases_of(sweeps)
    columns = [*panels.MAPS, "lines"]
    names = [(row, column) for row in range(len(phases)) for column in columns]
    figure, axes = style.panels(names, columns=len(columns))
    for row, phase in enumerate(phases):
        for result in panels.MAPS:
            limits = panels.map_limits(sweeps, result)
            panels.draw_phase_map(axes[row, result], phase, result, limits)
        panels.draw_final_exponents(axes[row, "lines"], phase)
        title = rf"{phase.kind}, $\eta$ = {phase.learning_rate:g}"
        axes[row, columns[0]].set_title(title)
    style.save_figure(figure, snakemake.output)
    log(f"{sum(len(sweep.points) for sweep in sweeps)} ensembles")
    log(f"to look at: {snakemake.output[0]}")
