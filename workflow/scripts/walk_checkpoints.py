"""Checkpoints of a walk from elsewhere in the form that jobs with its network read."""

from pathlib import Path

from launch import job
from sgdwalk.training.checkpoints import save_checkpoint
from sgdwalk.walks.checkpoint_file import state_dict_of
from sgdwalk.walks.checkpoint_names import Checkpoint

with job(snakemake) as log:
    folder = Path(snakemake.output[0])
    folder.mkdir(parents=True, exist_ok=True)
    for step, *paths in snakemake.params.chosen:
        model = state_dict_of(Checkpoint(int(step), tuple(paths)))
        content = {"status": "reached", "step": int(step), "model": model}
        save_checkpoint(folder / f"{step}.pt", content)
    log(f"{snakemake.wildcards.run}: {len(snakemake.params.chosen)} checkpoints")
