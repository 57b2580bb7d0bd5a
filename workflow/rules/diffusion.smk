rule diffusion:
    input:
        RUN / "trajectory.h5",
    output:
        RUN / "diffusion.h5",
    log:
        LOGS / "diffusion" / "{run}.log",
    benchmark:
        LOGS / "diffusion" / "{run}.benchmark.tsv"
    priority: first_run
    conda:
        "../../envs/analysis.yaml"
    threads: job("analysis", "threads")
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings=STUDY.config["diffusion"],
        code=code_of("diffusion"),
    message:
        "How far it went: mean squared displacement and exponents of {wildcards.run}"
    script:
        "../scripts/diffusion.py"


rule diffusion_table:
    input:
        expand(RUN / "diffusion.h5", run=RUNS),
    output:
        TABLES / "exponents.csv",
    log:
        LOGS / "diffusion_table.log",
    benchmark:
        LOGS / "diffusion_table.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings=TRAINED,
        code=code_of("diffusion_table"),
    message:
        "All exponents in one table: {output}"
    script:
        "../scripts/diffusion_table.py"
