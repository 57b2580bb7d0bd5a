"""Principal components of a whole run, from its sketch."""

from types import SimpleNamespace

import numpy as np
import pytest
from cases import brownian, gram, positions
from recorded_walks import record

from sgdwalk.geometry import file as geometry_file
from sgdwalk.geometry import whole_walk as module
from sgdwalk.geometry.distances import CheckedGram
from sgdwalk.geometry.nulls import COMPONENTS, component_nulls, window_nulls
from sgdwalk.geometry.run import analyse
from sgdwalk.geometry.table import component_rows, geometry_rows
from sgdwalk.geometry.whole_walk import whole_walk

NOISE = SimpleNamespace(
    step=np.array([0, 100]), loss_variance=np.array([1e-4, 1e-4]), loss=np.zeros((2, 64))
)


def walk(count=90, dimension=24):
    return brownian(np.random.default_rng(0), count, dimension)


def shares(steps):
    """Shares of the variance of positions along their principal components."""
    places = positions(steps)
    values = np.linalg.svd(places - places.mean(axis=0), compute_uv=False) ** 2
    return values / values.sum()


def analysed(trajectory):
    return analyse(trajectory, NOISE, (20,), 10, (1, 4), 20, 0)


def test_components_are_those_of_all_positions(tmp_path):
    steps = walk()
    found = whole_walk(record(tmp_path / "t.h5", steps, sketch=24), 10, 0)
    assert (found.length, found.stride, found.start) == (90, 1, 0)
    np.testing.assert_allclose(found.modes.shares["centred"], shares(steps[:-1])[:10], rtol=1e-9)
    assert not found.missing


def test_of_a_longer_run_they_are_of_positions_some_steps_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST", 40)
    steps = walk()
    found = whole_walk(record(tmp_path / "t.h5", steps, sketch=24), 10, 0)
    assert (found.length, found.stride) == (30, 3)
    apart = steps[:87].reshape(29, 3, 24).sum(axis=1)
    np.testing.assert_allclose(found.modes.shares["centred"], shares(apart)[:10], rtol=1e-9)


def test_a_short_run_and_one_without_a_sketch_have_none(tmp_path):
    assert whole_walk(record(tmp_path / "a.h5", walk(19)), 10, 0) is None
    recorded = record(tmp_path / "b.h5", walk(), sketch=None, window=[(30, 1)])
    assert whole_walk(recorded, 10, 0) is None
    assert analysed(recorded).whole is None


def test_a_run_at_rest_has_a_reason(tmp_path):
    found = whole_walk(record(tmp_path / "t.h5", np.zeros((40, 24))), 10, 0)
    assert found.modes is None
    assert found.nulls == {}
    assert found.missing["modes"]


def test_surrogates_are_those_of_a_window():
    checked = CheckedGram(gram(walk(60)))
    alone = component_nulls(checked, 10, 0)
    whole = window_nulls(checked, (20,), 10, 0)
    for kind, found in alone.items():
        assert len(found) == 3 * COMPONENTS
        for name, estimate in found.items():
            assert estimate == whole[kind][name]


def test_rows_of_the_whole_run_stand_below_those_of_its_windows(tmp_path):
    steps = walk()
    found = analysed(record(tmp_path / "t.h5", steps, window=[(30, 1)], sketch=24))
    geometry_file.write(tmp_path / "g.h5", found, {})
    found = geometry_file.read(tmp_path / "g.h5")
    assert len(geometry_rows("run", {}, found)) == 3
    rows = component_rows("run", {}, found)
    each = 3 * COMPONENTS
    assert [row["whole_run"] for row in rows] == 3 * each * ["no"] + each * ["yes"]
    for row in rows[-each:]:
        assert (row["window_length"], row["stride"], row["window_start"]) == (90, 1, 0)
        assert row["uncorrelated"].low <= row["uncorrelated"].value <= row["uncorrelated"].high
        assert row["undefined"] == ""
    centred = [row["share"] for row in rows[-each:] if row["frame"] == "centred"]
    assert centred == pytest.approx(shares(steps[:-1])[:COMPONENTS])


def test_without_recorded_windows_geometry_is_of_those_of_the_sketch(tmp_path):
    steps = walk()
    found = analysed(record(tmp_path / "t.h5", steps, sketch=24))
    (window,) = found.windows
    assert (window.length, window.stride, window.start) == (90, 1, 0)
    np.testing.assert_allclose(window.modes.shares["centred"], shares(steps[:-1])[:10], rtol=1e-9)
