"""Write one dataset as one file that every later job reads."""

from launch import job
from sgdwalk import datasets

with job(snakemake) as log:
    dataset = datasets.load(snakemake.wildcards.dataset, folder="results/data/raw")
    datasets.save(dataset, snakemake.output[0])
    log(f"{len(dataset.train_labels)} training and {len(dataset.test_labels)} test samples")
