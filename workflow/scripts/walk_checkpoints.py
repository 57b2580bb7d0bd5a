"""Checkpoints of a walk from elsewhere in the form that jobs with its network read."""

from launch import job
from sgdwalk.training.elsewhere import write_states
from sgdwalk.walks.checkpoint_file import states_of
from sgdwalk.walks.checkpoint_names import Checkpoint

with job(snakemake) as log:
    chosen = snakemake.params.chosen
    result = states_of([Checkpoint(int(step), tuple(paths)) for step, *paths in chosen])
    write_states(snakemake.output[0], result)
    log(f"{snakemake.wildcards.run}: {len(chosen)} checkpoints")
