"""Tail indices of gradients and of their noise, with their nulls, for one run."""

from launch import job, origin
from sgdwalk.gradients.file import write
from sgdwalk.gradients.run import analyse
from sgdwalk.noise import file as noise_file
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    trajectory = Trajectory(snakemake.input.trajectory)
    noise = noise_file.read(snakemake.input.noise) if snakemake.input.get("noise") else None
    result = analyse(trajectory, noise)
    sources = {"run": trajectory.origin, "noise": None if noise is None else noise.origin}
    write(snakemake.output[0], result, origin(**sources))
    log(f"{snakemake.wildcards.run}: {len(result.tails)} tail indices")
