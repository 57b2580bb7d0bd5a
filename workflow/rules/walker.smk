rule walker:
    input:
        lambda w: WALKERS.ensembles[w.terrain].grid,
    output:
        WALKER,
    log:
        LOGS / "walker" / "{terrain}.log",
    benchmark:
        LOGS / "walker" / "{terrain}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        kind=lambda w: WALKERS.ensembles[w.terrain].kind,
        settings=lambda w: WALKERS.ensembles[w.terrain].settings,
        stage=STUDY.config["walker"]["stage"],
        basin_depth=STUDY.config["walker"]["basin_depth"],
        code=code_of("walker"),
    message:
        "Letting walkers loose on the terrain {wildcards.terrain}"
    script:
        "../scripts/walker.py"


rule walker_sweep:
    output:
        SWEEP,
    log:
        LOGS / "walker_sweep" / "{sweep}.log",
    benchmark:
        LOGS / "walker_sweep" / "{sweep}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        terrain=lambda w: WALKERS.sweeps[w.sweep].terrain,
        points=lambda w: WALKERS.sweeps[w.sweep].points,
        stage=STUDY.config["walker"]["stage"],
        basin_depth=STUDY.config["walker"]["basin_depth"],
        code=code_of("walker_sweep"),
    message:
        "Letting walkers loose over and over: {wildcards.sweep}"
    script:
        "../scripts/walker_sweep.py"


rule walker_table:
    input:
        ensembles=expand(WALKER, terrain=WALKERS.ensembles),
        sweeps=expand(SWEEP, sweep=WALKERS.sweeps),
    output:
        TABLES / "walker.csv",
    log:
        LOGS / "walker_table.log",
    benchmark:
        LOGS / "walker_table.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        code=code_of("walker_table"),
    message:
        "All walkers in one table: {output}"
    script:
        "../scripts/walker_table.py"


rule fig4_walker:
    input:
        expand(WALKER, terrain=WALKERS.ensembles),
    output:
        report(
            figure("fig4_walker")[1],
            category="Toy walker",
            labels={"figure": "4, walkers on terrains"},
            caption="../report/fig4_walker.rst",
        ),
        pdf=figure("fig4_walker")[0],
    log:
        LOGS / "fig4_walker.log",
    benchmark:
        LOGS / "fig4_walker.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        code=code_of("fig4_walker"),
    message:
        "Drawing figure 4, the toy walker"
    script:
        "../scripts/fig4_walker.py"


rule fig_walker_phase:
    input:
        expand(SWEEP, sweep=WALKERS.sweeps),
    output:
        report(
            figure("fig_walker_phase")[1],
            category="Toy walker",
            labels={"figure": "exponents over roughness and noise"},
            caption="../report/fig_walker_phase.rst",
        ),
        pdf=figure("fig_walker_phase")[0],
    log:
        LOGS / "fig_walker_phase.log",
    benchmark:
        LOGS / "fig_walker_phase.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        code=code_of("fig_walker_phase"),
    message:
        "Drawing the phases of the toy walker"
    script:
        "../scripts/fig_walker_phase.py"
