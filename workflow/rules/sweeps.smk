rule figS3_depth_and_batch:
    input:
        expand(RUN / "diffusion.h5", run=DEPTHS_AND_BATCHES),
    output:
        report(
            figure("figS3_depth_and_batch")[1],
            category="Sweeps",
            labels={"figure": "S3, depth and batch size"},
            caption="../report/figS3_depth_and_batch.rst",
        ),
        pdf=figure("figS3_depth_and_batch")[0],
    log:
        LOGS / "figS3_depth_and_batch.log",
    benchmark:
        LOGS / "figS3_depth_and_batch.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings=[SETTINGS[run] for run in DEPTHS_AND_BATCHES],
        code=code_of("figS3_depth_and_batch"),
    message:
        "Drawing figure S3, depth and batch size"
    script:
        "../scripts/figS3_depth_and_batch.py"


rule figS4_learning_rate:
    input:
        diffusion=expand(RUN / "diffusion.h5", run=LEARNING_RATES),
        trajectory=expand(RUN / "trajectory.h5", run=LEARNING_RATES),
    output:
        report(
            figure("figS4_learning_rate")[1],
            category="Sweeps",
            labels={"figure": "S4, learning rate"},
            caption="../report/figS4_learning_rate.rst",
        ),
        pdf=figure("figS4_learning_rate")[0],
    log:
        LOGS / "figS4_learning_rate.log",
    benchmark:
        LOGS / "figS4_learning_rate.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings=[SETTINGS[run] for run in LEARNING_RATES],
        code=code_of("figS4_learning_rate"),
    message:
        "Drawing figure S4, learning rate"
    script:
        "../scripts/figS4_learning_rate.py"


rule run_distances:
    input:
        [trajectory(run) for run in SKETCHED],
    output:
        result=RESULTS / "run_distances.h5",
        table=TABLES / "run_distances.csv",
    log:
        LOGS / "run_distances.log",
    benchmark:
        LOGS / "run_distances.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: job("analysis", "threads")
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings=SKETCHED_SETTINGS,
        at=STEPS_OF_SERIES,
        code=code_of("run_distances"),
    message:
        "How far apart runs of one network are: {output.table}"
    script:
        "../scripts/run_distances.py"


rule fig_run_distances:
    input:
        RESULTS / "run_distances.h5",
    output:
        report(
            figure("fig_run_distances")[1],
            category="Sweeps",
            labels={"figure": "distances between runs"},
            caption="../report/fig_run_distances.rst",
        ),
        pdf=figure("fig_run_distances")[0],
    log:
        LOGS / "fig_run_distances.log",
    benchmark:
        LOGS / "fig_run_distances.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings=SKETCHED_SETTINGS,
        code=code_of("fig_run_distances"),
    message:
        "Drawing distances between runs"
    script:
        "../scripts/fig_run_distances.py"
