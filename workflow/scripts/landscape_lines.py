"""All lines of a run's loss surface: random, between checkpoints, finely sampled."""

from pathlib import Path

from launch import job, origin
from sgdwalk.landscape import file as surface_file
from sgdwalk.landscape.lines import fine_lines, interpolation, random_lines
from sgdwalk.landscape.results import RunLines
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
    folders = dict(zip(params.others, map(Path, snakemake.input.others), strict=True))
    memory = resources.mem_mb * 250_000
    lines = RunLines(
        tuple(
            line for step in params.steps for line in random_lines(run, step, params.points, memory)
        ),
        tuple(
            interpolation(run, i["start"], i["stop"], i["run"], folders[i["run"]], params.points)
            for i in params.interpolations
        ),
        tuple(
            fine_lines(run, step, params.fine_lines, params.fine_points) for step in params.steps
        ),
    )
    source = origin(run=name, training=params.training, settings=params.settings)
    surface_file.write_lines(snakemake.output[0], lines, source)
    log(f"{name}: {len(lines.lines)} lines and {len(lines.interpolations)} interpolations")
