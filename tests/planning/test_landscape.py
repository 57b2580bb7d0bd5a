"""The landscape section of a config: planes, steps and interpolations, and what is wrong in it."""

import pytest

from planning.landscape import read_landscapes
from planning.schema import complete, config_schema
from planning.study import read_study
from sgdwalk.errors import InputError

GRIDS = [
    {"model": "fc3", "steps": 600, "seed": [0, 1]},
    {"model": "resnet8", "steps": 600, "recording": {"checkpoints": [5, 100]}},
]
FIRST, SECOND, OTHER = (
    "fc3-digits-bs128-lr0.1-steps600-seed0",
    "fc3-digits-bs128-lr0.1-steps600-seed1",
    "resnet8-digits-bs128-lr0.1-steps600-seed0",
)


def plan(**section):
    study = read_study({"grids": GRIDS, "landscape": section}, "s")
    return read_landscapes(study.config["landscape"], study.runs)


def test_defaults_draw_the_last_checkpoint_of_the_first_run():
    found = plan()
    assert list(found.runs) == [FIRST]
    assert found.runs[FIRST].planes == {"random-600": 600, "pca": None}
    assert found.runs[FIRST].interpolations == [{"start": 0, "stop": 600, "run": FIRST}]
    assert found.runs[FIRST].other_runs == [FIRST]


def test_checkpoints_runs_and_seeds():
    found = plan(
        runs=[OTHER, FIRST],
        checkpoints=[0, "last"],
        interpolations=[],
    )
    assert list(found.runs) == [OTHER, FIRST]
    assert list(found.runs[OTHER].planes) == ["random-0", "random-600", "pca"]
    seeds = plan(interpolations=[{"start": "last", "stop": "last", "run": SECOND}])
    assert seeds.runs[FIRST].interpolations == [{"start": 600, "stop": 600, "run": SECOND}]
    assert plan(runs="all").runs.keys() == {FIRST, SECOND, OTHER}
    assert plan(runs=[]).runs == {}


def test_settings_of_planes_and_lines_do_not_hold_their_sizes():
    schema = config_schema()
    section = complete({}, schema["properties"]["landscape"], schema, "")
    left_out = set(section) - set(plan().settings)
    assert {"points", "line_points", "roughness_points", "tiles", "runs"} <= left_out


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"points": 24}, "landscape.points: 24; allowed: odd numbers"),
        ({"points": 3, "tiles": 10}, "at most the 9"),
        ({"runs": "frist"}, "did you mean 'first'"),
        ({"runs": [OTHER[:-1]]}, f"did you mean '{OTHER}'"),
        ({"checkpoints": [7]}, r"landscape.checkpoints\[0\]: 7; allowed: last, 0,"),
        ({"checkpoints": ["end"]}, "end; allowed: last"),
        ({"interpolations": [{"start": 0, "stop": 0}]}, "two different checkpoints"),
        ({"interpolations": [{"start": 0, "stop": "last", "run": OTHER}]}, "has model resnet8"),
        ({"interpolations": [{"start": 0, "stop": 1, "run": "x"}]}, "no run 'x'"),
        ({"interpolations": [{"start": 0}]}, "'stop' is missing"),
        ({"normalisation": "filters"}, "did you mean 'filter'"),
    ],
)
def test_wrong_sections(section, said):
    with pytest.raises(InputError, match=said):
        plan(**section)
