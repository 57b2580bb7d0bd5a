"""Roughness, path dimension, modes, memory and ageing, for every window of one run."""

from launch import job, origin
from sgdwalk.geometry import file as geometry_file
from sgdwalk.geometry.run import analyse_run
from sgdwalk.noise import file as noise_file
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    settings = dict(snakemake.params.settings)
    trajectory = Trajectory(snakemake.input.trajectory)
    result = analyse_run(trajectory, noise_file.read(snakemake.input.noise), **settings)
    made = origin(run=trajectory.origin, settings=settings)
    geometry_file.write(snakemake.output[0], result, made)
    log(f"{snakemake.wildcards.run}: {len(result.windows)} windows")
    for window in result.windows:
        for name, reason in window.missing.items():
            log(f"window {window.start}, stride {window.stride}: no {name}: {reason}")
