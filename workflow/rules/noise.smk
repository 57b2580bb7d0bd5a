rule noise:
    input:
        dataset=dataset_of,
        checkpoints=RUN / "checkpoints",
    output:
        RUN / "noise.h5",
    log:
        LOGS / "noise" / "{run}.log",
    benchmark:
        LOGS / "noise" / "{run}.benchmark.tsv"
    conda:
        "../../envs/train.yaml"
    threads: job("analysis", "threads")
    resources:
        mem_mb=job("train", "mem_mb"),
        runtime=job("train", "runtime"),
        gpu=min(1, job("train", "gpu")),
        device=STUDY.config["resources"]["device"],
    params:
        training=lambda w: NETWORKS[w.run].training,
        draws=STUDY.config["noise"]["batches"],
        coordinates=STUDY.config["noise"]["coordinates"],
        seed=STUDY.config["noise"]["seed"],
        factories=factories,
        code=code_of("noise", factories),
    message:
        "What chance does: minibatches at fixed weights of {wildcards.run}"
    script:
        "../scripts/noise.py"
