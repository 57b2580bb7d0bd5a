"""Tail indices of gradients and of their noise, with their nulls, for one run."""

from launch import job, origin
from sgdwalk.gradients.run import analyse_gradients
from sgdwalk.noise import file as noise_file
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    trajectory = Trajectory(snakemake.input.trajectory)
    noise = noise_file.read(snakemake.input.noise)
    count = analyse_gradients(
        snakemake.output[0], trajectory, noise, origin(run=trajectory.origin, noise=noise.origin)
    )
    log(f"{snakemake.wildcards.run}: {count} tail indices")
