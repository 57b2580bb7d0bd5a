rule landscape_tile:
    input:
        dataset=dataset_of,
        checkpoints=RUN / "checkpoints",
    output:
        TILE,
    log:
        LOGS / "landscape_tile" / "{run}" / "{plane}-{tile}.log",
    benchmark:
        LOGS / "landscape_tile" / "{run}" / "{plane}-{tile}.benchmark.tsv"
    conda:
        "../../envs/train.yaml"
    threads: job("landscape", "threads")
    resources:
        mem_mb=job("landscape", "mem_mb"),
        runtime=job("landscape", "runtime"),
        gpu=job("landscape", "gpu"),
        device=STUDY.config["resources"]["device"],
    params:
        training=lambda w: NETWORKS[w.run].training,
        settings=LANDSCAPES.settings,
        points=STUDY.config["landscape"]["points"],
        step=lambda w: LANDSCAPES.runs[w.run].planes[w.plane],
        tiles=LANDSCAPES.tiles,
        factories=factories,
        code=code_of("landscape_tile", factories),
    message:
        "Surveying the landscape: plane {wildcards.plane} of {wildcards.run}, tile {wildcards.tile}"
    script:
        "../scripts/landscape_tile.py"


rule landscape_lines:
    input:
        dataset=dataset_of,
        checkpoints=RUN / "checkpoints",
        others=lambda w: expand(
            RUN / "checkpoints", run=LANDSCAPES.runs[w.run].other_runs
        ),
    output:
        LINES,
    log:
        LOGS / "landscape_lines" / "{run}.log",
    benchmark:
        LOGS / "landscape_lines" / "{run}.benchmark.tsv"
    conda:
        "../../envs/train.yaml"
    threads: job("landscape", "threads")
    resources:
        mem_mb=job("landscape", "mem_mb"),
        runtime=job("landscape", "runtime"),
        gpu=job("landscape", "gpu"),
        device=STUDY.config["resources"]["device"],
    params:
        training=lambda w: NETWORKS[w.run].training,
        settings=LANDSCAPES.settings,
        points=STUDY.config["landscape"]["line_points"],
        fine_lines=STUDY.config["landscape"]["roughness_lines"],
        fine_points=STUDY.config["landscape"]["roughness_points"],
        steps=lambda w: LANDSCAPES.runs[w.run].steps,
        interpolations=lambda w: LANDSCAPES.runs[w.run].interpolations,
        others=lambda w: LANDSCAPES.runs[w.run].other_runs,
        factories=factories,
        code=code_of("landscape_lines", factories),
    message:
        "Surveying the landscape: lines through {wildcards.run}"
    script:
        "../scripts/landscape_lines.py"


rule landscape:
    input:
        tiles=lambda w: expand(
            TILE,
            run=w.run,
            plane=LANDSCAPES.runs[w.run].planes,
            tile=range(LANDSCAPES.tiles),
        ),
        lines=LINES,
    output:
        LANDSCAPE,
    log:
        LOGS / "landscape" / "{run}.log",
    benchmark:
        LOGS / "landscape" / "{run}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        training=lambda w: NETWORKS[w.run].training,
        settings=LANDSCAPES.settings,
        planes=lambda w: list(LANDSCAPES.runs[w.run].planes),
        code=code_of("landscape"),
    message:
        "Putting the landscape of {wildcards.run} together"
    script:
        "../scripts/landscape.py"


rule landscape_vtk:
    input:
        LANDSCAPE,
    output:
        VTK,
    log:
        LOGS / "landscape_vtk" / "{run}" / "{plane}.log",
    benchmark:
        LOGS / "landscape_vtk" / "{run}" / "{plane}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        code=code_of("landscape_vtk"),
    message:
        "The landscape of {wildcards.run} for ParaView: {output}"
    script:
        "../scripts/landscape_vtk.py"


rule fig_loss_surface:
    input:
        landscape=expand(LANDSCAPE, run=list(LANDSCAPES.runs)[:1]),
        geometry=expand(RUN / "geometry.h5", run=list(LANDSCAPES.runs)[:1]),
    output:
        report(
            figure("fig_loss_surface")[1],
            category="Loss surface",
            labels={"figure": "loss surface"},
            caption="../report/fig_loss_surface.rst",
        ),
        pdf=figure("fig_loss_surface")[0],
    log:
        LOGS / "fig_loss_surface.log",
    benchmark:
        LOGS / "fig_loss_surface.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=job("analysis", "mem_mb"),
        runtime=job("analysis", "runtime"),
        gpu=0,
    params:
        run=lambda w: next(iter(LANDSCAPES.runs)),
        code=code_of("fig_loss_surface"),
    message:
        "Drawing the loss surface"
    script:
        "../scripts/fig_loss_surface.py"
