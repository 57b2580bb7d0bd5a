rule fig2_superdiffusion:
    input:
        MAIN / "diffusion.h5",
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
    priority: FIRST
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
    message:
        "Drawing figure 2, superdiffusion"
    script:
        "../scripts/fig2_superdiffusion.py"


rule fig5_gradients:
    input:
        gradients=MAIN / "gradients.h5",
        geometry=MAIN / "geometry.h5",
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
    message:
        "Drawing figure 5, gradients and their tails"
    script:
        "../scripts/fig5_gradients.py"
