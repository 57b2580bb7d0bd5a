"""Write one dataset as one file that every later job reads."""

from launch import job, origin
from sgdwalk.datasets.load import load_dataset
from sgdwalk.datasets.prepared import write_dataset

with job(snakemake) as log:
    made = snakemake.params.made
    dataset = load_dataset(
        made["dataset"],
        snakemake.resources.data_folder,
        raw=made["raw"],
        label_corruption=made["label_corruption"],
        seed=made["dataset_seed"],
        **made["dataset_options"],
    )
    write_dataset(dataset, snakemake.output[0], origin(**made))
    log(f"{len(dataset.train_labels)} training and {len(dataset.test_labels)} test samples")
