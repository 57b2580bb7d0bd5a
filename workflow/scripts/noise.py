"""Many minibatch losses and gradients at the fixed weights of every checkpoint of one run."""

from launch import job, origin
from sgdwalk.noise.file import write
from sgdwalk.noise.run import analyse
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import prepare_device

with job(snakemake) as log:
    params, resources, run = snakemake.params, snakemake.resources, snakemake.wildcards.run
    device = prepare_device(resources.device, snakemake.threads)
    result = analyse(
        snakemake.input.dataset,
        snakemake.input.checkpoints,
        TrainingSettings(**params.training),
        params.draws,
        params.coordinates,
        params.seed,
        device,
        memory=resources.mem_mb * 250_000,
    )
    where = origin(run=run, training=params.training, draws=params.draws, seed=params.seed)
    write(snakemake.output[0], result, where)
    log(f"{run}: noise of {params.draws} minibatches at {len(result.step)} checkpoints")
