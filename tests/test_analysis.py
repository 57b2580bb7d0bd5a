"""`sgdwalk.analyse`: one call on a recording, checkpoints or an array, and what it writes."""

import re

import cases
import numpy as np
import pytest
import torch
import yaml
from recorded_walks import record
from series import states, write
from workflow_copy import ROOT, state_of_files

import sgdwalk
from sgdwalk import analysis
from sgdwalk.diffusion.run import analyse as analyse_diffusion


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    walk = cases.brownian(np.random.default_rng(0), 300, 50)
    path = tmp_path_factory.mktemp("loop") / "trajectory.h5"
    record(path, walk, window=100, sketch=32)
    return path


def refused(match, *arguments, **options):
    with pytest.raises(sgdwalk.InputError, match=match) as error:
        sgdwalk.analyse(*arguments, **options)
    assert "\n" not in str(error.value)


def test_a_recording_by_its_path_and_as_it_was_read(recording):
    by_path = sgdwalk.analyse(str(recording))
    read = sgdwalk.analyse(sgdwalk.Trajectory(recording))
    assert by_path.summary() == read.summary()
    assert by_path.name == "trajectory"
    expected = analyse_diffusion(sgdwalk.Trajectory(recording), **analysis.DIFFUSION)
    pairs = zip(cases.numbers(by_path.diffusion), cases.numbers(expected), strict=True)
    assert all(np.array_equal(a, b, equal_nan=True) for (_, a), (_, b) in pairs)
    said = by_path.summary()
    assert "A walk in 50 parameters" in said
    assert re.search(r"^1-100 +1 +1 +50 +\d\.\d\d \(", said, re.M)
    assert re.search(r"(in|out)side", said)


def test_tables_and_curves_are_those_of_the_result(recording):
    found = sgdwalk.analyse(recording)
    table = found.to_pandas()
    assert len(table) == 4  # three windows, and the whole
    assert table["exponent_short"][0] == found.diffusion.windows[0].exponent_short.value
    curves = found.to_xarray()
    assert dict(curves.sizes) == {"window": 3, "lag": 99, "whole_lag": 299}
    assert curves["msd"].values[1] == pytest.approx(found.diffusion.windows[1].msd)
    assert curves["pairs"].values[0, :2].tolist() == [99, 98]
    assert np.isfinite(curves["null"].values[0]).sum() == len(found.diffusion.windows[0].fit_lags)
    assert curves["whole_msd"].values == pytest.approx(found.diffusion.whole.msd)
    assert curves["window_start"].values.tolist() == [0, 100, 200]


def test_an_array_of_positions(recording):
    walk = cases.positions(cases.brownian(np.random.default_rng(1), 80, 30))
    found = sgdwalk.analyse(walk, losses=(walk**2).sum(axis=1) + 1)
    (window,) = found.diffusion.windows
    lags, msd = sgdwalk.mean_squared_displacement(sgdwalk.increment_gram(walk))
    assert window.msd == pytest.approx(msd)
    assert found.geometry.windows[0].distance.minibatch is not None
    assert found.gradients is None
    tensor = sgdwalk.analyse(torch.tensor(walk), steps=list(range(0, 810, 10)))
    assert tensor.diffusion.windows[0].lags.tolist() == (10 * lags).tolist()
    unequal = sgdwalk.analyse(walk, steps=np.arange(81) ** 2)
    assert unequal.diffusion.windows[0].stride is None
    assert "unequal" in unequal.summary()


def test_checkpoints_in_a_folder_are_only_read(tmp_path):
    walk = states(40)
    pattern = write(tmp_path / "mine", walk, ".safetensors")
    before = state_of_files(tmp_path)
    found = sgdwalk.analyse(tmp_path / "mine")
    assert found.name == "mine"
    assert found.diffusion.windows[0].stride == 10
    part = sgdwalk.analyse([pattern], select=["head.*"])
    assert part.trajectory.layers == [("head.weight", 18)]
    assert state_of_files(tmp_path) == before


def test_all_of_it_in_a_folder(tmp_path):
    found = sgdwalk.analyse(write(tmp_path / "mine", states(40), ".npz"))
    folder = found.save(tmp_path / "out")
    names = {path.name for path in folder.iterdir()}
    assert {"summary.txt", "exponents.csv", "geometry.csv", "components.csv"} <= names
    assert {"diffusion.h5", "geometry.h5", "trajectory.h5", "fig2_superdiffusion.pdf"} <= names
    assert "gradients.h5" not in names
    assert (folder / "summary.txt").read_text().strip() == found.summary()
    again = sgdwalk.analyse(folder / "trajectory.h5")
    assert again.diffusion.windows[0].msd.tolist() == found.diffusion.windows[0].msd.tolist()
    found.save(folder)  # once more
    with pytest.raises(sgdwalk.InputError, match="not empty, and not of an earlier analysis"):
        found.save(tmp_path / "mine")
    with pytest.raises(sgdwalk.InputError, match="a file; allowed: a folder"):
        found.save(folder / "exponents.csv")


def test_figures_by_name(recording):
    found = sgdwalk.analyse(recording)
    for name in analysis.FIGURES:
        assert found.figure(name).axes, name
    with pytest.raises(sgdwalk.InputError, match="'fig2'; allowed: fig2_superdiffusion"):
        found.figure("fig2")


def test_what_is_no_source_is_one_line(recording, tmp_path):
    refused("no such file", tmp_path / "none.h5")
    refused("nothing matches", tmp_path / "none")
    refused("a int; allowed: a Trajectory", 3)
    refused("steps: allowed for checkpoints and positions", recording, steps=[1, 2])
    refused("select: allowed for checkpoints", np.zeros((30, 3)), select=["x"])
    pattern = write(tmp_path / "mine", states(4), ".npz")
    refused("losses: allowed for checkpoints: the path", pattern, losses=[1, 2, 3, 4])
    with pytest.raises(sgdwalk.InputError, match="nothing to analyse"):
        sgdwalk.analyse(pattern).summary()


def test_settings_are_the_defaults_of_a_study():
    for name, settings in (("diffusion", analysis.DIFFUSION), ("geometry", analysis.GEOMETRY)):
        schema = yaml.safe_load((ROOT / "workflow" / "schemas" / f"{name}.yaml").read_text())
        for key, value in settings.items():
            assert schema["properties"][key]["default"] == value


def test_the_example_of_the_manual_runs(recording, tmp_path, monkeypatch):
    page = (ROOT / "docs" / "elsewhere.md").read_text()
    block = re.search(r"```python\n(.*?)```", page, re.S)[1]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trajectory.h5").write_bytes(recording.read_bytes())
    exec(compile(block, "elsewhere.md", "exec"), {})
    assert (tmp_path / "mine.png").exists()
    assert (tmp_path / "mine-analysis" / "exponents.csv").exists()
