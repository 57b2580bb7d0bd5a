rule diffusion:
    input:
        RUN / "trajectory.h5",
    output:
        RUN / "diffusion.h5",
    log:
        LOGS / "diffusion" / "{run}.log",
    benchmark:
        LOGS / "diffusion" / "{run}.benchmark.tsv"
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
        settings={run: STUDY.runs[run].training for run in RUNS},
        code=code_of("diffusion_table"),
    script:
        "../scripts/diffusion_table.py"
