rule train:
    input:
        dataset=lambda w: DATA / f"{STUDY.runs[w.run].training['dataset']}.h5",
    output:
        trajectory=RUN / "trajectory.h5",
        checkpoints=directory(RUN / "checkpoints"),
    log:
        LOGS / "train" / "{run}.log",
    benchmark:
        LOGS / "train" / "{run}.benchmark.tsv"
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
        code=code("train"),
    script:
        "../scripts/train.py"
