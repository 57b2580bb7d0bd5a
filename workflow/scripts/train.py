"""Train one network, record its walk and save its checkpoints; go on from a resume point."""

import hashlib
import json
from pathlib import Path

from launch import job, origin
from sgdwalk.recorded_training import (
    Machine,
    RecordingSettings,
    TrainingSettings,
    train_recorded,
)
from sgdwalk.resuming import Stopped
from sgdwalk.run_folder import RunFolder

OUTPUTS = ["trajectory.h5", "checkpoints"]

with job(snakemake) as log:
    params, resources, run = snakemake.params, snakemake.resources, snakemake.wildcards.run
    decides = {"training": params.training, "recording": params.recording, "code": params.code}
    identity = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
    folder = RunFolder(Path(snakemake.output.trajectory).parent, identity)
    machine = Machine(
        threads=snakemake.threads,
        device=resources.device,
        deterministic=bool(resources.deterministic),
        resume_minutes=resources.resume_seconds / 60,
        resume_steps=resources.resume_steps or None,
        host_memory=resources.mem_mb * 500_000,
    )
    with folder.locked():
        if folder.kept.exists():
            log(f"{run}: trained before with the same settings and code; those outputs are used")
        else:
            try:
                train_recorded(
                    folder,
                    snakemake.input.dataset,
                    TrainingSettings(**params.training),
                    RecordingSettings(**params.recording),
                    machine,
                    origin(run=run, **decides),
                    log,
                    run,
                )
            except Stopped as stop:
                log(f"{run}: {stop}")
                raise SystemExit(1) from None
        folder.link(OUTPUTS)
