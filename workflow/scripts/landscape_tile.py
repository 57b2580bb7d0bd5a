"""One tile of one plane of a run's loss surface."""

from launch import job, origin
from sgdwalk.landscape import file as surface_file
from sgdwalk.landscape.planes import principal_surface, random_surface
from sgdwalk.landscape.weights import LandscapeSettings, RunCheckpoints
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import prepare_device

with job(snakemake) as log:
    params, w = snakemake.params, snakemake.wildcards
    run = RunCheckpoints(
        snakemake.input.dataset,
        TrainingSettings(**params.training),
        LandscapeSettings(**params.settings),
        snakemake.input.checkpoints,
        prepare_device(snakemake.resources.device, snakemake.threads),
    )
    tile = int(w.tile)
    if params.step is None:
        plane = principal_surface(run, params.points, tile, params.tiles)
    else:
        plane = random_surface(run, params.step, params.points, tile, params.tiles)
    source = origin(run=w.run, training=params.training, settings=params.settings)
    surface_file.write_tile(snakemake.output[0], tile, params.tiles, plane, source)
    points = plane.missing or f"{len(plane.values.train_loss)} points"
    log(f"{w.run}: plane {w.plane}, tile {tile + 1} of {params.tiles}: {points}")
