"""Which runs a sweep figure compares, and the points it draws."""

from dataclasses import astuple
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from planning.study import read_study
from planning.sweeps import depth_and_batch, learning_rates, sketched
from sgdwalk.diffusion.published import published_exponents
from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.diffusion.sweep_points import sweep_points
from sgdwalk.fits.estimate import Estimate
from sgdwalk.networks.names import check_name


def run(model="resnet14", batch_size=128, learning_rate=0.1, seed=0, **others):
    return {
        "model": model,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "steps": 1000,
        "dataset": "digits",
        "dataset_options": {},
        "drop_last": False,
        **others,
    }


def chosen(select, runs):
    return select({str(number): settings for number, settings in enumerate(runs)})


def test_the_largest_set_that_differs_in_the_swept_settings_alone():
    runs = [
        run(steps=2000),
        run("resnet14_noshort", steps=2000),
        run(batch_size=64),
        run(),
        run("resnet20"),
        run(learning_rate=0.5),
        run(learning_rate=0.01),
        run(learning_rate=0.01, seed=1),
    ]
    assert chosen(depth_and_batch, runs) == ["2", "3", "4"]
    assert chosen(learning_rates, runs) == ["3", "5", "6", "7"]


def test_seeds_do_not_make_a_set_larger():
    runs = [run(seed=seed, steps=50) for seed in range(5)] + [run(), run(batch_size=64)]
    assert chosen(depth_and_batch, runs) == ["5", "6"]


def test_runs_of_as_many_epochs_are_compared_where_their_steps_differ():
    runs = [run(steps=120), run(steps=60, batch_size=256), run("vgg9")]
    assert chosen(depth_and_batch, runs) == ["0", "1"]
    runs += [run(model, steps=60) for model in ("resnet14", "resnet20", "resnet56")]
    assert chosen(depth_and_batch, runs) == ["1", "3", "4", "5"]
    runs = [  # passes of 5 and of 2 steps, where the last batch is left out
        run(batch_size=256, steps=50, drop_last=True),
        run(batch_size=512, steps=20, drop_last=True),
    ]
    assert chosen(depth_and_batch, [*runs, run("vgg9")]) == ["0", "1"]
    runs = [run(dataset="own.npz"), run(dataset="own.npz", batch_size=64)]
    assert chosen(depth_and_batch, runs) == ["0", "1"]


def test_other_networks_have_no_depth_to_compare():
    assert chosen(depth_and_batch, [run("fc3"), run("resnet14_nobatchnorm"), run("vit")]) == []
    assert chosen(learning_rates, [run("fc3")]) == ["0"]


def diffusion(starts, stride=1, length=500, diverged_at=None, sketch_error=None):
    windows = [
        SimpleNamespace(
            length=length,
            stride=stride,
            start=start,
            sketch_error=sketch_error,
            exponent_max=Estimate(1 + start / 1000, 1.0, 2.0),
            exponent_long=Estimate(0.5 + start / 1000, 0.4, 0.6),
            crossover_lag=Estimate(100.0 + start, 50.0, 200.0),
        )
        for start in starts
    ]
    return RunDiffusion(tuple(windows), None, {}, diverged_at)


def test_first_and_last_window_are_read_and_the_others_kept():
    (point,) = sweep_points([(run(), diffusion([0, 500, 1000]))])
    assert point.values["exponent_max"] == Estimate(1.0, 1.0, 2.0)
    assert point.values["exponent_long"] == Estimate(1.5, 0.4, 0.6)
    assert point.values["crossover_lag"] == Estimate(1100.0, 50.0, 200.0)
    assert point.others["exponent_max"].tolist() == [1.0, 1.5, 2.0]
    assert "seed" not in point.settings


def test_long_strides_are_not_read():
    windows = diffusion([0, 500]).windows + diffusion([0], stride=4, length=60).windows
    both = RunDiffusion(windows, None, {}, None)
    (point,) = sweep_points([(run(), both)])
    assert len(point.others["exponent_max"]) == 2


def test_windows_that_were_cut_are_read_where_none_was_recorded():
    cut = diffusion([0], length=60, sketch_error=0.1).windows
    both = RunDiffusion(cut + diffusion([0, 500]).windows, None, {}, None)
    (point,) = sweep_points([(run(), both)])
    assert point.others["exponent_max"].tolist() == [1.0, 1.5]
    (point,) = sweep_points([(run(), RunDiffusion(cut, None, {}, None))])
    assert point.others["exponent_max"].tolist() == [1.0]


def test_seeds_are_one_point_with_students_interval():
    starts = [0, 100, 400]
    runs = [(run(seed=i), diffusion([start])) for i, start in enumerate(starts)]
    (point,) = sweep_points(runs)
    assert point.seeds == 3
    found = np.array([1.0, 1.1, 1.4])
    low, high = stats.t.interval(0.95, 2, found.mean(), stats.sem(found))
    assert astuple(point.values["exponent_max"]) == pytest.approx((found.mean(), low, high))
    lags = np.log([100.0, 200.0, 500.0])
    ends = stats.t.interval(0.95, 2, lags.mean(), stats.sem(lags))
    assert astuple(point.values["crossover_lag"]) == pytest.approx(
        (np.exp(lags.mean()), *np.exp(ends)), rel=1e-9
    )


def test_a_run_without_windows_is_a_point_without_values():
    (point,) = sweep_points([(run(), diffusion([], diverged_at=7))])
    assert point.seeds == 0
    assert point.diverged_at == [7]
    assert np.isnan(astuple(point.values["exponent_max"])).all()


def test_published_values_are_the_papers():
    rows = published_exponents()
    assert len(rows) == 29
    for row in rows:
        check_name(row.model)
        assert 0.5 < row.values["exponent_long"] <= row.values["exponent_max"] <= 2
    by_batch = [row for row in rows if row.batch_size]
    assert {row.depth for row in by_batch} == {14, 20, 56, 110}
    assert all("crossover_lag" in row.values for row in by_batch)
    rates = [row.learning_rate for row in rows if not row.batch_size]
    assert rates == [0.001, 0.01, 0.05, 0.1, 0.5]


def in_one_space(*grids, sketch=64):
    """What `sketched` finds of a study, by place."""
    grids = [{"recording": {"sketch": sketch}, "steps": 600, **grid} for grid in grids]
    runs = read_study({"grids": grids}, "stem").runs
    return [list(runs).index(run) for run in sketched(runs, {})]


def test_two_sketched_runs_of_one_network_can_be_compared():
    pair = {"model": "fc3", "learning_rate": [0.1, 0.2]}
    assert in_one_space(pair) == [0, 1]
    assert in_one_space(pair, sketch=0) == []
    assert in_one_space({"model": ["fc3", "vgg9"]}) == []
    assert in_one_space({"model": ["fc3", "vgg9"]}, {"model": "vgg9", "seed": 1}) == [0, 1, 2]
    assert in_one_space({"model": "fc3"}, {**pair, "recording": {"sketch": 32}, "seed": 1}) == [
        *(0, 1, 2),
    ]


def test_runs_without_a_sketch_are_left_out():
    none = {"model": "fc3", "seed": 7, "recording": {}}
    assert in_one_space(none, {"model": "fc3", "seed": [0, 1]}) == [1, 2]
    assert in_one_space(none, {"model": "fc3"}) == []


def test_other_sketches_inputs_and_classes_are_other_spaces():
    one = {"model": "fc3"}
    assert in_one_space(one, {**one, "seed": 1, "recording": {"sketch": 32}}) == []
    assert in_one_space(one, {**one, "dataset": "cifar10"}) == []
    cifar = {**one, "dataset": ["cifar10", "cifar100"]}
    assert in_one_space(cifar) == []
    alike = {**one, "dataset": ["mnist", "fashion_mnist"]}
    assert in_one_space(alike) == [0, 1]
    options = {"samples": 900, "test_samples": 10}
    gauss = {**one, "dataset": "gauss"}
    assert in_one_space({**one, "dataset": "cifar10"}, {**gauss, "dataset_options": options}) == [
        *(0, 1),
    ]
    shaped = {**gauss, "dataset_options": {"input_shape": [3, 8, 8]}}
    assert in_one_space(gauss, shaped) == []


def test_factories_are_told_apart_by_name_and_options(tmp_path, monkeypatch):
    (tmp_path / "own_things.py").write_text("def one(**options): ...\n\n\ndef other(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = {"model": "own_things:one", "model_options": {"width": 3}}
    assert in_one_space(own, {**own, "seed": 1}) == [0, 1]
    assert in_one_space(own, {**own, "model_options": {"width": 4}}) == []
    data = {"model": "fc3", "dataset": "own_things:one", "batch_size": 10}
    assert in_one_space(data, {**data, "seed": 1}) == [0, 1]
    assert in_one_space(data, {**data, "dataset": "own_things:other"}) == []
