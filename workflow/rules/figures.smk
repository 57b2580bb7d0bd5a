rule fig2_superdiffusion:
    input:
        RESULTS / "runs" / MAIN_RUN / "diffusion.h5",
    output:
        report(
            figure("fig2_superdiffusion")[1],
            category="Diffusion",
            labels={"figure": "2, superdiffusion"},
            caption="../report/fig2_superdiffusion.rst",
        ),
        pdf=figure("fig2_superdiffusion")[0],
    log:
        LOGS / "fig2_superdiffusion.log",
    benchmark:
        LOGS / "fig2_superdiffusion.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        run=MAIN_RUN,
        code=code_of("fig2_superdiffusion"),
    script:
        "../scripts/fig2_superdiffusion.py"


rule fig5_gradients:
    input:
        RESULTS / "runs" / MAIN_RUN / "gradients.h5",
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
        run=MAIN_RUN,
        code=code_of("fig5_gradients"),
    script:
        "../scripts/fig5_gradients.py"
