"""A walk from elsewhere, read from its checkpoints: Gram matrices, and the sketch."""

import torch

from launch import job, origin
from sgdwalk.datasets.prepared import read_dataset
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import initial_network
from sgdwalk.walks.checkpoint_names import Checkpoint
from sgdwalk.walks.file import write
from sgdwalk.walks.read import read_walk

with job(snakemake) as log:
    params, resources, run = snakemake.params, snakemake.resources, snakemake.wildcards.run
    torch.set_num_threads(snakemake.threads)
    names = None
    if snakemake.input.get("dataset"):
        data, training = read_dataset(snakemake.input.dataset), TrainingSettings(**params.training)
        model = initial_network(data, training, torch.device("cpu"))
        names = [name for name, p in model.named_parameters() if p.requires_grad]
    result = read_walk(
        [Checkpoint(int(step), tuple(paths)) for step, *paths in params.series],
        select=params.select,
        names=names,
        losses=params.losses,
        sketch=params.sketch,
        memory=resources.mem_mb * 250_000,
        log=lambda line: log(f"{run}: {line}"),
    )
    said = {name: params[name] for name in ("series", "select", "losses", "training", "code")}
    write(snakemake.output[0], result, origin(run=run, **said))
    log(f"{run}: {len(result.steps)} positions of {sum(n for _, n in result.layers)} parameters")
