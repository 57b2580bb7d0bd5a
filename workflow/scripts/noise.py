"""Many minibatch losses and gradients at the fixed weights of every checkpoint of one run."""

from launch import job, origin
from sgdwalk.noise import file as noise_file
from sgdwalk.noise.run import CheckpointNoise
from sgdwalk.training.settings import TrainingSettings
from sgdwalk.training.setup import prepare_device

with job(snakemake) as log:
    params, resources, run = snakemake.params, snakemake.resources, snakemake.wildcards.run
    device = prepare_device(resources.device, snakemake.threads)
    noise = CheckpointNoise(
        snakemake.input.dataset,
        TrainingSettings(**params.training),
        params.draws,
        params.coordinates,
        params.seed,
        device,
        memory=resources.mem_mb * 250_000,
    )
    found = noise_file.write(
        snakemake.output[0],
        noise.measure(snakemake.input.checkpoints),
        params.draws,
        noise.coordinates,
        origin(run=run, training=params.training, draws=params.draws, seed=params.seed),
    )
    log(f"{run}: noise of {params.draws} minibatches at {len(found.step)} checkpoints")
