"""Mean squared displacement, its nulls and its regimes, for every window of one run."""

from launch import job, origin
from sgdwalk.diffusion.file import write
from sgdwalk.diffusion.run import analyse
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    settings = dict(snakemake.params.settings)
    trajectory = Trajectory(snakemake.input[0])
    result = analyse(trajectory, **settings)
    write(snakemake.output[0], result, origin(run=trajectory.origin, settings=settings))
    log(f"{snakemake.wildcards.run}: {len(result.windows)} windows")
    for window, reason in result.missing.items():
        log(f"{snakemake.wildcards.run}: {window}: {reason}")
    for warning in result.warnings:
        log(f"{snakemake.wildcards.run}: {warning}")
