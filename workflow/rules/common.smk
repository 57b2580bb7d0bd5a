import sys
from functools import cache

# The planning code and the library sit beside the rules, with nothing to install.
sys.path[:0] = [str(Path(workflow.basedir) / "workflow" / p) for p in ("", "scripts")]

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from planning.fingerprint import SCRIPTS, Sources, code_fingerprint
from planning.identity import accepted_code, announcement, to_retrain, training_identity
from planning.own_code import own_files
from planning.study import read_study
from planning.summary import summary
from sgdwalk.datasets.names import FETCHED, is_file
from sgdwalk.errors import InputError
from sgdwalk.user_code import is_factory


def said_in_one_line(function, *arguments):
    try:
        return function(*arguments)
    except InputError as error:
        raise WorkflowError(str(error)) from None


STUDY = said_in_one_line(read_study, config, Path(workflow.configfiles[-1]).stem)
RUNS = sorted(STUDY.runs)
# The first of the study: figures of a single run show it.
MAIN_RUN = next(iter(STUDY.runs))
DATA = Path("results/data")
RESULTS = Path("results") / STUDY.name
TABLES = RESULTS / "tables"
RUN = RESULTS / "runs" / "{run}"
LOGS = RESULTS / "logs"


wildcard_constraints:
    run="|".join(map(re.escape, RUNS)),
    dataset="|".join(map(re.escape, STUDY.datasets)),
    format="pdf|png",


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
    name = STUDY.datasets[wildcards.dataset]["dataset"]
    if name in FETCHED:
        return ancient(DATA / f"{name}.fetched")
    return name if is_file(name) else []


def dataset_factories(wildcards):
    name = STUDY.datasets[wildcards.dataset]["dataset"]
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


def job(kind, resource):
    """What a job asks for; one that is tried again, after its time limit perhaps, gets more time."""
    asked = STUDY.config["resources"][kind][resource]
    if resource == "runtime":
        return lambda wildcards, attempt: attempt * asked
    return asked


def figure(name):
    return [RESULTS / "figures" / f"{name}.{format}" for format in ("pdf", "png")]


def print_summary():
    """Say the exponents and where the figures are, unless only a part was asked for."""
    if not (TABLES / "exponents.csv").exists():
        return
    print(summary(STUDY.name, TABLES, RESULTS / "figures"), file=sys.stderr)
