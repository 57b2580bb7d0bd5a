"""Settings are told apart by what differs from their defaults, at any depth."""

import copy
import dataclasses
import pickle

from planning.identity import training_identity
from planning.schema import config_schema
from planning.settings import Settings
from planning.study import read_study
from sgdwalk.training.settings import TrainingSettings

GRID = {"grids": [{"model": "fc1", "steps": 600, "learning_rate": 0.05}]}


def run(**config):
    (found,) = read_study({**GRID, **config}, "study").runs.values()
    return found


def test_only_what_is_not_the_default_is_shown():
    training = run().training
    assert repr(training) == '{"learning_rate": 0.05, "model": "fc1", "steps": 600}'
    assert training["momentum"] == 0
    assert len(training) > 20


def test_a_value_that_stands_at_its_default_is_as_if_not_given():
    said = run(defaults={"momentum": 0, "batch_size": 128, "schedule": "constant"})
    assert repr(said.training) == repr(run().training)
    assert said.id == run().id


def test_runs_of_before_a_key_keep_their_identity():
    """Hashes of before there were `drop_last` and `sampling`."""
    grids = [{"model": "resnet14", "steps": 600, "batch_size": 64}, {"model": "fc3", "epochs": 60}]
    found = read_study({"grids": grids}, "study").runs
    assert {name: identity(run) for name, run in found.items()} == {
        "resnet14-digits-bs64-lr0.1-steps600-seed0": "a340e9a21d5bd6cd",
        "fc3-digits-bs128-lr0.1-steps720-seed0": "264aba49b61f53e9",
    }


def test_order_does_not_matter():
    one = read_study({"grids": [{"steps": 600, "model": "fc1"}]}, "study")
    other = read_study({"grids": [{"model": "fc1", "steps": 600}]}, "study")
    assert [repr(r.training) for r in one.runs.values()] == [
        repr(r.training) for r in other.runs.values()
    ]


def test_a_job_gets_a_plain_dict_of_all_of_them():
    training = run().training
    given = pickle.loads(pickle.dumps(training))
    assert type(given) is dict
    assert given == dict(training)


def test_defaults_inside_lists_are_left_out_too():
    recording = run(recording={"windows": [{"length": 100}, {"length": 50, "stride": 4}]}).recording
    assert recording.said == {"windows": [{"length": 100}, {"length": 50, "stride": 4}]}
    assert recording["windows"][0] == {"length": 100, "stride": 1}


def test_a_key_added_later_changes_neither_params_nor_identities(monkeypatch):
    before = run()
    schema = copy.deepcopy(config_schema())
    schema["$defs"]["training"]["properties"]["later"] = {"type": "boolean", "default": False}
    windows = schema["$defs"]["recording"]["properties"]["windows"]["items"]
    windows["properties"]["later"] = {"type": "integer", "default": 7}
    schema["properties"]["diffusion"]["properties"]["later"] = {"type": "number", "default": 0.5}
    for module in ("study", "walker"):
        monkeypatch.setattr(f"planning.{module}.config_schema", lambda: schema)
    after = run()
    assert after.training["later"] is False
    assert after.recording["windows"][0]["later"] == 7
    assert repr(after.training) == repr(before.training)
    assert repr(after.recording) == repr(before.recording)
    assert after.id == before.id
    assert identity(after) == identity(before)
    section = read_study(GRID, "study").config["diffusion"]
    assert section["later"] == 0.5
    assert repr(section) == "{}"
    # and away from its default it counts
    other = run(defaults={"later": True})
    assert identity(other) != identity(before)
    assert "later" in repr(other.training)


def identity(found):
    return training_identity(found.training.said, found.recording.said, "code")


def test_parts_of_a_section_leave_out_defaults_as_well():
    section = Settings({"a": 1, "b": 2}, {"properties": {"a": {"default": 1}, "b": {}}}, {})
    assert repr(section.only(["a"])) == "{}"
    assert repr(section.without(["a"])) == '{"b": 2}'


def test_defaults_of_the_library_are_those_of_the_schema():
    described = config_schema()["$defs"]["training"]["properties"]
    for field in dataclasses.fields(TrainingSettings):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if default is not dataclasses.MISSING:
            default = list(default) if isinstance(default, tuple) else default
            assert default == described[field.name]["default"], field.name
