localrules:
    dataset,
    fetch_dataset,


def dataset_files(wildcards):
    """What a dataset is made of: fetched files, or one of the user's."""
    name = STUDY.datasets[wildcards.dataset]["dataset"]
    if name in FETCHED:
        return ancient(DATA / f"{name}.fetched")
    return name if is_file(name) else []


def dataset_factories(wildcards):
    name = STUDY.datasets[wildcards.dataset]["dataset"]
    return [name] if is_factory(name) else []


rule dataset:
    input:
        dataset_files,
    output:
        DATA / "{dataset}.h5",
    log:
        "results/data/logs/{dataset}.log",
    benchmark:
        "results/data/logs/{dataset}.benchmark.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
        data_folder=STUDY.config["data"]["folder"],
    params:
        made=lambda w: STUDY.datasets[w.dataset],
        factories=dataset_factories,
        code=lambda w: code("dataset", dataset_factories(w)),
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
        code=code("fetch_dataset"),
    script:
        "../scripts/fetch_dataset.py"
