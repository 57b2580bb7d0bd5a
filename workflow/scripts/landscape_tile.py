"""One tile of one plane of a run's loss surface."""

from launch import job, origin
from sgdwalk.landscape.file import write_tile
from sgdwalk.landscape.planes import analyse
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
    result = analyse(run, params.step, params.points, int(w.tile), params.tiles)
    source = origin(run=w.run, training=params.training, settings=params.settings)
    write_tile(snakemake.output[0], result, source)
    values, missing = result.plane.values, result.plane.missing
    points = f"{len(values.train_loss)} points" if values else missing["values"]
    log(f"{w.run}: plane {w.plane}, tile {result.tile + 1} of {result.tiles}: {points}")
