"""Figure S4: exponents against learning rate, loss curves, and the MSD of all windows per rate."""

from launch import job
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.diffusion.published import published_exponents
from sgdwalk.diffusion.sweep_points import sweep_points
from sgdwalk.figures import diffusion_panels, style
from sgdwalk.figures import sweep_panels as panels
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    settings, files = snakemake.params.settings, snakemake.input
    runs = [diffusion_file.read(path) for path in files.diffusion]
    points = sorted(sweep_points(zip(settings, runs, strict=True)), key=panels.rate_of)
    rates = [one["learning_rate"] for one in settings]
    first_seed = {rate: rates.index(rate) for rate in panels.spread_over(sorted(set(rates)))}
    figure, axes = style.panels(["exponents", "loss", *first_seed])
    theirs = [p for p in published_exponents() if p.batch_size is None]
    panels.draw_exponents_by_rate(axes["exponents"], points, theirs)
    walks = {rate: Trajectory(files.trajectory[i]) for rate, i in first_seed.items()}
    panels.draw_training_losses(axes["loss"], walks)
    windows = {rate: runs[i].first_family for rate, i in first_seed.items()}
    # The same for all rates, so that they can be compared.
    limits = diffusion_panels.msd_limits([w for found in windows.values() for w in found])
    for rate, found in windows.items():
        if found:
            diffusion_panels.draw_every_msd(axes[rate], found, limits=limits, width=0.9)
        else:
            diverged_at = runs[first_seed[rate]].diverged_at
            style.message(axes[rate], f"diverged at step {diverged_at}")
        axes[rate].set_title(rf"$\eta$ = {rate:g}", fontsize=8)
    style.legend_below(figure, [axes["exponents"]], columns=5)
    shared = settings[0]
    title = f"{shared['model']}, {shared['dataset']}, batch size {shared['batch_size']}"
    said = filter(None, [title, panels.ragged_runs(runs)])
    figure.suptitle("\n".join(said), fontsize=9)
    style.save_figure(figure, snakemake.output)
    log(f"{len(runs)} runs, {len(points)} learning rates")
    log(f"to look at: {snakemake.output[0]}")
