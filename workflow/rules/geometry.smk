# Runs that differ by their seed alone, by what they have in common.
ENSEMBLES = {}
for run in STUDY.runs:
    ENSEMBLES.setdefault(re.sub(r"-seed\d+$", "", run), []).append(run)
ENSEMBLES = {name: runs for name, runs in sorted(ENSEMBLES.items()) if len(runs) > 1}
ENSEMBLE = RESULTS / "ensembles" / "{ensemble}.h5"
# Figures that show a second network beside the main one; the same if there is no other.
SECOND_RUN = list(STUDY.runs)[:2][-1]


GEOMETRY_RESULTS = [
    TABLES / "geometry.csv",
    *([TABLES / "ensembles.csv"] if ENSEMBLES else []),
    figure("figS1_long_lags"),
    figure("fig3_fractal_landscape"),
    figure("fig_avalanches"),
    figure("fig_walk_anatomy"),
]


wildcard_constraints:
    ensemble="|".join(map(re.escape, ENSEMBLES)) or "none",


rule geometry:
    input:
        trajectory=RUN / "trajectory.h5",
        noise=RUN / "noise.h5",
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
    script:
        "../scripts/ensemble.py"


rule geometry_table:
    input:
        expand(RUN / "geometry.h5", run=RUNS),
    output:
        TABLES / "geometry.csv",
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
        settings={run: STUDY.runs[run].training for run in RUNS},
        code=code_of("geometry_table"),
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
    script:
        "../scripts/ensemble_table.py"


rule fig3_fractal_landscape:
    input:
        RESULTS / "runs" / MAIN_RUN / "geometry.h5",
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
    script:
        "../scripts/fig3_fractal_landscape.py"


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
    script:
        "../scripts/figS1_long_lags.py"


rule fig_walk_anatomy:
    input:
        geometry=RESULTS / "runs" / MAIN_RUN / "geometry.h5",
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
    script:
        "../scripts/fig_walk_anatomy.py"


rule fig_avalanches:
    input:
        RESULTS / "runs" / MAIN_RUN / "geometry.h5",
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
    script:
        "../scripts/fig_avalanches.py"
