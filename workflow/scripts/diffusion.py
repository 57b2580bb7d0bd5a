"""Mean squared displacement, its nulls and its regimes, for every window of one run."""

from launch import job, origin
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.diffusion.window import analyse_diffusion
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    settings = dict(snakemake.params.settings)
    trajectory = Trajectory(snakemake.input[0])
    diffusion_file.write(
        snakemake.output[0],
        trajectory,
        origin(run=trajectory.origin, settings=settings),
        lambda window: analyse_diffusion(window.gram, window.stride, **settings),
    )
    log(f"{snakemake.wildcards.run}: {len(trajectory.windows)} windows")
