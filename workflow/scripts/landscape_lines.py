"""All lines of a run's loss surface: random, between checkpoints, finely sampled."""

from launch import job, origin
from sgdwalk.landscape.file import write_lines
from sgdwalk.landscape.lines import analyse
from sgdwalk.landscape.weights import LandscapeSettings, RunCheckpoints
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import prepare_device

with job(snakemake) as log:
    params, resources, name = snakemake.params, snakemake.resources, snakemake.wildcards.run
    run = RunCheckpoints(
        snakemake.input.dataset,
        TrainingSettings(**params.training),
        LandscapeSettings(**params.settings),
        snakemake.input.checkpoints,
        prepare_device(resources.device, snakemake.threads),
    )
    result = analyse(
        run,
        params.steps,
        params.points,
        params.interpolations,
        dict(zip(params.others, snakemake.input.others, strict=True)),
        params.fine_lines,
        params.fine_points,
        memory=resources.mem_mb * 250_000,
    )
    source = origin(run=name, training=params.training, settings=params.settings)
    write_lines(snakemake.output[0], result, source)
    log(f"{name}: {len(result.lines)} lines and {len(result.interpolations)} interpolations")
