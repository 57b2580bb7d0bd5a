rule diffusion:
    input:
        trajectory_of,
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
        settings=SETTINGS,
        code=code_of("diffusion_table"),
    message:
        "All exponents in one table: {output}"
    script:
        "../scripts/diffusion_table.py"


rule group_table:
    input:
        expand(RUN / "diffusion.h5", run=GROUPED),
    output:
        TABLES / "groups.csv",
    log:
        LOGS / "group_table.log",
    benchmark:
        LOGS / "group_table.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings={run: SETTINGS[run] for run in GROUPED},
        code=code_of("group_table"),
    message:
        "Exponents of groups of parameter tensors: {output}"
    script:
        "../scripts/group_table.py"


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


use rule fig2_superdiffusion as fig_longest_run with:
    input:
        RESULTS / "runs" / LONGEST_RUN / "diffusion.h5",
    output:
        report(
            figure("fig_longest_run")[1],
            category="Diffusion",
            labels={"figure": "the longest run"},
            caption="../report/fig_longest_run.rst",
        ),
        pdf=figure("fig_longest_run")[0],
    log:
        LOGS / "fig_longest_run.log",
    benchmark:
        LOGS / "fig_longest_run.benchmark.tsv"
    priority: 0
    params:
        run=LONGEST_RUN,
        code=code_of("fig2_superdiffusion"),
    message:
        "Drawing the diffusion of the longest run, {params.run}"


rule figS1_long_lags:
    input:
        RESULTS / "runs" / SECOND_RUN / "diffusion.h5",
    output:
        report(
            figure("figS1_long_lags")[1],
            category="Diffusion",
            labels={"figure": "S1, long lags"},
            caption="../report/figS1_long_lags.rst",
        ),
        pdf=figure("figS1_long_lags")[0],
    log:
        LOGS / "figS1_long_lags.log",
    benchmark:
        LOGS / "figS1_long_lags.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        run=SECOND_RUN,
        code=code_of("figS1_long_lags"),
    message:
        "Drawing figure S1, long lags"
    script:
        "../scripts/figS1_long_lags.py"
