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
        training=lambda w: STUDY.runs[w.run].training,
        draws=STUDY.config["noise"]["batches"],
        coordinates=STUDY.config["noise"]["coordinates"],
        seed=STUDY.config["noise"]["seed"],
        factories=factories,
        code=lambda w: code("noise", factories(w)),
    script:
        "../scripts/noise.py"


rule gradients:
    input:
        trajectory=RUN / "trajectory.h5",
        noise=RUN / "noise.h5",
    output:
        RUN / "gradients.h5",
    log:
        LOGS / "gradients" / "{run}.log",
    benchmark:
        LOGS / "gradients" / "{run}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: job("analysis", "threads")
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        code=code("gradients"),
    script:
        "../scripts/gradients.py"


rule tails:
    input:
        expand(RUN / "gradients.h5", run=RUNS),
    output:
        TABLES / "tails.csv",
    log:
        LOGS / "tails.log",
    benchmark:
        LOGS / "tails.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings={run: STUDY.runs[run].training for run in RUNS},
        code=code("tails"),
    script:
        "../scripts/tails.py"
