"""Roughness, path dimension, modes, memory and ageing, for every window of one run."""

from launch import job, origin
from sgdwalk.geometry.file import write
from sgdwalk.geometry.run import analyse
from sgdwalk.noise import file as noise_file
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    settings = dict(snakemake.params.settings)
    trajectory = Trajectory(snakemake.input.trajectory)
    result = analyse(trajectory, noise_file.read(snakemake.input.noise), **settings)
    write(snakemake.output[0], result, origin(run=trajectory.origin, settings=settings))
    log(f"{snakemake.wildcards.run}: {len(result.windows)} windows")
    for window in result.windows:
        for name, reason in window.missing.items():
            log(f"window {window.start}, stride {window.stride}: no {name}: {reason}")
