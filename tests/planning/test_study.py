"""Configs: grids become runs, and whatever is wrong is said in one line."""

import copy
import math

import numpy as np
import pytest
from workflow_copy import ROOT

from planning.hessian import read_hessians
from planning.identity import training_identity
from planning.schema import config_schema
from planning.study import datasets, read_study
from planning.yaml_keys import check_keys
from sgdwalk.errors import InputError
from sgdwalk.training import optimizers
from sgdwalk.training.epochs import SAMPLINGS

MINIMAL = {"grids": [{"model": "resnet14"}]}


def study(**changes):
    return read_study({**copy.deepcopy(MINIMAL), **changes}, "stem")


def refused(match, **changes):
    with pytest.raises(InputError, match=match) as error:
        study(**changes)
    assert "\n" not in str(error.value)


def test_a_minimal_study_is_one_run_with_the_schema_defaults():
    result = study()
    assert result.name == "stem"
    assert list(result.runs) == ["resnet14-digits-bs128-lr0.1-seed0"]
    (run,) = result.runs.values()
    assert run.training["steps"] == 2000
    assert run.recording["windows"] == [{"length": 500, "stride": 1}]


def test_lists_multiply():
    grid = {"model": ["resnet14", "fc3"], "learning_rate": [0.1, 0.01], "seed": [0, 1, 2]}
    assert len(study(grids=[grid]).runs) == 12


def test_defaults_may_be_lists_and_grids_override_them():
    result = study(defaults={"seed": [0, 1], "batch_size": 64}, grids=[{"model": "fc3", "seed": 5}])
    assert list(result.runs) == ["fc3-digits-bs64-lr0.1-seed5"]
    assert len(study(defaults={"seed": [0, 1]}).runs) == 2


def test_the_same_run_in_two_grids_is_one_run():
    grids = [{"model": "fc3", "seed": [0, 1]}, {"model": ["fc3", "resnet14"]}]
    assert len(study(grids=grids).runs) == 3


def test_a_name_does_not_depend_on_what_else_the_study_varies():
    alone = study(grids=[{"model": "fc3", "steps": 600}]).runs
    among = study(grids=[{"model": "fc3", "steps": [600, 700], "learning_rate": [0.1, 1]}]).runs
    assert set(alone) < set(among)
    assert "fc3-digits-bs128-lr1-steps700-seed0" in among


def test_every_other_key_that_is_not_the_default_is_in_the_name_sorted():
    (name,) = study(grids=[{"model": "fc3", "steps": 600, "augment": False, "seed": 3}]).runs
    assert name == "fc3-digits-bs128-lr0.1-augment_false-steps600-seed3"


@pytest.mark.parametrize("value", ["1e-3", 0.001, "0.001"])
def test_numbers_that_yaml_reads_as_strings_are_numbers(value):
    (run,) = study(grids=[{"model": "fc3", "learning_rate": value}]).runs.values()
    assert run.training["learning_rate"] == 0.001
    assert run.id == "fc3-digits-bs128-lr0.001-seed0"


def test_strings_from_the_command_line_are_coerced_in_nested_sections_too():
    result = study(diffusion={"signs": "60"}, recording={"weights": "true"})
    assert result.config["diffusion"]["signs"] == 60
    (run,) = result.runs.values()
    assert run.recording["weights"] is True


def test_one_and_one_point_zero_are_the_same_run():
    runs = [study(grids=[{"model": "fc3", "learning_rate": v}]).runs for v in (1, 1.0)]
    assert runs[0] == runs[1]


def test_a_grid_may_record_differently_but_not_the_same_run_twice():
    long = {"windows": [{"length": 100}]}
    result = study(grids=[{"model": "fc3", "recording": long}, {"model": "resnet14"}])
    lengths = [run.recording["windows"][0]["length"] for run in result.runs.values()]
    assert lengths == [100, 500]
    refused(
        "other recording settings", grids=[{"model": "fc3", "recording": long}, {"model": "fc3"}]
    )


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"gridz": []}, r"unknown key 'gridz'; did you mean 'grids'\?"),
        ({"grids": []}, "config: neither grids nor walks; allowed: one item at least"),
        ({"grids": [{"modle": "fc3"}]}, r"grids\[0\]: unknown key 'modle'; did you mean 'model'\?"),
        ({"grids": [{"batch_size": 4}]}, r"grids\[0\]: key 'model' is missing"),
        ({"defaults": {"sed": 1}}, r"defaults: unknown key 'sed'; did you mean 'seed'\?"),
        (
            {"grids": [{"model": "fc3", "dataset": "digit"}]},
            r"grids\[0\].dataset: 'digit'; did you mean 'digits'\?",
        ),
        (
            {"grids": [{"model": "fc3", "learning_rate": -1}]},
            r"grids\[0\].learning_rate: -1.0; allowed: a number above 0",
        ),
        (
            {"grids": [{"model": "fc3", "batch_size": 2.5}]},
            r"batch_size: 2.5; allowed: an integer of at least 1",
        ),
        (
            {"grids": [{"model": "fc3", "batch_size": "many"}]},
            r"batch_size: 'many'; allowed: an integer",
        ),
        ({"grids": [{"model": "fc3", "seed": []}]}, r"grids\[0\].seed: an empty list"),
        (
            {"grids": [{"model": "fc3", "steps": 100}]},
            "takes 500 steps, and no run has more than 100",
        ),
        ({"grids": [{"model": "restnet14"}]}, r"did you mean 'resnet14'\?"),
        ({"grids": [{"model": "resnet15"}]}, r"grids\[0\].model: .*resnet15"),
        ({"recording": {"window": 3}}, r"unknown key 'window'; did you mean 'windows'\?"),
        (
            {"recording": {"windows": [{"length": 5}]}},
            r"recording.windows\[0\].length: 5; allowed: an integer of at least 10",
        ),
        (
            {"recording": {"windows": []}},
            r"grids\[0\].recording: neither windows nor a sketch; allowed: one of",
        ),
        ({"recording": {"sketch": -1}}, r"recording.sketch: -1; allowed: an integer of at least 0"),
        (
            {"recording": {"sketch": 8}},
            r"grids\[0\].recording.sketch: 8; allowed: 0 for none, or 16",
        ),
        (
            {"recording": {"groups": {"a": 3}}},
            r"recording.groups.a: 3; allowed: a pattern of names of parameter tensors, or a list",
        ),
        ({"recording": {"groups": ["*"]}}, r"recording.groups: .*; allowed: the name of each"),
        (
            {"diffusion": {"windows": [{"length": 19}]}},
            r"diffusion.windows\[0\].length: 19; allowed: an integer of at least 20",
        ),
        (
            {"diffusion": {"windows": [{"length": 50, "stride": 0}]}},
            r"diffusion.windows\[0\].stride: 0; allowed: an integer of at least 1",
        ),
        (
            {"diffusion": {"windows": [{"length": 50, "start": -1}]}},
            r"diffusion.windows\[0\].start: -1; allowed: an integer or nothing .* of at least 0",
        ),
        (
            {"diffusion": {"windows": [{"length": 50, "begin": 1}]}},
            r"diffusion.windows\[0\]: unknown key 'begin'",
        ),
        ({"diffusion": {"windows": [{"stride": 2}]}}, r"diffusion.windows\[0\].*length"),
        ({"diffusion": {"windows": 3}}, r"diffusion.windows: 3; allowed: a list of"),
        ({"study": "a/b"}, r"study: 'a/b'; allowed: letters"),
        ({"resources": {"device": "gpu"}}, r"resources.device: 'gpu'; .*allowed: auto, cpu, cuda"),
        ({"resources": {"train": {"gpus": 1}}}, r"resources.train: unknown key 'gpus'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(changes, match):
    refused(match, **changes)


def test_a_sketch_takes_the_place_of_windows():
    (run,) = study(recording={"windows": [], "sketch": 64}).runs.values()
    assert run.windows == []
    short = [{"model": "fc3", "steps": 100}]  # of the default windows of 500 positions
    (run,) = study(grids=short, recording={"sketch": 64}).runs.values()
    assert run.windows == []
    for grid in ({"model": "fc3", "recording": {"windows": []}}, {"model": "fc3", "steps": 100}):
        refused("allowed: (one of|windows that fit)", grids=[grid])


WRONG = [
    ({"grids": [{"model": "fc3", "learning_rate": math.nan}]}, "learning_rate: nan"),
    ({"grids": [{"model": "fc3", "learning_rate": math.inf}]}, "learning_rate: inf"),
    ({"grids": [{"model": "fc3", "learning_rate": "nan"}]}, "learning_rate: nan"),
    ({"grids": [{"model": "fc3", "learning_rate": 0}]}, "learning_rate: 0"),
    ({"grids": [{"model": "fc3", "learning_rate": []}]}, "learning_rate: an empty list"),
    ({"walker": {"noise": math.nan}}, "walker.noise: nan; allowed: a finite number"),
    ({"grids": [{"model": "fc3", "dataset_options": {"a": [math.inf]}}]}, r"a\[0\]: inf"),
    ({"recording": {"windows": [{"length": 50}] * 2}}, r"recording.windows\[1\]: .*once"),
    ({"recording": {"windows": [{"length": 50}, {"length": 50, "stride": 1}]}}, r"every family"),
    ({"recording": {"checkpoints": [10, 2001]}}, "checkpoints: 2001; allowed: at most 2000"),
    ({"recording": {"checkpoints": [10, 10]}}, "checkpoints: 10 twice"),
    ({"recording": {"probe": 10_000}}, "probe: 10000; allowed: at most 1437"),
    ({"hessian": {"samples": 10_000}}, "hessian.samples: 10000; allowed: at most 1437"),
    ({"study": ""}, "study: ''; allowed: letters"),
    ({"study": "x" * 181}, "study: a name of 181 characters; allowed: at most 180"),
    ({"grids": [{"model": "os:system"}]}, "'os' is of Python's own library"),
    ({"grids": [{"model": "builtins:dict"}]}, "'builtins' is of Python's own library"),
    ({"grids": [{"model": "fc3", "dataset": "os.path:join"}]}, "'os' is of Python's own library"),
]


@pytest.mark.parametrize(("changes", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_makes_no_sense_is_refused(changes, said):
    with pytest.raises(InputError, match=said) as error:
        read_hessians(study(**changes).config["hessian"], study(**changes).runs)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, 0, -1, [], "fast", [0.1, 0]])
def test_defaults_are_checked_though_every_grid_overrides_them(value):
    grids = [{"model": "fc3", "learning_rate": 0.1}]
    refused("defaults.learning_rate", defaults={"learning_rate": value}, grids=grids)
    refused("defaults: unknown key 'speed'", defaults={"speed": 3}, grids=grids)


def test_defaults_may_be_many_lists_of_a_setting_that_is_a_list():
    defaults = {"schedule": "step", "milestones": [[0.5], [0.25, 0.75]]}
    milestones = [run.training["milestones"] for run in study(defaults=defaults).runs.values()]
    assert milestones == [[0.5], [0.25, 0.75]]
    (run,) = study(defaults={**defaults, "milestones": [0.25, 0.75]}).runs.values()
    assert run.training["milestones"] == [0.25, 0.75]


def test_what_is_possible_and_may_be_a_mistake_is_said():
    assert study().warnings == []
    grids = [{"model": "fc3", "steps": steps} for steps in (100, 2000)]
    (line,) = study(grids=grids).warnings
    assert "steps100-seed0: its 100 steps are fewer than every window" in line
    assert study(grids=grids, recording={"sketch": 64}).warnings == []  # a family that fits some
    windows = [{"length": 500}, {"length": 500, "stride": 10}]
    (line,) = study(recording={"windows": windows}).warnings
    assert "{'length': 500, 'stride': 10} takes 4991 steps, more than any run" in line
    (line,) = study(grids=grids, recording={"sketch": 64, "checkpoints": [50, 1000]}).warnings
    assert line == "recording.checkpoints: 1000 is beyond the last step of 1 runs"


@pytest.mark.parametrize(
    "text", ["study: a\nstudy: b\n", "a: {b: 1, c: 2, b: 3}\n", "a:\n- {x: 1}\n- {y: 1, y: 2}\n"]
)
def test_keys_that_stand_twice_are_refused_with_their_lines(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"{path}, line \d: key '\w+' is there already, in line"):
        check_keys([path])


def test_keys_of_other_mappings_and_merged_ones_may_be_the_same(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: [{x: 1}, {x: 1}]\n")
    check_keys([path, *sorted((ROOT / "studies").glob("*.yaml")), ROOT / "config.yaml"])
    path.write_text("a: [1, 2\n")  # no YAML: Snakemake says what is wrong
    check_keys([path])


def test_groups_are_of_the_recording_and_not_of_the_name():
    groups = {"stem": "stem.*", "all": ["*.weight", "*.bias"]}
    (plain,), (grouped,) = study().runs.values(), study(recording={"groups": groups}).runs.values()
    assert grouped.id == plain.id
    assert grouped.recording.said == {"groups": groups}
    assert (plain.grouped, grouped.grouped) == (False, True)
    (each,) = study(recording={"layer_grams": True}).runs.values()
    assert each.grouped
    said = [run.recording.said for run in (plain, grouped, each)]
    assert len({training_identity(plain.training.said, r, "code") for r in said}) == 3
    assert plain.recording.said == {}
    assert study(recording={"groups": {}, "sketch": 0}).runs[plain.id].recording.said == {}


def test_windows_that_are_cut_later_are_no_part_of_a_run():
    chosen = [{"length": 60}, {"length": 50, "stride": 4, "start": 10}]
    result = study(diffusion={"windows": chosen})
    assert result.runs == study().runs
    assert result.config["diffusion"].said == {"windows": chosen}
    assert result.config["diffusion"]["windows"] == [
        {"length": 60, "stride": 1, "start": None},
        {"length": 50, "stride": 4, "start": 10},
    ]


def test_every_key_of_the_schema_is_described():
    def undescribed(schema, path):
        for key, inner in schema.get("properties", {}).items():
            if "description" not in inner and "$ref" not in inner:
                yield f"{path}.{key}"
            yield from undescribed(inner, f"{path}.{key}")

    schema = config_schema()
    parts = [("", schema), *schema["$defs"].items()]
    assert [key for name, part in parts for key in undescribed(part, name)] == []


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"nesterov": True}, r"grids\[0\]\.nesterov: True; allowed with momentum above 0 alone"),
        ({"optimizer": "adam", "momentum": 0.9}, r"momentum: 0.9; allowed with optimizer 'adam'"),
        ({"optimizer": "adams"}, r"optimizer: 'adams'; did you mean 'adam'\?"),
        ({"momentum": 1}, r"momentum: 1.0; allowed: a number"),
        ({"warmup": 2000}, r"warmup: 2000; allowed: 0 to 1999"),
        ({"schedule": "step"}, r"milestones: \[\]; allowed with schedule 'step': fractions"),
        ({"milestones": [0.5]}, r"milestones: \[0.5\]; allowed with schedule 'constant': none"),
        (
            {"schedule": "step", "milestones": [0.5, 0.5]},
            r"milestones: \[0.5, 0.5\]; allowed: increasing fractions",
        ),
        (
            {"schedule": "step", "milestones": [500]},
            r"milestones\[0\]: 500.0; allowed: a number above 0, below 1",
        ),
        ({"decay": 0.5}, r"decay: 0.5; allowed with schedule 'step' alone"),
        (
            {"gradient_clip": 0},
            r"gradient_clip: 0.0; allowed: a number or nothing \(null\) above 0",
        ),
        ({"loss": "squared"}, r"loss: 'squared'.*allowed: cross_entropy, mse"),
        ({"steps": 600, "epochs": 3}, r"steps 600 and epochs 3; allowed: one of them"),
        ({"epochs": 3, "dataset": "mine.npz"}, r"epochs: 3; the size of dataset 'mine.npz' is not"),
        ({"batch_size": 1438}, r"batch_size: 1438; allowed: at most 1437, the training samples"),
        (
            {"batch_size": 1438, "drop_last": True, "epochs": 3},
            r"batch_size: 1438; allowed: at most 1437, the training samples",
        ),
        ({"batch_size": 1438, "sampling": "replacement"}, r"batch_size: 1438; allowed: at most"),
        ({"sampling": "replacment"}, r"sampling: 'replacment'; did you mean 'replacement'\?"),
        ({"drop_last": 1}, r"drop_last: 1; allowed: a boolean"),
        ({"model": "mlp1_100"}, r"model 'mlp1_100': it needs two layers or more"),
        ({"model": "mpl3_100"}, r"did you mean 'mlp3_100'\?"),
        ({"model": "alex"}, r"grids\[0\]\.model: model 'alex' cannot take images of 8x8 pixels"),
        ({"model": "resnet_mnist", "dataset": "cifar10"}, r"one channel, not 3"),
        ({"model": "vgg9", "batch_size": 4}, r"batch_size: 4; allowed for vgg9"),
        ({"model_options": {"width": 3}}, r"fc3 takes no options"),
        ({"model": "nowhere_at_all:make"}, r"no module 'nowhere_at_all'"),
        ({"dataset_options": {"samples": 3}}, r"dataset 'digits' takes no options"),
        ({"dataset": "gauss", "dataset_options": {"sample": 3}}, r"did you mean 'samples'\?"),
        ({"dataset": "gauss", "dataset_options": {"samples": 0}}, r"samples: 0; allowed"),
        ({"dataset_seed": 1}, r"dataset_seed: 1; allowed: 0"),
        ({"label_corruption": 1.5}, r"label_corruption: 1.5; allowed"),
    ],
)
def test_settings_that_make_no_sense_together_stop_in_one_line(settings, match):
    refused(match, grids=[{"model": "fc3", **settings}])


def test_gpus_have_samples_to_share():
    refused("at least 4, a sample", resources={"train": {"gpu": 4}}, defaults={"batch_size": 2})
    refused("allowed with resources.device cpu", resources={"train": {"gpu": 2}, "device": "cpu"})


def test_a_run_has_one_name_by_steps_and_by_epochs():
    by_epochs = study(grids=[{"model": "fc3", "epochs": 60}]).runs
    by_steps = study(grids=[{"model": "fc3", "steps": 60 * 12}]).runs
    assert by_epochs == by_steps
    assert list(by_epochs) == ["fc3-digits-bs128-lr0.1-steps720-seed0"]


def test_a_length_in_a_grid_is_instead_of_the_default_one():
    runs = study(defaults={"steps": 900}, grids=[{"model": "fc3", "epochs": 60}]).runs
    assert [run.training["steps"] for run in runs.values()] == [720]


def test_epochs_count_the_batches_that_are_drawn():
    def steps(**settings):
        recording = {"windows": [{"length": 100}]}
        grids = [{"model": "fc3", "epochs": 60, **settings}]
        (run,) = study(grids=grids, recording=recording).runs.values()
        return run.training["steps"]

    assert steps(drop_last=True) == 60 * 11
    assert steps(sampling="replacement") == 60 * 12
    assert steps(sampling="replacement", drop_last=True) == 60 * 11
    assert steps(batch_size=1437 // 3) == steps(batch_size=1437 // 3, drop_last=True) == 60 * 3


def test_how_batches_are_drawn_is_in_the_name_where_it_is_not_the_default():
    def said(**settings):
        (run,) = study(grids=[{"model": "fc3", "steps": 600, **settings}]).runs.values()
        return run.id, repr(run.training)

    plain = said()
    assert plain[0] == "fc3-digits-bs128-lr0.1-steps600-seed0"
    assert said(drop_last=False, sampling="epochs") == plain
    full, shown = said(drop_last=True)
    assert full == "fc3-digits-bs128-lr0.1-drop_last_true-steps600-seed0"
    assert '"drop_last": true' in shown
    drawn, shown = said(sampling="replacement")
    assert drawn == "fc3-digits-bs128-lr0.1-sampling_replacement-steps600-seed0"
    assert '"sampling": "replacement"' in shown
    assert said(drop_last="true")[0] == full  # from the command line


def test_a_batch_of_one_is_refused_only_where_it_is_drawn():
    vgg9 = {"model": "vgg9", "batch_size": 4}
    for choice in ({"drop_last": True}, {"sampling": "replacement"}):
        assert len(study(grids=[{**vgg9, **choice}]).runs) == 1
        refused("batch_size: 1; allowed for vgg9", grids=[{**vgg9, **choice, "batch_size": 1}])


def test_epochs_count_the_batches_of_each_batch_size():
    runs = study(defaults={"dataset": "cifar10"}, grids=[{"model": "fc3", "epochs": 2}]).runs
    assert [run.training["steps"] for run in runs.values()] == [2 * 391]


def test_epochs_and_batch_sizes_of_an_own_file_are_checked(tmp_path):
    arrays = {"inputs": np.zeros((30, 1, 8, 8)), "labels": np.arange(30) % 3}
    path = tmp_path / "own.npz"
    np.savez(path, **{f"{part}_{k}": v for part in ("train", "test") for k, v in arrays.items()})
    own = {"model": "fc3", "dataset": str(path)}
    runs = study(grids=[{**own, "epochs": 300, "batch_size": 10}]).runs
    assert [run.training["steps"] for run in runs.values()] == [900]
    refused("batch_size: 31; allowed: at most 30", grids=[{**own, "batch_size": 31}])
    refused("alex' cannot take images", grids=[{**own, "batch_size": 3, "model": "alex"}])


def test_a_resource_keeps_the_defaults_of_its_section():
    resources = study(resources={"hessian": {"threads": 2}}).config["resources"]
    assert resources["hessian"] == {"threads": 2, "mem_mb": 4000, "runtime": 60, "gpu": 0}
    refused("resources.hessian.gpu: 2; .*at most 1", resources={"hessian": {"gpu": 2}})


def test_options_that_are_lists_are_one_value_and_lists_of_them_a_sweep():
    step = {"model": "fc3", "schedule": "step"}
    (name,) = study(grids=[{**step, "milestones": [0.5, 0.75]}]).runs
    assert name == "fc3-digits-bs128-lr0.1-milestones0.5_0.75-schedule_step-seed0"
    assert len(study(grids=[{**step, "milestones": [[0.5], [0.5, 0.75]]}]).runs) == 2


def npz(path):
    """A file of a dataset of eight points; its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"inputs": np.zeros((4, 3)), "labels": np.arange(4) % 2}
    np.savez(path, **{f"{part}_{k}": v for part in ("train", "test") for k, v in arrays.items()})
    return str(path)


def test_datasets_are_named_by_what_is_done_to_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grid = {"model": "fc3", "dataset": "data/a b.npz", "raw": True, "batch_size": 4}
    refused("dataset: no file 'data/a b.npz'", grids=[grid])
    npz(tmp_path / "data" / "a b.npz")
    gauss = {"samples": 2000, "scale": 4, "input_shape": [1, 8, 8]}
    result = study(
        grids=[
            {"model": "fc3", "label_corruption": [0, 0.5], "learning_rate": [0.1, 0.2]},
            {"model": "fc3", "dataset": "gauss", "dataset_options": gauss},
            grid,
        ]
    )
    found = datasets(result.runs.values())
    assert list(found) == [
        "digits",
        "digits-label_corruption0.5",
        "gauss-dataset_options_input_shape1_8_8+samples2000",  # scale 4 is the default
        "data.a.b.npz-raw_true",
    ]
    assert found["digits-label_corruption0.5"]["label_corruption"] == 0.5


def test_a_long_name_is_cut_and_stays_its_own(tmp_path):
    dataset = npz(tmp_path / ("x" * 150) / f"{'x' * 150}.npz")
    grid = {"model": "fc3", "dataset": dataset, "raw": [True, False], "batch_size": 4}
    names = list(study(grids=[grid]).runs)
    assert len(set(names)) == 2
    assert max(map(len, names)) < 200


def test_runs_that_differ_by_their_seed_alone_are_an_ensemble():
    grids = [
        {"model": "fc1", "steps": 600, "seed": [0, 1, 10]},
        {"model": "fc1", "steps": 700, "seed": 3},
        {"model": "fc2", "steps": 600, "seed": [1, 2]},
    ]
    ensembles = read_study({"grids": grids}, "study").ensembles
    assert list(ensembles) == ["fc1-digits-bs128-lr0.1-steps600", "fc2-digits-bs128-lr0.1-steps600"]
    assert [name[-6:] for name in ensembles["fc1-digits-bs128-lr0.1-steps600"]] == [
        "-seed0",
        "-seed1",
        "seed10",
    ]


@pytest.mark.parametrize(
    ("key", "names"), [("optimizer", optimizers.NAMES), ("sampling", SAMPLINGS)]
)
def test_names_of_the_schema_are_those_of_the_library(key, names):
    described = config_schema()["$defs"]["training"]["properties"][key]["enum"]
    assert set(described) == set(names)
