"""Figure S2: the Hessian along a run, and where the walk goes among its eigenvectors."""

from launch import job
from sgdwalk.figures import hessian_panels as panels
from sgdwalk.figures import style
from sgdwalk.hessian import file as hessian_file

PANELS = ["eigenvalues", "density", "edge", "overlap", "shares", "variance"]

with job(snakemake) as log:
    run = hessian_file.read_run(snakemake.input[0])
    figure, axes = style.panels(PANELS)
    if len(run.missing) < len(run.step):
        panels.draw_eigenvalues(axes["eigenvalues"], run)
        panels.draw_spectral_density(axes["density"], run)
        panels.draw_edge_of_stability(axes["edge"], run)
        panels.draw_eigenspace_overlap(axes["overlap"], run)
        panels.draw_eigenspace_shares(axes["shares"], run)
        panels.draw_eigenvector_variance(axes["variance"], run)
    else:
        for axis in axes.values():
            style.message(axis, "no checkpoint has a Hessian")
    figure.suptitle(panels.hessian_title(run), fontsize=9)
    style.save_figure(figure, snakemake.output)
    log(f"to look at: {snakemake.output[0]}")
