"""What all rules share: the plan of the study, where files are, and what jobs ask for."""

import os
import sys
from functools import cache

# The planning code and the library sit beside the rules, with nothing to install.
sys.path[:0] = [str(Path(workflow.basedir) / "workflow" / p) for p in ("", "scripts")]

from snakemake.logging import logger
from planning.fingerprint import SCRIPTS, Sources, code_fingerprint
from planning.foreign import check_results
from planning.hessian import read_hessians
from planning.identity import accepted_code, announcement, to_retrain, training_identity
from planning.landscape import read_landscapes
from planning.own_code import own_files
from planning.study import datasets, read_study
from planning.summary import summary
from planning.sweeps import depth_and_batch, learning_rates, sketched
from planning.walker import read_walkers
from planning.walks import read_walks, spread_steps
from planning.yaml_keys import check_keys
from sgdwalk.datasets.names import FETCHED, is_file
from sgdwalk.errors import InputError
from sgdwalk.user_code import is_factory


def said_in_one_line(function, *arguments):
    """What a function returns; what it has to say against its input is the end, without more."""
    try:
        return function(*arguments)
    except InputError as error:
        raise SystemExit(str(error)) from None


# The plan of the study.
if workflow.is_main_process:
    said_in_one_line(check_keys, workflow.configfiles)
STUDY = said_in_one_line(read_study, config, Path(workflow.configfiles[-1]).stem)
WALKS = said_in_one_line(read_walks, STUDY)
TRAINED = sorted(STUDY.runs)
SERIES = [walk for walk in WALKS if WALKS[walk].series]
RUNS = sorted([*STUDY.runs, *WALKS])
# Those whose networks and data are known; of others there is the walk alone.
WALKED_NETWORKS = {w: walk.network for w, walk in WALKS.items() if walk.network}
NETWORKS = {**STUDY.runs, **WALKED_NETWORKS}
SETTINGS = {run: NETWORKS[run].training if run in NETWORKS else {} for run in RUNS}
DATASETS = datasets(NETWORKS.values())
ENSEMBLES = STUDY.ensembles
HESSIANS = said_in_one_line(read_hessians, STUDY.config["hessian"], NETWORKS)
LANDSCAPES = said_in_one_line(read_landscapes, STUDY.config["landscape"], NETWORKS)
WALKERS = said_in_one_line(read_walkers, STUDY.config["walker"])
TRAININGS = {run: chosen.training for run, chosen in STUDY.runs.items()}
DEPTHS_AND_BATCHES = depth_and_batch(TRAININGS)
LEARNING_RATES = learning_rates(TRAININGS)
# Where gradients are known: along the walk, or at its weights.
OF_GRADIENTS = [run for run in RUNS if run not in SERIES or run in NETWORKS]
SKETCHED = sketched(STUDY.runs, {run: NETWORKS.get(run) for run in SERIES})
# In what those may differ, and further steps at which they are looked at.
SKETCHED_SETTINGS = {
    run: (
        {"walk": run, "steps": WALKS[run].series[-1].step}
        if run in SERIES
        else SETTINGS[run]
    )
    for run in SKETCHED
}
STEPS_OF_SERIES = spread_steps(WALKS[run].series for run in SERIES)
# Runs of which groups of parameter tensors are recorded.
GROUPED = [run for run in TRAINED if STUDY.runs[run].grouped]
# The first of the study: figures of a single run show it. Some show the second beside it, which is
# the same where there is no other.
MAIN_RUN, *OTHER_RUNS = [*STUDY.runs, *WALKS]
MAIN_OF_GRADIENTS = next((r for r in [MAIN_RUN, *OTHER_RUNS] if r in OF_GRADIENTS), "")
SECOND_RUN = OTHER_RUNS[0] if OTHER_RUNS else MAIN_RUN
# Where the walk has had most time: the first of those with the most steps.
LONGEST_RUN = max(
    STUDY.runs or [MAIN_RUN], key=lambda run: SETTINGS[run].get("steps", 0)
)

# Where files are.
DATA = Path("results/data")
RESULTS = Path("results") / STUDY.name
TABLES = RESULTS / "tables"
LOGS = RESULTS / "logs"
RUN = RESULTS / "runs" / "{run}"
MAIN = RESULTS / "runs" / MAIN_RUN
HESSIAN = RUN / "hessian" / "{step}.h5"
VECTORS = RUN / "hessian" / "{step}.eigenvectors.h5"
TILE = RUN / "landscape_tile" / "{plane}-{tile}.h5"
LINES = RUN / "landscape_lines.h5"
LANDSCAPE = RUN / "landscape.h5"
VTK = RUN / "landscape" / "{plane}.vtk"
ENSEMBLE = RESULTS / "ensembles" / "{ensemble}.h5"
WALKER = RESULTS / "walker" / "{terrain}.h5"
SWEEP = RESULTS / "walker" / "sweeps" / "{sweep}.h5"


def one_of(names):
    """A wildcard that is one of some names, and never any other."""
    return "|".join(map(re.escape, names)) or "none"


wildcard_constraints:
    run=one_of(RUNS),
    walk=one_of(WALKS),
    dataset=one_of(DATASETS),
    ensemble=one_of(ENSEMBLES),
    step=r"\d+",
    plane=r"random-\d+|pca",
    tile=r"\d+",
    terrain=one_of(WALKERS.ensembles),
    sweep=one_of(WALKERS.sweeps),


def walk_figure(name):
    """Of each walk from elsewhere."""
    folder = RESULTS / "figures" / "walks" / "{walk}"
    return [folder / f"{name}.{format}" for format in ("pdf", "png")]


def figure(name):
    return [RESULTS / "figures" / f"{name}.{format}" for format in ("pdf", "png")]


# What each subject adds to a study; nothing where the config asks for none of it.
DIFFUSION_RESULTS = [
    TABLES / "exponents.csv",
    [TABLES / "groups.csv"] if GROUPED else [],
    figure("fig2_superdiffusion"),
    figure("fig_longest_run"),
    figure("figS1_long_lags"),
]
GRADIENTS_RESULTS = (
    [TABLES / "tails.csv", figure("fig5_gradients")] if OF_GRADIENTS else []
)
GEOMETRY_RESULTS = [
    TABLES / "geometry.csv",
    TABLES / "components.csv",
    [TABLES / "ensembles.csv"] if ENSEMBLES else [],
    figure("fig3_fractal_landscape"),
    figure("fig_avalanches") if MAIN_RUN not in SERIES else [],
    figure("fig_walk_anatomy"),
]
HESSIAN_RESULTS = [
    expand(RUN / "hessian.h5", run=HESSIANS.runs),
    figure("figS2_hessian") if HESSIANS.runs else [],
]
LANDSCAPE_RESULTS = [
    *(expand(VTK, run=run, plane=plan.planes) for run, plan in LANDSCAPES.runs.items()),
    figure("fig_loss_surface") if LANDSCAPES.runs else [],
]
SWEEP_RESULTS = [
    # of residual networks
    figure("figS3_depth_and_batch") if DEPTHS_AND_BATCHES else [],
    figure("figS4_learning_rate") if LEARNING_RATES else [],
    [TABLES / "run_distances.csv", figure("fig_run_distances")] if SKETCHED else [],
]
# Of each walk from elsewhere the figures that a study draws of its first run, and all together.
SHOWN_WITH_WALKS = [*list(STUDY.runs)[:1], *WALKS]
WALK_FIGURES = ["fig2_superdiffusion", "fig3_fractal_landscape", "fig_walk_anatomy"]
WALKS_RESULTS = [
    [expand(walk_figure(name), walk=WALKS) for name in WALK_FIGURES],
    expand(walk_figure("fig5_gradients"), walk=[w for w in WALKS if w in OF_GRADIENTS]),
    figure("fig_walks") if WALKS else [],
]
WALKER_RESULTS = [
    [TABLES / "walker.csv", figure("fig4_walker")] if WALKERS.ensembles else [],
    figure("fig_walker_phase") if WALKERS.ensembles and WALKERS.sweeps else [],
]

# The first picture comes first: what is on the way to it goes before all else.
FIRST = 10


def first_run(wildcards):
    return FIRST if wildcards.run == MAIN_RUN else 0


SOURCES = Sources()


@cache
def code(script, factories=()):
    """Fingerprint of a script's code: a job runs again when what it executes has changed."""
    path = SCRIPTS / f"{script}.py"
    return said_in_one_line(
        lambda: code_fingerprint(path, own_files(factories), SOURCES)
    )


def code_of(script, factories=lambda wildcards: ()):
    """The same as a param, for the jobs that are planned.

    A rule that calls factories of the user's passes what names them, and as its param too.
    """
    return lambda wildcards: code(script, tuple(factories(wildcards)))


def factories(wildcards):
    run = wildcards.run
    return NETWORKS[run].factories if run in NETWORKS else []


def trajectory(run):
    """The record of a run; of a walk from elsewhere the recorder's own file, which is only read."""
    source = WALKS[run].trajectory if run in WALKS else None
    return source or str(RUN / "trajectory.h5").format(run=run)


def trajectory_of(wildcards):
    return trajectory(wildcards.run)


def noise_of(wildcards):
    """Noise at fixed weights, where there are weights: not of a walk whose network is unknown."""
    return RUN / "noise.h5" if wildcards.run in NETWORKS else []


def looked_at(walk):
    """Step and files of the checkpoints at which a walk's network is looked at."""
    return WALKS[walk].said(NETWORKS[walk].checkpoint_steps)


def dataset_of(wildcards):
    return DATA / f"{NETWORKS[wildcards.run].dataset}.h5"


def dataset_files(wildcards):
    """What a dataset is made of: fetched files, or one of the user's."""
    name = DATASETS[wildcards.dataset]["dataset"]
    if name in FETCHED:
        return ancient(DATA / f"{name}.fetched")
    return name if is_file(name) else []


def dataset_factories(wildcards):
    name = DATASETS[wildcards.dataset]["dataset"]
    return [name] if is_factory(name) else []


def training_code(run):
    """Fingerprint of the training code, or the older one it was declared to equal."""
    return accepted_code(
        RESULTS / "runs" / run, code("train", tuple(STUDY.runs[run].factories))
    )


def identity(run):
    chosen = STUDY.runs[run]
    return training_identity(
        chosen.training.said, chosen.recording.said, training_code(run)
    )


def acceptable(run):
    """What is declared of a run: its settings, those that are not the default, and its code."""
    chosen = STUDY.runs[run]
    return {
        "settings": {"training": chosen.training, "recording": chosen.recording},
        "said": {"training": chosen.training.said, "recording": chosen.recording.said},
        "code": code("train", tuple(chosen.factories)),
    }


def job(kind, resource):
    """What a job asks for; one that is tried again, killed at a limit perhaps, asks for more."""
    asked = STUDY.config["resources"][kind][resource]
    if resource == "runtime":
        return lambda wildcards, attempt: attempt * asked
    if resource == "mem_mb":
        return lambda wildcards, attempt: int(1.5 ** (attempt - 1) * asked)
    return asked


def print_summary():
    """Say the exponents and where the figures are, unless only a part was asked for."""
    if not (TABLES / "exponents.csv").exists():
        return
    print(summary(STUDY.name, TABLES, RESULTS / "figures"), file=sys.stderr)


if workflow.is_main_process:
    for warning in STUDY.warnings:
        logger.warning(warning)
    for run in RUNS:
        said_in_one_line(check_results, RESULTS / "runs" / run, run)
    again = [
        run for run in TRAINED if to_retrain(RESULTS / "runs" / run, identity(run))
    ]
    if again:
        named = os.path.relpath(workflow.configfiles[-1])
        logger.warning(announcement(again, named))
