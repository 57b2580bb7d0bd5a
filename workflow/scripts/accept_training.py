"""Declare the present training code to make what the finished outputs already are."""

from pathlib import Path

from launch import forget_params, job
from planning.identity import accept_code, adopt_kept, same_settings
from sgdwalk.files import hdf5

with job(snakemake) as log:
    accepted, adopted = 0, []
    for folder, run in ((Path(name), run) for name, run in snakemake.params.runs.items()):
        if not (folder / "trajectory.h5").exists():
            continue
        made = hdf5.origin_of(folder / "trajectory.h5", "trajectory")
        if made["code"] != run["code"]:
            accept_code(folder, run["code"], made["code"])
            accepted += 1
            log(f"{folder.name}: {run['code']} is declared to make what {made['code']} made")
        if adopt_kept(folder, made, run["settings"], run["said"]):
            adopted += [folder / "trajectory.h5", folder / "checkpoints"]
    if adopted:  # by an older sgdwalk, whose record of settings Snakemake would find different
        for path, wanted in snakemake.params.datasets.items():
            if Path(path).exists():
                made = hdf5.origin_of(path, "dataset")
                if same_settings({key: made.get(key) for key in wanted}, wanted, wanted):
                    adopted.append(path)
        forget_params(adopted)
    log(f"{accepted} accepted; to take it back, remove .kept/accepted.json in the run's folder")
