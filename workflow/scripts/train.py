"""Train one network, record its walk and save its checkpoints; go on from a resume point."""

from pathlib import Path

from launch import job, origin, progress
from sgdwalk.datasets.prepared import dataset_digest
from sgdwalk.training.recorded_run import train_recorded
from sgdwalk.training.resume_points import Stopped
from sgdwalk.training.run_folder import RunFolder
from sgdwalk.training.settings import Machine, RecordingSettings, TrainingSettings

OUTPUTS = ["trajectory.h5", "checkpoints"]

with job(snakemake) as log:
    params, resources, run = snakemake.params, snakemake.resources, snakemake.wildcards.run
    data = dataset_digest(snakemake.input.dataset)
    decides = {name: params[name] for name in ("training", "recording", "code")}
    folder = RunFolder(Path(snakemake.output.trajectory).parent, params.identity)
    machine = Machine(
        threads=snakemake.threads,
        processes=max(1, resources.gpu),
        device=resources.device,
        deterministic=bool(resources.deterministic),
        resume_minutes=resources.resume_seconds / 60,
        resume_steps=resources.resume_steps or None,
        host_memory=resources.mem_mb * 500_000,
    )
    told = progress(log, run, params.training["steps"])
    with folder.locked(log):
        folder.set_aside_other_data(data)
        if folder.kept.exists():
            told.kept()
        else:
            try:
                train_recorded(
                    folder,
                    snakemake.input.dataset,
                    TrainingSettings(**params.training),
                    RecordingSettings(**params.recording),
                    machine,
                    origin(run=run, data=data, **decides),
                    told,
                )
            except Stopped as stop:
                told.stopped(stop)
                raise SystemExit(1) from None
        folder.link(OUTPUTS)
