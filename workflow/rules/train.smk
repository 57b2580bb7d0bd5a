localrules:
    accept_training,


rule train:
    input:
        dataset=dataset_of,
    output:
        trajectory=RUN / "trajectory.h5",
        checkpoints=directory(RUN / "checkpoints"),
    log:
        LOGS / "train" / "{run}.log",
    benchmark:
        LOGS / "train" / "{run}.benchmark.tsv"
    wildcard_constraints:
        run=one_of(TRAINED),
    priority: first_run
    conda:
        "../../envs/train.yaml"
    threads: job("train", "threads")
    resources:
        mem_mb=job("train", "mem_mb"),
        runtime=job("train", "runtime"),
        gpu=job("train", "gpu"),
        device=STUDY.config["resources"]["device"],
        deterministic=int(STUDY.config["resources"]["deterministic"]),
        resume_seconds=round(60 * STUDY.config["resume"]["minutes"]),
        resume_steps=STUDY.config["resume"]["steps"] or 0,
    params:
        training=lambda w: STUDY.runs[w.run].training,
        recording=lambda w: STUDY.runs[w.run].recording,
        factories=factories,
        code=lambda w: training_code(w.run),
        identity=lambda w: identity(w.run),
    message:
        "Walking: {wildcards.run}, every step on record"
    script:
        "../scripts/train.py"


rule accept_training:
    log:
        LOGS / "accept_training.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
        gpu=0,
    params:
        runs=lambda w: {str(RESULTS / "runs" / run): acceptable(run) for run in TRAINED},
        datasets={str(DATA / f"{name}.h5"): made for name, made in DATASETS.items()},
        code=code_of("train"),
    message:
        "Declaring the present training code to make what is there"
    script:
        "../scripts/accept_training.py"
