"""Geometry of windows and runs: what comes out, what a file keeps, what short windows lack."""

import dataclasses
import inspect
from types import SimpleNamespace
from unittest.mock import Mock

import cases
import h5py
import numpy as np
import pytest
import yaml
from workflow_copy import ROOT

from sgdwalk.diffusion.window import analyse_diffusion
from sgdwalk.errors import InputError
from sgdwalk.files import records
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry import distances, ensemble, ensemble_file
from sgdwalk.geometry import file as geometry_file
from sgdwalk.geometry.distances import CheckedGram
from sgdwalk.geometry.estimates import estimates, nulls, p_values, reordered, undefined
from sgdwalk.geometry.excursions import random_fragments, typical_fragment
from sgdwalk.geometry.nulls import COMPONENTS, window_nulls
from sgdwalk.geometry.run import analyse
from sgdwalk.geometry.surrogates import DRAWS
from sgdwalk.geometry.table import component_rows, ensemble_rows, geometry_rows
from sgdwalk.geometry.window import LossNoise, analyse_window
from sgdwalk.noise import floor
from sgdwalk.recording.trajectory import Window

LENGTH = 200
SETTINGS = {"fragments": (20,), "components": 10, "seed": 0}


def window(seed=0, length=LENGTH, start=0, probe=True, noise=0.0):
    """A Brownian walk in 20 dimensions over a bowl whose minimum is far away."""
    rng = np.random.default_rng([seed, start])
    positions = cases.brownian(rng, length - 1, 20).cumsum(axis=0)
    positions = np.vstack([np.zeros(20), positions])
    clean = np.sum((positions - 100.0) ** 2, axis=1) / 1e4
    return Window(
        length,
        1,
        start,
        cases.gram_of_positions(positions),
        clean + noise * rng.standard_normal(length),
        start + np.arange(length),
        clean if probe else None,
    )


def run(windows, loss=None, diverged_at=None):
    trajectory = SimpleNamespace(
        windows=windows,
        loss=np.concatenate([w.loss for w in windows]) if loss is None else loss,
        diverged_at=diverged_at,
        sketch=None,
        path="trajectory.h5",
    )
    noise = SimpleNamespace(
        step=np.array([0, 100, 1000]),
        loss_variance=np.array([1e-4, 1e-4, np.nan]),
        loss=np.zeros((3, 64)),
    )
    settings = SETTINGS | {"fragments": (20, 300), "ageing_lags": (1, 4, 100)}
    return trajectory, analyse(trajectory, noise, **settings, moving_window=100)


@pytest.fixture(scope="module")
def analysed():
    return run([window(start=start, noise=0.01) for start in (0, 200, 400)])[1]


def test_a_smooth_bowl_far_from_its_minimum_has_roughness_one(analysed):
    for found in analysed.windows:
        numbers = estimates(found)
        assert numbers["roughness_distance_probe"].value == pytest.approx(1, abs=0.15)
        null = nulls(found)["roughness_distance_probe"]
        assert null.value == pytest.approx(numbers["roughness_distance_probe"].value, abs=0.01)
        assert p_values(found)["roughness_distance_probe"] > 0.4


def test_a_brownian_walk_is_its_own_null(analysed):
    outside = 0
    for found in analysed.windows:
        numbers, beside, orders = estimates(found), nulls(found), reordered(found)
        assert numbers["path_dimension"].low < 2 < numbers["path_dimension"].high
        assert beside["path_dimension"].value == pytest.approx(2, abs=0.2)
        for name, null in [*beside.items(), *orders.items()]:
            if name in numbers and not name.startswith("roughness"):
                outside += not null.low <= numbers[name].value <= null.high
        assert found.exponents.joseph.value == pytest.approx(0.5, abs=0.1)
    assert outside <= 6  # of 33 numbers, each with 5 %


def test_drifting_walks_keep_their_path_dimension_in_any_order():
    found = window_nulls(CheckedGram(np.ones((200, 200))), [20], 3, seed=0)
    assert found["reordered"]["path_dimension"].value == pytest.approx(1, abs=1e-3)
    assert found["uncorrelated"]["path_dimension"].value == pytest.approx(2, abs=0.3)


def test_one_window_has_no_anomalous_exponents_in_the_table(analysed):
    rows = geometry_rows("run", {}, analysed)
    for row in rows:
        assert row["walk_noah"] is None
        assert "walk_*: one window cannot tell; ensembles.csv" in row["undefined"]


def test_every_component_has_a_row_with_its_nulls(analysed):
    rows = component_rows("run", {}, analysed)
    assert len(rows) == 3 * 3 * COMPONENTS
    for row in rows:
        assert row["uncorrelated"].low <= row["uncorrelated"].value <= row["uncorrelated"].high
        assert row["same_autocorrelation"].defined
        assert row["undefined"] == ""
    firsts = [row for row in rows if row["component"] == 1 and row["frame"] == "uncentred"]
    assert {row["brownian"] for row in firsts} == {8 / np.pi**2}


def test_what_a_window_is_too_short_for_is_named(analysed):
    for found in analysed.windows:
        assert set(found.excursions) == {"20"}
        assert "allowed are 2 to 199" in found.missing["excursions.300"]
        assert "excursions.300" in undefined(found)


def test_a_very_short_window_is_analysed_as_far_as_it_goes():
    found = analyse_window(window(length=20), None, fragments=(5, 50), components=30, seed=0)
    assert found.modes.shares["centred"].size == 19
    assert found.homology is None
    assert "T >= 50" in found.missing["homology"]
    assert "T >= 50" in undefined(found)["homology"]
    assert "needs 30" in found.missing["smooth_minibatch"]
    assert "homology_dimension" not in estimates(found)


def resting(first, last):
    """A window whose walk stands still from one part of its steps to another."""
    steps = cases.at_rest(lambda rng, n: cases.brownian(rng, n, 3), first, last)
    increments = steps(np.random.default_rng(0), LENGTH - 1)
    return dataclasses.replace(window(), gram=cases.gram(increments))


def test_a_walk_that_rests_at_first_has_no_exponents_to_pool():
    found = analyse_window(resting(0, 1 / 10), None, **SETTINGS)
    assert found.exponents is None
    assert "rests" in found.missing["exponents"]
    assert analyse_window(resting(1 / 3, 1), None, **SETTINGS).exponents is not None


@pytest.mark.parametrize(
    ("analysis", "matrices"),
    [
        # the window's own; surrogates come of it and need no check
        (lambda w: analyse_window(w, None, (20, 50), 10, 0), (1, 1 + 2 * DRAWS)),
        # the window's own, and that without its drift
        (lambda w: analyse_diffusion(w.gram, signs=40), (2, 2)),
    ],
    ids=["geometry", "diffusion"],
)
def test_a_matrix_is_checked_once_and_its_distances_are_made_once(monkeypatch, analysis, matrices):
    checks = Mock(wraps=distances._asymmetry)
    squares = Mock(wraps=distances._block_sums)
    monkeypatch.setattr(distances, "_asymmetry", checks)
    monkeypatch.setattr(distances, "_block_sums", squares)
    analysis(window())
    assert (checks.call_count, squares.call_count) == matrices


def test_settings_have_their_defaults_in_the_schema_alone():
    schema = yaml.safe_load((ROOT / "workflow/schemas/geometry.yaml").read_text())
    _, _, *settings = inspect.signature(analyse).parameters.values()
    assert {p.name for p in settings} == schema["properties"].keys()
    of_window = inspect.signature(analyse_window).parameters.values()
    assert {p.default for p in (*settings, *of_window)} == {inspect.Parameter.empty}


def test_structure_functions_of_noisy_losses_need_a_probe():
    noisy = window(probe=False, noise=1.0)
    found = analyse_window(noisy, LossNoise(np.full(LENGTH, 1.0), 0.1), **SETTINGS)
    assert found.distance.structure is None
    assert "recording.probe" in found.missing["distance.structure"]
    assert found.distance.minibatch.upper_limit.any()
    assert "roughness_distance_minibatch" in undefined(found)


def test_ageing_uses_the_lags_that_fit(analysed):
    found = analysed.ageing["200x1"]
    assert found.lag.tolist() == [1, 4]  # 100 is more than a quarter of the window
    assert found.start.tolist() == [0, 200, 400]
    for fit in found.fits:
        assert fit.exponent.low < 0 < fit.exponent.high


def same(one, other):
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one)
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if one is None or isinstance(one, str):
        return one == other
    return np.array_equal(one, other, equal_nan=True)


def test_a_file_gives_back_what_was_written(analysed, tmp_path):
    geometry_file.write(tmp_path / "geometry.h5", analysed, {"run": "here"})
    back = geometry_file.read(tmp_path / "geometry.h5")
    assert back.origin == {"run": "here"}
    assert same(dataclasses.replace(back, origin={}), analysed)


def test_every_dataset_says_what_it_is(analysed, tmp_path):
    geometry_file.write(tmp_path / "geometry.h5", analysed, {})
    silent = []

    def check(name, item):
        if isinstance(item, h5py.Dataset) and not (item.attrs["meaning"] and item.attrs["unit"]):
            silent.append(name)

    with h5py.File(tmp_path / "geometry.h5") as file:
        file.visititems(check)
    assert not silent


def test_a_dataset_without_meaning_is_refused(tmp_path):
    with h5py.File(tmp_path / "any.h5", "w") as file, pytest.raises(KeyError, match="no meaning"):
        records.write(file, Estimate(1.0, 0.0, 2.0))


def test_a_diverged_run_has_a_whole_file_and_one_row(tmp_path):
    loss = np.array([1.0, 2.0, np.nan])
    found = run([], loss, diverged_at=2)[1]
    geometry_file.write(tmp_path / "geometry.h5", found, {})
    rows = geometry_rows("run", {"model": "m"}, geometry_file.read(tmp_path / "geometry.h5"))
    assert [(r["diverged_at"], r["undefined"]) for r in rows] == [
        (2, "no whole window was recorded")
    ]


def test_rows_hold_estimates_their_ends_and_nulls(analysed):
    rows = geometry_rows("run", {"seed": 0}, analysed)
    assert [row["window_start"] for row in rows] == [0, 200, 400]
    first = rows[0]
    assert (
        first["path_dimension"].low < first["path_dimension"].value < first["path_dimension"].high
    )
    assert first["path_dimension_null"].value == pytest.approx(2, abs=0.2)
    assert first["roughness_distance_probe_p"] > 0.4
    assert first["roughness_distance_probe_null"].defined
    assert first["ageing_exponent_lag4"] == rows[1]["ageing_exponent_lag4"]


def test_noise_is_interpolated_in_the_logarithm_of_the_step():
    checkpoints, variance = np.array([0, 9, 99]), np.array([1.0, 1e-2, 1e-4])
    found = floor.variance_along(np.array([0, 9, 30, 99]), checkpoints, variance)
    np.testing.assert_allclose(found, [1, 1e-2, 1e-2 * 10 ** (-2 * np.log10(3.1)), 1e-4])


def test_noise_beyond_the_last_checkpoint_reached_is_held():
    found = floor.variance_along(
        np.array([5, 50]), np.array([0, 9, 99]), np.array([1.0, 0.5, np.nan])
    )
    assert found[1] == pytest.approx(0.5)
    assert floor.variance_along([3], [0, 9], [0.0, 0.0]) == 0
    with pytest.raises(InputError, match="noise"):
        floor.variance_along([3], [0, 9], [np.nan, np.nan])
    assert floor.relative_error(33) == pytest.approx(0.25)


def test_the_typical_fragment_is_drawn_with_its_true_lengths():
    found = window()
    fragments = random_fragments(found.gram, 20, seed=0)
    drawn = typical_fragment(found.gram, fragments)
    part = found.gram[drawn.start : drawn.start + 20, drawn.start : drawn.start + 20]
    assert drawn.contour_length == pytest.approx(np.sqrt(part.diagonal()).sum())
    assert drawn.end_to_end == pytest.approx(np.sqrt(part.sum()))
    positions = np.vstack([np.zeros(20), np.linalg.cholesky(part).cumsum(axis=0)])
    along = positions[-1] / np.linalg.norm(positions[-1])
    off = np.linalg.norm(positions - np.outer(positions @ along, along), axis=1)
    assert drawn.farthest == off.argmax()
    assert drawn.excursion == pytest.approx(off.max())
    assert 0 < drawn.share < 1


def test_seeds_together(tmp_path):
    found = [run([window(seed), window(seed, start=200)][: 2 - (seed == 3)]) for seed in range(4)]
    together = ensemble.analyse([r for _, r in found], [t for t, _ in found])
    assert [(w.start, w.seeds) for w in together.windows] == [(0, 4), (200, 3)]
    first = together.windows[0]
    values = [r.windows[0].exponents.joseph.value for _, r in found]
    assert first.exponents.joseph.value == pytest.approx(np.mean(values))
    half = 3.182 * np.std(values, ddof=1) / 2  # Student, three degrees
    assert first.exponents.joseph.high == pytest.approx(np.mean(values) + half, rel=1e-3)
    assert first.ergodicity.lag[-1] == LENGTH // 4
    assert np.all(first.ergodicity.breaking < 0.5)
    ensemble_file.write(tmp_path / "ensemble.h5", together, {"run": {}})
    back = ensemble_file.read(tmp_path / "ensemble.h5")
    assert back.origin == {"run": {}}
    assert same(back.windows, together.windows)
    rows = ensemble_rows("name", {"model": "m"}, back)
    assert [row["seeds"] for row in rows] == [4, 3]
    assert rows[0]["walk_joseph"] == first.exponents.joseph


def test_two_seeds_have_no_ergodicity():
    found = [run([window(seed)]) for seed in range(2)]
    (only,) = ensemble.analyse([r for _, r in found], [t for t, _ in found]).windows
    assert only.ergodicity is None
    assert "three or more" in only.missing["ergodicity"]
    assert np.isfinite(only.exponents.hurst.value)
