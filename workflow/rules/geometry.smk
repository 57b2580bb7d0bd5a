rule geometry:
    input:
        trajectory=trajectory_of,
        noise=noise_of,
    output:
        RUN / "geometry.h5",
    log:
        LOGS / "geometry" / "{run}.log",
    benchmark:
        LOGS / "geometry" / "{run}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: job("analysis", "threads")
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings=STUDY.config["geometry"],
        code=code_of("geometry"),
    message:
        "What shape the path has: geometry of {wildcards.run}"
    script:
        "../scripts/geometry.py"


rule ensemble:
    input:
        trajectory=lambda w: expand(RUN / "trajectory.h5", run=ENSEMBLES[w.ensemble]),
        geometry=lambda w: expand(RUN / "geometry.h5", run=ENSEMBLES[w.ensemble]),
    output:
        ENSEMBLE,
    log:
        LOGS / "ensemble" / "{ensemble}.log",
    benchmark:
        LOGS / "ensemble" / "{ensemble}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: job("analysis", "threads")
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        code=code_of("ensemble"),
    message:
        "What seeds have in common: {wildcards.ensemble}"
    script:
        "../scripts/ensemble.py"


rule geometry_table:
    input:
        expand(RUN / "geometry.h5", run=RUNS),
    output:
        windows=TABLES / "geometry.csv",
        components=TABLES / "components.csv",
    log:
        LOGS / "geometry_table.log",
    benchmark:
        LOGS / "geometry_table.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings=SETTINGS,
        code=code_of("geometry_table"),
    message:
        "All numbers of geometry in tables: {output}"
    script:
        "../scripts/geometry_table.py"


rule ensemble_table:
    input:
        expand(ENSEMBLE, ensemble=ENSEMBLES),
    output:
        TABLES / "ensembles.csv",
    log:
        LOGS / "ensemble_table.log",
    benchmark:
        LOGS / "ensemble_table.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        settings={
            name: {
                k: v for k, v in STUDY.runs[runs[0]].training.items() if k != "seed"
            }
            for name, runs in ENSEMBLES.items()
        },
        code=code_of("ensemble_table"),
    message:
        "All ensembles of seeds in one table: {output}"
    script:
        "../scripts/ensemble_table.py"


rule fig3_fractal_landscape:
    input:
        MAIN / "geometry.h5",
    output:
        report(
            figure("fig3_fractal_landscape")[1],
            category="Geometry",
            labels={"figure": "3, fractal landscape"},
            caption="../report/fig3_fractal_landscape.rst",
        ),
        pdf=figure("fig3_fractal_landscape")[0],
    log:
        LOGS / "fig3_fractal_landscape.log",
    benchmark:
        LOGS / "fig3_fractal_landscape.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        run=MAIN_RUN,
        code=code_of("fig3_fractal_landscape"),
    message:
        "Drawing figure 3, loss differences along the walk"
    script:
        "../scripts/fig3_fractal_landscape.py"


rule fig_walk_anatomy:
    input:
        geometry=MAIN / "geometry.h5",
        ensemble=expand(ENSEMBLE, ensemble=list(ENSEMBLES)[:1]),
    output:
        report(
            figure("fig_walk_anatomy")[1],
            category="Geometry",
            labels={"figure": "walk anatomy"},
            caption="../report/fig_walk_anatomy.rst",
        ),
        pdf=figure("fig_walk_anatomy")[0],
    log:
        LOGS / "fig_walk_anatomy.log",
    benchmark:
        LOGS / "fig_walk_anatomy.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        run=MAIN_RUN,
        ensemble=list(ENSEMBLES)[:1],
        code=code_of("fig_walk_anatomy"),
    message:
        "Drawing the anatomy of the walk"
    script:
        "../scripts/fig_walk_anatomy.py"


rule fig_avalanches:
    input:
        MAIN / "geometry.h5",
    output:
        report(
            figure("fig_avalanches")[1],
            category="Geometry",
            labels={"figure": "loss avalanches"},
            caption="../report/fig_avalanches.rst",
        ),
        pdf=figure("fig_avalanches")[0],
    log:
        LOGS / "fig_avalanches.log",
    benchmark:
        LOGS / "fig_avalanches.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        run=MAIN_RUN,
        code=code_of("fig_avalanches"),
    message:
        "Drawing avalanches of the loss"
    script:
        "../scripts/fig_avalanches.py"
