localrules:
    dataset,
    fetch_dataset,


rule dataset:
    input:
        dataset_files,
    output:
        DATA / "{dataset}.h5",
    log:
        "results/data/logs/{dataset}.log",
    benchmark:
        "results/data/logs/{dataset}.benchmark.tsv"
    priority: FIRST
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
        data_folder=STUDY.config["data"]["folder"],
    params:
        made=lambda w: DATASETS[w.dataset],
        factories=dataset_factories,
        code=code_of("dataset", dataset_factories),
    message:
        "Preparing the dataset {wildcards.dataset}"
    script:
        "../scripts/dataset.py"


# Runs where snakemake does, as compute nodes have no network.
rule fetch_dataset:
    output:
        DATA / "{fetched}.fetched",
    log:
        "results/data/logs/fetch-{fetched}.log",
    wildcard_constraints:
        fetched="|".join(FETCHED),
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
        gpu=0,
        data_folder=STUDY.config["data"]["folder"],
    params:
        code=code_of("fetch_dataset"),
    message:
        "Fetching the files of {wildcards.fetched}, or checking those that are there"
    script:
        "../scripts/fetch_dataset.py"
