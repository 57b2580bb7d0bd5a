"""Declare the present training code to make what the finished outputs already are."""

from pathlib import Path

from launch import job
from planning.identity import accept_code
from sgdwalk.recording.trajectory import Trajectory

with job(snakemake) as log:
    accepted = 0
    for folder, code in ((Path(run), code) for run, code in snakemake.params.runs.items()):
        if not (folder / "trajectory.h5").exists():
            continue
        made_by = Trajectory(folder / "trajectory.h5").origin["code"]
        if made_by != code:
            accept_code(folder, code, made_by)
            accepted += 1
            log(f"{folder.name}: {code} is declared to make what {made_by} made")
    log(f"{accepted} accepted; to take it back, remove .kept/accepted.json in the run's folder")
