import pytest

from planning.schema import config_schema
from planning.study import read_study
from planning.walker import read_walkers
from sgdwalk.errors import InputError
from sgdwalk.walker.terrain import KINDS

GRIDS = [{"model": "fc3", "steps": 600}]


def plan(**walker):
    return read_walkers(read_study({"grids": GRIDS, "walker": walker}, "study").config["walker"])


def test_kinds_of_the_schema_are_those_of_the_library():
    schema = config_schema()
    assert set(schema["$defs"]["walker_point"]["properties"]["kind"]["enum"]) == set(KINDS)


def test_defaults_are_the_original_parameters():
    walkers = plan()
    assert list(walkers.ensembles) == ["fractal", "convex", "shuffled"]
    assert walkers.ensembles["fractal"].kind == "fractal"
    assert walkers.ensembles["fractal"].settings == {
        "size": 1025,
        "walkers": 200,
        "steps": 1000,
        "learning_rate": 0.02,
        "noise": 0.01,
        "seed": 0,
    }
    assert walkers.sweeps == {}


def test_sweeps_are_products_grouped_by_terrain():
    sweeps = plan(
        noise="1e-3",
        sweeps=[
            {"kind": "spectral", "H": [0.3, 0.5], "noise": ["1e-2", 0.03], "seed": [0, 1]},
            {"kind": "spectral", "H": 0.5, "learning_rate": 0.01, "size": 1025},
            {"kind": ["convex"], "size": 65},
        ],
    ).sweeps
    assert list(sweeps) == [
        "spectral-H0.3-size257",
        "spectral-H0.5-size257",
        "spectral-H0.5",
        "convex-size65",
    ]
    assert len(sweeps["spectral-H0.3-size257"].points) == 4
    assert sweeps["spectral-H0.3-size257"].points[0]["noise"] == 0.01
    assert sweeps["convex-size65"].terrain == {"kind": "convex", "size": 65}
    assert sweeps["convex-size65"].points[0]["noise"] == 0.001


def test_the_same_point_in_two_sweeps_is_one():
    item = {"kind": "spectral", "H": 0.3}
    sweeps = plan(sweeps=[item, {**item, "noise": [0.01, 0.02]}]).sweeps
    assert len(sweeps["spectral-H0.3-size257"].points) == 2


def test_a_users_grid_is_named_by_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"walker.terrains\[0\]: no file 'grids/my hill.npy'"):
        plan(terrains=["grids/my hill.npy", "convex"])
    (tmp_path / "grids").mkdir()
    (tmp_path / "grids" / "my hill.npy").touch()
    ensembles = plan(terrains=["grids/my hill.npy", "convex"]).ensembles
    assert ensembles["my.hill"].kind == "grids/my hill.npy"
    assert ensembles["my.hill"].grid == ["grids/my hill.npy"]
    assert "size" not in ensembles["my.hill"].settings
    assert ensembles["convex"].grid == []


@pytest.mark.parametrize(
    ("walker", "message"),
    [
        ({"terrains": ["fractl"]}, r"walker.terrains\[0\]: 'fractl'; did you mean 'fractal'"),
        ({"terrains": ["convex", "a/convex.npy"]}, "every terrain once"),
        ({"size": 1000}, "walker.size: 1000; allowed for fractal: a power of two plus one"),
        ({"walker": 3}, "walker: unknown key 'walker'; did you mean 'walkers'"),
        ({"noise": -1}, "walker.noise: -1"),
        ({"sweeps": [{"kind": "spectral", "h": 0.3}]}, "unknown key 'h'"),
        ({"sweeps": [{"H": 0.3}]}, "'kind' is missing"),
        ({"sweeps": [{"kind": "spectral", "H": []}]}, "an empty list"),
        ({"sweeps": [{"kind": "spectral", "H": 1}]}, "a number below 1"),
        ({"sweeps": [{"kind": "spectral", "H": 1.2}]}, r"walker.sweeps\[0\].H: 1.2"),
        ({"sweeps": [{"kind": "convex", "H": 0.5}]}, "nothing for convex"),
        ({"sweeps": [{"kind": "fractal", "size": 100}]}, "power of two plus one"),
    ],
)
def test_a_wrong_walker_section_is_refused_in_one_line(walker, message):
    with pytest.raises(InputError, match=message) as caught:
        plan(**walker)
    assert "\n" not in str(caught.value)


def test_a_key_of_before_is_refused_with_its_new_name():
    with pytest.raises(InputError, match=r"^walker: key 'landscapes' is now called 'terrains'$"):
        plan(landscapes=["fractal"])
