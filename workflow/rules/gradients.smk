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
        code=code_of("gradients"),
    message:
        "How heavy the tails are: gradients and their noise of {wildcards.run}"
    script:
        "../scripts/gradients.py"


rule gradients_table:
    input:
        expand(RUN / "gradients.h5", run=RUNS),
    output:
        TABLES / "tails.csv",
    log:
        LOGS / "gradients_table.log",
    benchmark:
        LOGS / "gradients_table.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings=TRAINED,
        code=code_of("gradients_table"),
    message:
        "All tail indices in one table: {output}"
    script:
        "../scripts/gradients_table.py"
