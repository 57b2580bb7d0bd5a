"""Roughness, path dimension, modes, memory and ageing, for every window of one run."""

from launch import job, origin
from sgdwalk.geometry.file import write
from sgdwalk.geometry.run import analyse
from sgdwalk.noise import file as noise_file
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    settings = dict(snakemake.params.settings)
    trajectory = Trajectory(snakemake.input.trajectory)
    noise = noise_file.read(snakemake.input.noise) if snakemake.input.get("noise") else None
    result = analyse(trajectory, noise, **settings)
    write(snakemake.output[0], result, origin(run=trajectory.origin, settings=settings))
    log(f"{snakemake.wildcards.run}: {len(result.windows)} windows")
    for window in result.windows:
        for name, reason in window.missing.items():
            apart = "unequally spaced" if window.stride is None else f"stride {window.stride}"
            log(f"window {window.start}, {apart}: no {name}: {reason}")
