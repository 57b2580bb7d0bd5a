"""The loss surface of one run: tiles of its planes joined, roughness of its lines measured."""

from launch import job, origin
from sgdwalk.landscape.file import write
from sgdwalk.landscape.run import analyse

with job(snakemake) as log:
    params, run = snakemake.params, snakemake.wildcards.run
    count = len(snakemake.input.tiles) // len(params.planes)
    tiles = {
        name: snakemake.input.tiles[i * count : (i + 1) * count]
        for i, name in enumerate(params.planes)
    }
    result = analyse(tiles, snakemake.input.lines)
    source = origin(run=run, training=params.training, settings=params.settings)
    write(snakemake.output[0], result, source)
    said = (f"plane {n}: {p.missing.get('values', 'whole')}" for n, p in result.planes.items())
    log(f"{run}: {', '.join(said)}")
