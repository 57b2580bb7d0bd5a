"""What several seeds of the same training tell together: EB(lag), pooled exponents, intervals."""

from launch import job, origin
from sgdwalk.geometry import file as geometry_file
from sgdwalk.geometry.ensemble import analyse
from sgdwalk.geometry.ensemble_file import write
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    runs = [geometry_file.read(path) for path in snakemake.input.geometry]
    walks = [Trajectory(path) for path in snakemake.input.trajectory]
    result = analyse(runs, walks)
    write(snakemake.output[0], result, origin(run=walks[0].origin))
    count = len(result.windows)
    log(f"{snakemake.wildcards.ensemble}: {len(runs)} runs, {count} windows in common")
