import sys

# The planning code and the library sit beside the rules, with nothing to install.
sys.path[:0] = [str(Path(workflow.basedir) / "workflow" / p) for p in ("", "scripts")]

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from planning.fingerprint import SCRIPTS, code_fingerprint
from planning.identity import accepted_code, announcement, to_retrain, training_identity
from planning.study import read_study
from planning.summary import summary
from sgdwalk.errors import InputError


def said_in_one_line(function, *arguments):
    try:
        return function(*arguments)
    except InputError as error:
        raise WorkflowError(str(error)) from None


STUDY = said_in_one_line(read_study, config, Path(workflow.configfiles[-1]).stem)
RUNS = sorted(STUDY.runs)
MAIN_RUN = next(
    iter(STUDY.runs)
)  # the first of the study: figures of a single run show it
DATA = Path("results/data")
RESULTS = Path("results") / STUDY.name
TABLES = RESULTS / "tables"
RUN = RESULTS / "runs" / "{run}"
LOGS = RESULTS / "logs"


wildcard_constraints:
    run="|".join(map(re.escape, RUNS)),
    dataset=r"[A-Za-z0-9._-]+",
    format="pdf|png",


def code(script):
    """Fingerprint of a script's code: a job runs again when what it executes has changed."""
    return said_in_one_line(code_fingerprint, SCRIPTS / f"{script}.py")


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
