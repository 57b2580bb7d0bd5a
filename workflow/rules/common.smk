"""What all rules share: the plan of the study, where files are, and what jobs ask for."""

import os
import sys
from functools import cache

# The planning code and the library sit beside the rules, with nothing to install.
sys.path[:0] = [str(Path(workflow.basedir) / "workflow" / p) for p in ("", "scripts")]

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from planning.fingerprint import SCRIPTS, Sources, code_fingerprint
from planning.hessian import read_hessians
from planning.identity import accepted_code, announcement, to_retrain, training_identity
from planning.landscape import read_landscapes
from planning.own_code import own_files
from planning.study import read_study
from planning.summary import summary
from planning.sweeps import depth_and_batch, learning_rates, sketched
from planning.walker import read_walkers
from sgdwalk.datasets.names import FETCHED, is_file
from sgdwalk.errors import InputError
from sgdwalk.user_code import is_factory


def said_in_one_line(function, *arguments):
    try:
        return function(*arguments)
    except InputError as error:
        raise WorkflowError(str(error)) from None


# The plan of the study.
STUDY = said_in_one_line(read_study, config, Path(workflow.configfiles[-1]).stem)
RUNS = sorted(STUDY.runs)
TRAINED = {run: chosen.training for run, chosen in STUDY.runs.items()}
DATASETS = STUDY.datasets
ENSEMBLES = STUDY.ensembles
HESSIANS = said_in_one_line(read_hessians, STUDY.config["hessian"], STUDY.runs)
LANDSCAPES = said_in_one_line(read_landscapes, STUDY.config["landscape"], STUDY.runs)
WALKERS = said_in_one_line(read_walkers, STUDY.config["walker"])
DEPTHS_AND_BATCHES = depth_and_batch(TRAINED)
LEARNING_RATES = learning_rates(TRAINED)
SKETCHED = sketched(STUDY.runs)
# Runs of which groups of parameter tensors are recorded.
GROUPED = [run for run in RUNS if STUDY.runs[run].grouped]
# The first of the study: figures of a single run show it. Some show the second beside it, which is
# the same where there is no other.
MAIN_RUN = next(iter(STUDY.runs))
SECOND_RUN = list(STUDY.runs)[:2][-1]
# Where the walk has had most time: the first of those with the most steps.
LONGEST_RUN = max(STUDY.runs, key=lambda run: TRAINED[run]["steps"])

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


wildcard_constraints:
    run="|".join(map(re.escape, RUNS)),
    dataset="|".join(map(re.escape, DATASETS)),
    ensemble="|".join(map(re.escape, ENSEMBLES)) or "none",
    step=r"\d+",
    plane=r"random-\d+|pca",
    tile=r"\d+",
    terrain="|".join(map(re.escape, WALKERS.ensembles)) or "none",
    sweep="|".join(map(re.escape, WALKERS.sweeps)) or "none",


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
GRADIENTS_RESULTS = [TABLES / "tails.csv", figure("fig5_gradients")]
GEOMETRY_RESULTS = [
    TABLES / "geometry.csv",
    TABLES / "components.csv",
    [TABLES / "ensembles.csv"] if ENSEMBLES else [],
    figure("fig3_fractal_landscape"),
    figure("fig_avalanches"),
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
    figure("figS4_learning_rate"),
    [TABLES / "run_distances.csv", figure("fig_run_distances")] if SKETCHED else [],
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
    return STUDY.runs[wildcards.run].factories


def dataset_of(wildcards):
    return DATA / f"{STUDY.runs[wildcards.run].dataset}.h5"


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
    """What a job asks for; one that is tried again, after its time limit perhaps, gets more time."""
    asked = STUDY.config["resources"][kind][resource]
    if resource == "runtime":
        return lambda wildcards, attempt: attempt * asked
    return asked


def print_summary():
    """Say the exponents and where the figures are, unless only a part was asked for."""
    if not (TABLES / "exponents.csv").exists():
        return
    print(summary(STUDY.name, TABLES, RESULTS / "figures"), file=sys.stderr)


if workflow.is_main_process:
    again = [run for run in RUNS if to_retrain(RESULTS / "runs" / run, identity(run))]
    if again:
        named = os.path.relpath(workflow.configfiles[-1])
        logger.warning(announcement(again, named))
