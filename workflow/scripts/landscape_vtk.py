"""A plane of a run's loss surface for ParaView; a single point without values if it is missing."""

from launch import job
from sgdwalk.files import vtk
from sgdwalk.landscape import file as landscape_file

with job(snakemake) as log:
    w = snakemake.wildcards
    plane = landscape_file.read(snakemake.input[0]).planes[w.plane]
    title = f"sgdwalk plane {w.plane} of {w.run}"
    why = plane.missing.get("values")
    if why:
        vtk.write_plane(snakemake.output[0], f"{title}: {why}", [0.0], [0.0], {})
    else:
        vtk.write_plane(snakemake.output[0], title, plane.x, plane.y, plane.values.arrays)
    log(f"{w.run}: {why or snakemake.output[0]}")
