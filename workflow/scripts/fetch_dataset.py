"""Have the files of one dataset in place, from the network or placed by hand."""

from pathlib import Path

from launch import job
from sgdwalk.datasets.fetching import fetch_dataset

with job(snakemake) as log:
    name, folder = snakemake.wildcards.fetched, snakemake.resources.data_folder
    fetch_dataset(name, folder)
    Path(snakemake.output[0]).write_text(f"{name} is in {folder}\n", encoding="utf-8")
    log(f"{name} is in {folder}")
