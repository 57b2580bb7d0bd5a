"""SGD as a random walk on the loss landscape of a deep network, measured.

dataset -> train -> diffusion -> diffusion_table, fig2_superdiffusion, fig_longest_run
train -> noise -> gradients -> gradients_table, fig5_gradients
train, noise -> geometry -> ensemble, geometry_table, fig3_fractal_landscape, fig_walk_anatomy
checkpoints -> hessian -> hessian_run -> figS2_hessian
checkpoints -> landscape_tile, landscape_lines -> landscape -> landscape_vtk, fig_loss_surface
diffusion -> figS3_depth_and_batch, figS4_learning_rate
train -> run_distances -> fig_run_distances
walks from elsewhere -> read_walk -> diffusion, geometry, .. as a run's; all -> fig_walks
walks whose networks are known -> walk_checkpoints -> noise, hessian, landscape
walker, walker_sweep -> walker_table, fig4_walker, fig_walker_phase
"""

from snakemake.utils import min_version

min_version("9.0")

# A study stands alone: config.yaml is the study only if no other is named.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/diffusion.smk"
include: "workflow/rules/noise.smk"
include: "workflow/rules/geometry.smk"
include: "workflow/rules/gradients.smk"
include: "workflow/rules/hessian.smk"
include: "workflow/rules/landscape.smk"
include: "workflow/rules/walker.smk"
include: "workflow/rules/sweeps.smk"
include: "workflow/rules/walks.smk"


rule all:
    default_target: True
    input:
        DIFFUSION_RESULTS,
        GRADIENTS_RESULTS,
        GEOMETRY_RESULTS,
        HESSIAN_RESULTS,
        LANDSCAPE_RESULTS,
        SWEEP_RESULTS,
        WALKS_RESULTS,
        WALKER_RESULTS,


onsuccess:
    print_summary()
