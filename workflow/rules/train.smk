if workflow.is_main_process:
    again = [run for run in RUNS if to_retrain(RESULTS / "runs" / run, identity(run))]
    if again:
        logger.warning(announcement(again))


localrules:
    accept_training,


rule train:
    input:
        dataset=dataset_of,
    output:
        trajectory=RUN / "trajectory.h5",
        checkpoints=directory(RUN / "checkpoints"),
    log:
        LOGS / "train" / "{run}.log",
    benchmark:
        LOGS / "train" / "{run}.benchmark.tsv"
    conda:
        "../../envs/train.yaml"
    threads: job("train", "threads")
    resources:
        mem_mb=job("train", "mem_mb"),
        runtime=job("train", "runtime"),
        gpu=job("train", "gpu"),
        device=STUDY.config["resources"]["device"],
        deterministic=int(STUDY.config["resources"]["deterministic"]),
        resume_seconds=round(60 * STUDY.config["resume"]["minutes"]),
        resume_steps=STUDY.config["resume"]["steps"] or 0,
    params:
        training=lambda w: STUDY.runs[w.run].training,
        recording=lambda w: STUDY.runs[w.run].recording,
        factories=factories,
        code=lambda w: training_code(w.run),
        identity=lambda w: identity(w.run),
    script:
        "../scripts/train.py"


def acceptable(run):
    """What is declared of a run: its settings, those that are not the default, and its code."""
    chosen = STUDY.runs[run]
    return {
        "settings": {"training": chosen.training, "recording": chosen.recording},
        "said": {"training": chosen.training.said, "recording": chosen.recording.said},
        "code": code("train", tuple(chosen.factories)),
    }


rule accept_training:
    log:
        LOGS / "accept_training.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
        gpu=0,
    params:
        runs=lambda w: {str(RESULTS / "runs" / run): acceptable(run) for run in RUNS},
        datasets={
            str(DATA / f"{name}.h5"): made for name, made in STUDY.datasets.items()
        },
        code=code_of("train"),
    script:
        "../scripts/accept_training.py"
