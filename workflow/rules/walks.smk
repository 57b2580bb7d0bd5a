# Sources of walks from elsewhere are inputs alone: no job writes, moves or links them.
rule read_walk:
    input:
        sources=lambda w: WALKS[w.run].files,
        dataset=lambda w: dataset_of(w) if w.run in NETWORKS else [],
    output:
        RUN / "trajectory.h5",
    log:
        LOGS / "read_walk" / "{run}.log",
    benchmark:
        LOGS / "read_walk" / "{run}.benchmark.tsv"
    wildcard_constraints:
        run=one_of(SERIES),
    conda:
        "../../envs/train.yaml"
    threads: job("analysis", "threads")
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        series=lambda w: WALKS[w.run].said(),
        select=lambda w: WALKS[w.run].select,
        losses=lambda w: WALKS[w.run].losses,
        sketch=lambda w: WALKS[w.run].sketch,
        training=lambda w: SETTINGS[w.run],
        factories=factories,
        code=code_of("read_walk", factories),
    message:
        "Walking in another's steps: checkpoints of {wildcards.run}"
    script:
        "../scripts/read_walk.py"


rule walk_checkpoints:
    input:
        lambda w: [path for _, *paths in looked_at(w.run) for path in paths],
    output:
        directory(RUN / "checkpoints"),
    log:
        LOGS / "walk_checkpoints" / "{run}.log",
    benchmark:
        LOGS / "walk_checkpoints" / "{run}.benchmark.tsv"
    wildcard_constraints:
        run=one_of(WALKED_NETWORKS),
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        chosen=lambda w: looked_at(w.run),
        code=code_of("walk_checkpoints"),
    message:
        "Copying checkpoints of {wildcards.run} for what looks at its network"
    script:
        "../scripts/walk_checkpoints.py"


rule fig_walks:
    input:
        expand(RUN / "diffusion.h5", run=SHOWN_WITH_WALKS),
    output:
        report(
            figure("fig_walks")[1],
            category="Walks from elsewhere",
            labels={"figure": "all beside each other"},
            caption="../report/fig_walks.rst",
        ),
        pdf=figure("fig_walks")[0],
    log:
        LOGS / "fig_walks.log",
    benchmark:
        LOGS / "fig_walks.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        runs=SHOWN_WITH_WALKS,
        code=code_of("fig_walks"),
    message:
        "Drawing walks from elsewhere beside each other"
    script:
        "../scripts/fig_walks.py"


# Figures of a single run, of each walk.
use rule fig2_superdiffusion as walk_superdiffusion with:
    input:
        RESULTS / "runs" / "{walk}" / "diffusion.h5",
    output:
        report(
            walk_figure("fig2_superdiffusion")[1],
            category="Walks from elsewhere",
            labels={"figure": "superdiffusion, {walk}"},
            caption="../report/fig2_superdiffusion.rst",
        ),
        pdf=walk_figure("fig2_superdiffusion")[0],
    log:
        LOGS / "walk_superdiffusion" / "{walk}.log",
    benchmark:
        LOGS / "walk_superdiffusion" / "{walk}.benchmark.tsv"
    priority: 0
    params:
        run=lambda w: w.walk,
        code=code_of("fig2_superdiffusion"),
    message:
        "Drawing the diffusion of {wildcards.walk}"


use rule fig3_fractal_landscape as walk_fractal_landscape with:
    input:
        RESULTS / "runs" / "{walk}" / "geometry.h5",
    output:
        report(
            walk_figure("fig3_fractal_landscape")[1],
            category="Walks from elsewhere",
            labels={"figure": "fractal landscape, {walk}"},
            caption="../report/fig3_fractal_landscape.rst",
        ),
        pdf=walk_figure("fig3_fractal_landscape")[0],
    log:
        LOGS / "walk_fractal_landscape" / "{walk}.log",
    benchmark:
        LOGS / "walk_fractal_landscape" / "{walk}.benchmark.tsv"
    params:
        run=lambda w: w.walk,
        code=code_of("fig3_fractal_landscape"),
    message:
        "Drawing loss differences and path of {wildcards.walk}"


use rule fig_walk_anatomy as walk_anatomy with:
    input:
        geometry=RESULTS / "runs" / "{walk}" / "geometry.h5",
        ensemble=[],
    output:
        report(
            walk_figure("fig_walk_anatomy")[1],
            category="Walks from elsewhere",
            labels={"figure": "anatomy, {walk}"},
            caption="../report/fig_walk_anatomy.rst",
        ),
        pdf=walk_figure("fig_walk_anatomy")[0],
    log:
        LOGS / "walk_anatomy" / "{walk}.log",
    benchmark:
        LOGS / "walk_anatomy" / "{walk}.benchmark.tsv"
    params:
        run=lambda w: w.walk,
        ensemble=[],
        code=code_of("fig_walk_anatomy"),
    message:
        "Drawing the anatomy of {wildcards.walk}"


use rule fig5_gradients as walk_gradients with:
    input:
        gradients=RESULTS / "runs" / "{walk}" / "gradients.h5",
        geometry=RESULTS / "runs" / "{walk}" / "geometry.h5",
    output:
        report(
            walk_figure("fig5_gradients")[1],
            category="Walks from elsewhere",
            labels={"figure": "gradients, {walk}"},
            caption="../report/fig5_gradients.rst",
        ),
        pdf=walk_figure("fig5_gradients")[0],
    log:
        LOGS / "walk_gradients" / "{walk}.log",
    benchmark:
        LOGS / "walk_gradients" / "{walk}.benchmark.tsv"
    params:
        run=lambda w: w.walk,
        code=code_of("fig5_gradients"),
    message:
        "Drawing gradients and their tails of {wildcards.walk}"
