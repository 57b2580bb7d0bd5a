rule hessian:
    input:
        dataset=dataset_of,
        checkpoints=RUN / "checkpoints",
    output:
        hessian=HESSIAN,
        vectors=VECTORS if STUDY.config["hessian"]["eigenvectors"] else temp(VECTORS),
    log:
        LOGS / "hessian" / "{run}" / "{step}.log",
    benchmark:
        LOGS / "hessian" / "{run}" / "{step}.benchmark.tsv"
    conda:
        "../../envs/train.yaml"
    threads: job("hessian", "threads")
    resources:
        mem_mb=job("hessian", "mem_mb"),
        runtime=job("hessian", "runtime"),
        gpu=job("hessian", "gpu"),
        device=STUDY.config["resources"]["device"],
    params:
        training=lambda w: NETWORKS[w.run].training,
        settings=HESSIANS.settings,
        density=lambda w: int(w.step) in HESSIANS.density[w.run],
        factories=factories,
        code=code_of("hessian", factories),
    message:
        "How curved it is there: Hessian of {wildcards.run} at step {wildcards.step}"
    script:
        "../scripts/hessian.py"


rule hessian_run:
    input:
        hessians=lambda w: expand(HESSIAN, step=HESSIANS.steps[w.run], run=w.run),
        vectors=lambda w: expand(VECTORS, step=HESSIANS.steps[w.run], run=w.run),
    output:
        RUN / "hessian.h5",
    log:
        LOGS / "hessian_run" / "{run}.log",
    benchmark:
        LOGS / "hessian_run" / "{run}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: job("analysis", "threads")
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        training=lambda w: NETWORKS[w.run].training,
        settings=HESSIANS.settings,
        code=code_of("hessian_run"),
    message:
        "How curved it was along the way: Hessians of {wildcards.run} together"
    script:
        "../scripts/hessian_run.py"


rule figS2_hessian:
    input:
        expand(RUN / "hessian.h5", run=HESSIANS.runs[:1]),
    output:
        report(
            figure("figS2_hessian")[1],
            category="Hessian",
            labels={"figure": "S2, Hessian along the run"},
            caption="../report/figS2_hessian.rst",
        ),
        pdf=figure("figS2_hessian")[0],
    log:
        LOGS / "figS2_hessian.log",
    benchmark:
        LOGS / "figS2_hessian.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        code=code_of("figS2_hessian"),
    message:
        "Drawing figure S2, the Hessian along the run"
    script:
        "../scripts/figS2_hessian.py"
