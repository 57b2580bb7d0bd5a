localrules:
    dataset,


rule dataset:
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
    params:
        code=code("dataset"),
    script:
        "../scripts/dataset.py"
