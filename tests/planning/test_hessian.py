"""Which Hessians a study plans: of which runs, at which steps, with how much of each."""

import pytest

from planning.hessian import read_hessians
from planning.study import read_study
from sgdwalk.errors import InputError
from sgdwalk.training.checkpoint_steps import checkpoint_steps


def plan(checkpoints=8, **hessian):
    config = {
        "grids": [{"model": ["resnet14", "resnet20"], "steps": 2000}],
        "recording": {"checkpoints": checkpoints},
        "hessian": hessian,
    }
    study = read_study(config, "test")
    return read_hessians(study.config["hessian"], study.runs), list(study.runs)


def test_checkpoints_are_spread_logarithmically_or_as_chosen():
    assert checkpoint_steps(8, 2000) == [0, 2, 8, 25, 76, 227, 675, 2000]
    assert checkpoint_steps(5, 3) == [0, 1, 2, 3]
    assert checkpoint_steps([70, 5, 9000], 300) == [0, 5, 70, 300]


def test_the_first_run_by_default_with_density_at_three_checkpoints():
    hessians, (first, second) = plan()
    assert hessians.runs == [first]
    assert hessians.steps[second] == checkpoint_steps(8, 2000)
    assert hessians.density[first] == {0, 76, 2000}
    assert hessians.settings["top_k"] == 20
    assert not {"runs", "eigenvectors", "density_checkpoints"} & set(hessians.settings)


@pytest.mark.parametrize(
    ("count", "steps"),
    [(0, set()), (1, {2000}), (2, {0, 2000}), (3, {0, 70, 2000}), (5, {0, 5, 70, 300, 2000})],
)
def test_density_checkpoints(count, steps):
    hessians, runs = plan(checkpoints=[5, 70, 300], density_checkpoints=count)
    assert hessians.density[runs[0]] == steps


def test_more_densities_than_checkpoints_are_refused():
    message = "hessian.density_checkpoints: 9; allowed: at most 5, the checkpoints"
    with pytest.raises(InputError, match=message):
        plan(checkpoints=[5, 70, 300], density_checkpoints=9)
    assert plan(checkpoints=2)[0].density  # the default is no mistake of anybody's


def test_more_eigenvalues_than_parameters_are_refused():
    with pytest.raises(InputError, match=r"hessian.top_k: 10000000 \(and hessian.smallest: 3\)"):
        plan(top_k=10_000_000, smallest=3)


def test_runs_by_name():
    runs = plan()[1]
    assert plan(runs="all")[0].runs == runs
    assert plan(runs=runs[1:])[0].runs == runs[1:]
    assert plan(runs=[])[0].runs == []
    with pytest.raises(InputError, match="'al'; did you mean 'all'"):
        plan(runs="al")
    with pytest.raises(InputError, match=f"no run '{runs[0]}x'; did you mean '{runs[0]}'"):
        plan(runs=[f"{runs[0]}x"])


def test_no_more_samples_than_there_are():
    assert plan(samples=1437)[0].settings["samples"] == 1437
    assert plan(samples=None)[0].settings["samples"] is None
    with pytest.raises(InputError, match=r"hessian.samples: 1438; allowed: at most 1437"):
        plan(samples=1438)
