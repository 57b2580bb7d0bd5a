rule gradients:
    input:
        trajectory=trajectory_of,
        noise=noise_of,
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
        expand(RUN / "gradients.h5", run=OF_GRADIENTS),
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
        settings={run: SETTINGS[run] for run in OF_GRADIENTS},
        code=code_of("gradients_table"),
    message:
        "All tail indices in one table: {output}"
    script:
        "../scripts/gradients_table.py"


rule fig5_gradients:
    input:
        gradients=RESULTS / "runs" / MAIN_OF_GRADIENTS / "gradients.h5",
        geometry=RESULTS / "runs" / MAIN_OF_GRADIENTS / "geometry.h5",
    output:
        report(
            figure("fig5_gradients")[1],
            category="Gradients",
            labels={"figure": "5, gradients"},
            caption="../report/fig5_gradients.rst",
        ),
        pdf=figure("fig5_gradients")[0],
    log:
        LOGS / "fig5_gradients.log",
    benchmark:
        LOGS / "fig5_gradients.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        run=MAIN_OF_GRADIENTS,
        code=code_of("fig5_gradients"),
    message:
        "Drawing figure 5, gradients and their tails"
    script:
        "../scripts/fig5_gradients.py"
