"""The loss surface of one run: tiles of its planes joined, roughness of its lines measured."""

from launch import job, origin
from sgdwalk.landscape import file as surface_file
from sgdwalk.landscape.roughness_table import with_roughness

with job(snakemake) as log:
    params, run = snakemake.params, snakemake.wildcards.run
    count = len(snakemake.input.tiles) // len(params.planes)
    planes = {
        name: surface_file.join_tiles(snakemake.input.tiles[i * count : (i + 1) * count])
        for i, name in enumerate(params.planes)
    }
    lines = with_roughness(surface_file.read_lines(snakemake.input.lines))
    source = origin(run=run, training=params.training, settings=params.settings)
    surface_file.write(snakemake.output[0], planes, lines, source)
    for name, plane in planes.items():
        log(f"{run}: plane {name}: {plane.missing or 'whole'}")
