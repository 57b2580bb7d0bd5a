"""What several seeds of the same training tell together: EB(lag), pooled exponents, intervals."""

from launch import job, origin
from sgdwalk.geometry import ensemble
from sgdwalk.geometry import file as geometry_file
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    runs = [geometry_file.read(path) for path in snakemake.input.geometry]
    walks = [Trajectory(path) for path in snakemake.input.trajectory]
    windows = ensemble.ensemble(runs, walks)
    ensemble.write(snakemake.output[0], windows, origin(run=walks[0].origin))
    log(f"{snakemake.wildcards.ensemble}: {len(runs)} runs, {len(windows)} windows in common")
