"""Tail indices of recorded gradients: known laws through the whole analysis, and its nulls."""

import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.gradients import file as gradients_file
from sgdwalk.gradients.along_walk import (
    Gradients,
    entries_draw,
    gradients_between,
    histogram,
    layer_records,
    relative_norms,
    window_records,
)
from sgdwalk.gradients.fixed_weights import checkpoint_records
from sgdwalk.gradients.run import analyse
from sgdwalk.gradients.stable_fit import fit_stable
from sgdwalk.gradients.stable_law import sample_stable
from sgdwalk.gradients.table import tail_rows
from sgdwalk.gradients.tail_record import likelihood_record, noise_dimension, vector_records
from sgdwalk.noise.results import RunNoise
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.trajectory import Trajectory

STEPS, LAYERS, PER_LAYER = 400, 3, 30
PLACE = {"window_start": 0, "window_length": STEPS, "stride": 1}


def gradients(noise, scales, entries=16):
    """A window whose entries are (steps, coordinates) noise times the coordinates' scales."""
    draw = np.random.default_rng(5)
    series = noise[:STEPS] * scales
    chosen = draw.integers(0, noise.shape[1], (STEPS, entries))
    return Gradients(
        entries=noise[STEPS:][np.arange(STEPS)[:, None], chosen] * scales[chosen],
        series=series,
        layer=np.repeat(np.arange(LAYERS), PER_LAYER),
        weight=np.full(LAYERS * PER_LAYER, 100.0),
        noise_gram=np.zeros((0, 0, 0)),
        mean_gradient=np.zeros((0, 0)),
        no_epoch="no noise of epochs was recorded",
    )


@pytest.fixture
def draw():
    return np.random.default_rng(0)


@pytest.fixture
def log_normal(draw):
    return np.exp(draw.standard_normal(LAYERS * PER_LAYER))


def by_quantity(records):
    return {record.quantity: record for record in records}


def undefined(estimate):
    return np.isnan([estimate.value, estimate.low, estimate.high]).all()


def test_gaussian_coordinates_of_different_scales_equal_their_null(draw, log_normal):
    noise = draw.standard_normal((2 * STEPS, LAYERS * PER_LAYER))
    found = by_quantity(window_records(gradients(noise, log_normal), PLACE))
    pooled, single = found["entries"], found["standardised entries"]
    assert pooled.alpha.value < 1.4
    assert pooled.null_alpha.value == pytest.approx(pooled.alpha.value, abs=0.12)
    assert pooled.null_alpha.low < pooled.alpha.value < pooled.null_alpha.high
    assert "scales that differ between parameters" in pooled.note
    assert single.alpha.value > 1.9
    assert single.null_alpha.value == pytest.approx(single.alpha.value, abs=0.02)
    assert 0 < single.null_p <= 1
    assert (single.note, single.undefined, pooled.undefined) == ("", "", "")
    assert {name: getattr(pooled, name) for name in PLACE} == PLACE


def test_stable_coordinates_keep_their_tail_index_when_standardised(draw, log_normal):
    noise = sample_stable(1.5, 0.0, (2 * STEPS, LAYERS * PER_LAYER), draw)
    window = gradients(noise, log_normal)
    single = by_quantity(window_records(window, PLACE))["standardised entries"]
    assert single.alpha.value == pytest.approx(1.45, abs=0.03)  # quartiles of 25 values
    assert single.alpha.high < single.null_alpha.low
    assert single.null_p == 1 / 20
    for record in layer_records([window, window], ["a", "b", "c"]):
        assert record.alpha.value == pytest.approx(1.45, abs=0.06)
        assert record.size == 2 * STEPS * PER_LAYER
    assert [r.layer for r in layer_records([window], ["a", "b", "c"])] == ["a", "b", "c"]


def test_full_batch_entries_and_noise_norms_have_gaussian_nulls(draw, log_normal):
    epochs, batches, dimension = 30, 20, 40
    vectors = (
        draw.standard_normal((epochs, batches, dimension))
        * np.geomspace(1, 3, epochs)[:, None, None]
    )
    vectors -= vectors.mean(axis=1, keepdims=True)
    window = Gradients(
        entries=np.zeros((0, 0)),
        series=np.zeros((0, 3)),
        layer=np.arange(3),
        weight=np.ones(3),
        noise_gram=vectors @ vectors.transpose(0, 2, 1),
        mean_gradient=draw.standard_normal((epochs, 90)) * log_normal,
    )
    records = window_records(window, PLACE)
    found = by_quantity(records)
    full = found["full-batch entries"]
    assert full.null_alpha.value == pytest.approx(full.alpha.value, abs=0.05)
    norms = found["noise norms"]
    assert norms.size == epochs * batches
    assert norms.null_alpha.low <= norms.alpha.value <= norms.null_alpha.high
    means, medians = (r for r in records if r.quantity == "noise vectors")
    for record in (means, medians):
        assert record.size == epochs * batches
        assert record.effective_dimension == pytest.approx(dimension, rel=0.15)
        assert record.null_alpha.value == pytest.approx(record.alpha.value, rel=0.1)
    for name, why in {
        "entries": "no gradient entries were recorded",
        "standardised entries": "no coordinate has 20 values that differ and are not zero",
    }.items():
        assert undefined(found[name].alpha)
        assert undefined(found[name].null_alpha)
        assert found[name].undefined == f"alpha: {why}"


def test_norms_of_one_large_direction_have_a_null_that_knows_it(draw):
    """Norms of Gaussian vectors whose first direction holds nearly all are half-normal."""
    scales = np.r_[10.0, np.ones(200) / 10]
    vectors = draw.standard_normal((45, 11, 201)) * scales
    vectors -= vectors.mean(axis=1, keepdims=True)
    nothing = np.zeros((0, 0))
    window = Gradients(
        nothing,
        nothing,
        np.zeros(0, int),
        np.zeros(0),
        vectors @ vectors.transpose(0, 2, 1),
        nothing,
    )
    norms = by_quantity(window_records(window, PLACE))["noise norms"]
    lengths = np.linalg.norm(vectors, axis=2)
    expected = lengths / np.sqrt((lengths**2).mean(axis=1, keepdims=True))
    np.testing.assert_allclose(relative_norms(window.noise_gram), expected)
    assert norms.alpha.value < 1.95
    assert norms.null_p > 0.05


def test_heavy_vectors_are_told_from_gaussian_ones(draw):
    size, sets = 60, 20
    radius = np.abs(sample_stable(1.0, 0.0, (sets, size, 1), draw))
    vectors = draw.standard_normal((sets, size, 50)) * radius
    vectors -= vectors.mean(axis=1, keepdims=True)
    for record in vector_records("v", {}, vectors @ vectors.transpose(0, 2, 1)):
        assert record.alpha.high < record.null_alpha.low
        assert record.null_p == 1 / 20
        assert record.alpha.value == pytest.approx(1.0, abs=0.25)


def test_a_single_gram_matrix_has_no_interval_of_its_own_but_a_null(draw):
    vectors = draw.standard_normal((32, 200))
    vectors -= vectors.mean(axis=0)
    for record in vector_records("v", {}, (vectors @ vectors.T)[None], 32):
        assert np.isnan([record.alpha.low, record.alpha.high]).all()
        assert record.null_alpha.value == pytest.approx(record.alpha.value, rel=0.1)


def test_effective_dimension_is_that_of_the_covariance(draw):
    spectrum = np.geomspace(1, 0.01, 300)
    expected = spectrum.sum() ** 2 / (spectrum**2).sum()
    vectors = draw.standard_normal((200, 300)) * np.sqrt(spectrum)
    vectors -= vectors.mean(axis=0)
    assert noise_dimension(vectors @ vectors.T) == pytest.approx(expected, rel=0.05)
    with pytest.raises(InputError, match="2 vectors"):
        noise_dimension(np.eye(2))


def selected_noise():
    """(5, 8, 6) noise vectors of these epochs."""
    vectors = np.random.default_rng(3).standard_normal((5, 8, 6))
    return vectors - vectors.mean(axis=1, keepdims=True)


def gram_of(vectors):
    """Inner products of vectors minus their mean."""
    vectors = vectors - vectors.mean(axis=0)
    return vectors @ vectors.T


def selected(first, stop, batch_size=None):
    """Of 40 steps in epochs of 8, whose entries are their steps and whose noise is their epoch."""
    steps = 40
    recorded = {
        "sample_value": np.arange(steps)[:, None] * np.ones(2),
        "series_gradient": np.arange(steps)[:, None] * np.ones(3),
        "series_index": np.array([0, 1, 12]),
    }
    vectors = selected_noise()
    epochs = {
        "noise_norm": np.linalg.norm(vectors, axis=2),
        "noise_gram": (vectors @ vectors.transpose(0, 2, 1))[:, :5, :5],
        "mean_gradient": np.arange(5)[:, None] * np.ones(4),
    }
    return gradients_between(recorded, epochs, np.array([10, 20]), first, stop, batch_size)


def test_selection_leaves_out_the_last_step_of_each_epoch_where_no_sizes_are_known():
    found = selected(10, 35)
    expected = [t for t in range(10, 35) if t not in (15, 23, 31)]
    assert found.entries[:, 0].tolist() == expected
    assert found.series[:, 2].tolist() == expected
    # epochs from 16 to 32 lie within; of their first five, whose inner products are kept
    np.testing.assert_allclose(found.noise_gram[1], gram_of(selected_noise()[3, :5]))
    assert found.noise_gram.shape == (2, 5, 5)
    assert found.mean_gradient[:, 0].tolist() == [2, 3]
    assert found.layer.tolist() == [0, 0, 1]
    assert found.weight.tolist() == [5, 5, 20]


def test_selection_leaves_out_no_full_batch():
    found = selected(10, 35, np.full(40, 16))
    assert found.entries[:, 0].tolist() == found.series[:, 2].tolist() == list(range(10, 35))
    assert found.noise_gram.shape == (2, 5, 5)


def test_selection_leaves_out_the_smaller_batches_wherever_they_are():
    batch_size = np.full(40, 16)
    batch_size[[12, 18, 26, 39]] = 5  # third of its epoch, twice
    found = selected(10, 35, batch_size)
    assert found.entries[:, 0].tolist() == [t for t in range(10, 35) if t not in (12, 18, 26)]
    np.testing.assert_allclose(found.noise_gram[0], gram_of(selected_noise()[2][[0, 1, 3, 4]]))
    assert found.mean_gradient[:, 0].tolist() == [2, 3]


def test_selection_survives_what_was_not_recorded():
    found = gradients_between({}, {}, np.array([10, 20]), 0, 100)
    assert found.entries.size == found.series.size == found.noise_gram.size == 0
    beyond = gradients_between({}, {}, np.array([10, 20]), 0, 100, np.full(60, 16))
    assert beyond.entries.size == 0
    records = window_records(found, PLACE)
    assert all(undefined(record.alpha) for record in records)
    assert {record.undefined for record in records} == {
        "alpha: no gradient entries were recorded",
        "alpha: no coordinate has 20 values that differ and are not zero",
        "alpha: no noise of epochs was recorded",
    }
    assert layer_records([found], ["a", "b"])[1].size == 0
    short = {record.undefined for record in window_records(selected(10, 22), PLACE)}
    assert "alpha: no epoch of 8 steps lies wholly in the window" in short


def test_too_few_vectors_in_an_epoch_are_said(draw):
    few = draw.standard_normal((4, 3, 5))
    grams = np.array([gram_of(one) for one in few])
    for record in vector_records("v", {}, grams):
        assert record.undefined == "alpha: 3 vectors in a set; at least 4 are needed"


def test_dropped_values_are_counted():
    x = np.random.default_rng(0).standard_normal(200)
    x[:30], x[30:40] = 0, np.inf
    found = likelihood_record("q", {}, x, np.arange(200), "there is none")
    assert (found.size, found.zeros, found.nonfinite) == (160, 30, 10)
    assert found.undefined == "null_alpha: there is none"
    row = np.arange(40)
    kept = likelihood_record("q", {}, np.append(np.arange(1.0, 40), 0.0), row, "none", zeros=7)
    assert (kept.size, kept.zeros) == (40, 7)
    short = likelihood_record("q", {}, x[:45], np.arange(45), "none")
    assert undefined(short.alpha)
    assert short.size == 5
    assert short.undefined == "alpha: 5 values; at least 20 are needed"
    few = likelihood_record("q", {}, x[40:80], row, lambda: [np.nan], power=True)
    assert few.undefined == (
        "null_alpha: a draw of the null has no tail index;"
        " power_exponent: 40 values; at least 50 are needed"
    )


def test_values_of_a_step_that_are_alike_widen_the_interval(draw):
    steps, per_step = 500, 32
    scale = np.exp(draw.standard_normal((steps, 1)))
    row = np.arange(steps)[:, None]
    shared = draw.standard_normal((steps, per_step)) * scale
    found = likelihood_record("q", {}, shared, row, "none").alpha
    alone = fit_stable(shared).alpha
    assert found.value == alone.value
    assert found.high - found.low > 2 * (alone.high - alone.low)


def test_pareto_magnitudes_are_a_power_law():
    draw = np.random.default_rng(0)
    x = draw.pareto(1.5, 5000) + 1
    x *= draw.choice([-1, 1], 5000)
    found = likelihood_record("q", {}, x, np.arange(5000), "none", power=True)
    assert found.power_exponent == pytest.approx(1.5, abs=4 * found.power_error)
    assert found.exponential_ratio > 0
    assert found.exponential_p < 0.01


def test_the_null_of_entries_weighs_layers_and_keeps_zeros(draw):
    window = gradients(draw.standard_normal((2 * STEPS, LAYERS * PER_LAYER)), np.ones(90))
    window.series[:, :PER_LAYER] = 0
    window.weight[PER_LAYER : 2 * PER_LAYER] = 300
    drawn = entries_draw(window)(draw)
    assert drawn.shape == window.entries.shape
    assert (drawn == 0).mean() == pytest.approx(0.2, abs=0.02)
    one = Gradients(**{**vars(window), "series": window.series[:, :0], "layer": np.zeros(0, int)})
    assert entries_draw(one) == "no fixed coordinates were recorded"


def test_histogram_has_unit_area_and_follows_its_null(draw, log_normal):
    window = gradients(draw.standard_normal((2 * STEPS, LAYERS * PER_LAYER)), log_normal)
    found = histogram(window.entries, entries_draw(window))
    width = np.diff(found.edges)
    assert found.density @ width == pytest.approx(1)
    assert found.null @ width == pytest.approx(1, abs=0.02)
    assert np.abs(found.density - found.null) @ width < 0.15
    assert histogram(np.zeros((3, 3)), entries_draw(window)) is None
    assert np.isnan(histogram(window.entries, "none").null).all()


def test_noise_at_a_checkpoint_is_gaussian_or_not(draw):
    n, c = 32, 300
    gaussian = draw.standard_normal((n, c))
    heavy = sample_stable(1.2, 0.0, (n, c), draw)
    found = {}
    for name, noise in (("gaussian", gaussian), ("heavy", heavy)):
        noise = noise - noise.mean(axis=0)
        gram = noise @ noise.T
        coordinates, means, _ = checkpoint_records(7, noise, gram, np.trace(gram) / (n - 1), 0.5)
        assert (coordinates.step, coordinates.window_start) == (7, None)
        assert coordinates.covariance_trace == pytest.approx(np.trace(gram) / (n - 1))
        found[name] = coordinates, means
    coordinates, means = found["gaussian"]
    assert coordinates.alpha.value == pytest.approx(coordinates.null_alpha.value, abs=0.03)
    assert coordinates.rejected_share < 0.12
    assert coordinates.excess_kurtosis == pytest.approx(coordinates.kurtosis_null, abs=0.2)
    assert means.null_alpha.low < means.alpha.value < means.null_alpha.high
    coordinates, _ = found["heavy"]
    assert coordinates.alpha.high < coordinates.null_alpha.low
    assert coordinates.rejected_share > 0.5


def test_a_checkpoint_not_reached_is_undefined():
    nan = np.full((32, 10), np.nan)
    why = "step 9 was not reached"
    records = checkpoint_records(9, nan, np.full((32, 32), np.nan), np.nan, np.nan, why)
    assert len(records) == 3
    for record in records:
        assert record.step == 9
        assert record.size == 0
        assert undefined(record.alpha)
        assert undefined(record.null_alpha)
        assert record.undefined == f"alpha: {why}"


@pytest.fixture
def recorded(tmp_path):
    """A function that records a short run and analyses it, with noise at one of two checkpoints."""

    def make(steps, window, diverged_at=None):
        torch.manual_seed(0)
        model = nn.Linear(6, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        path = tmp_path / f"{steps}.h5"
        recorder = TrajectoryRecorder(model, path, window, steps_per_epoch=7)
        for _ in range(steps):
            loss = nn.functional.cross_entropy(model(torch.randn(8, 6)), torch.arange(8) % 3)
            optimizer.zero_grad()
            loss.backward()
            recorder.record(loss)
            optimizer.step()
        recorder.close(diverged_at=diverged_at)
        noise = torch.randn(20, 5).numpy()
        content = RunNoise(
            step=np.array([0, 100]),
            loss_mean=np.array([1.0, np.nan]),
            loss_variance=np.array([0.1, np.nan]),
            mean_gradient_norm=np.array([0.5, np.nan]),
            covariance_trace=np.array([2.0, np.nan]),
            loss=np.zeros((2, 20)),
            noise_norm=np.ones((2, 20)),
            noise_gram=np.stack([noise @ noise.T, np.full((20, 20), np.nan)]),
            coordinate_noise=np.stack([noise, np.full_like(noise, np.nan)]),
            coordinate_index=np.arange(5),
            missing={"100": "step 100 was not reached: diverged at step 50"},
        )
        out = tmp_path / "gradients.h5"
        result = analyse(Trajectory(path), content)
        gradients_file.write(out, result, {"run": {"versions": {}}})
        return gradients_file.read(out), len(result.tails)

    return make


def test_a_run_becomes_a_file_and_rows(recorded):
    found, count = recorded(steps=150, window=60)
    assert len(found.tails) == count == 1 + 2 * 6 + 2 + 2 * 3
    (whole,) = found.select("entries", window_start=False)
    assert 0 < whole.alpha.low <= whole.alpha.value <= whole.alpha.high <= 2
    assert whole.null_alpha.defined
    assert [r.window_start for r in found.select("entries", window_start=True)] == [0, 60]
    layers = found.select("standardised entries", layer=True)
    assert [r.layer for r in layers] == ["weight", "bias"]
    fixed = found.select("noise vectors at fixed weights", "log-moment mean")
    assert [r.step for r in fixed] == [0, 100]
    assert set(found.histograms) == {"run", "first", "last"}
    assert found.missing == {}
    assert found.absolute_increment.shape == (149,)
    for tail in found.tails:
        known = tail.alpha.defined and tail.null_alpha.defined
        short = tail.quantity == "noise norms"  # 48 of them: no power law
        assert bool(tail.undefined) == (short or not known)
        assert np.isfinite(tail.null_p) == known
    assert "diverged at step 50" in fixed[1].undefined
    rows = tail_rows("r", {"model": "m"}, found)
    assert len(rows) == count
    assert rows[1]["window_start"] == 0
    assert isinstance(rows[1]["window_start"], int)
    assert rows[0]["window_start"] is None


def test_a_run_that_diverges_early_has_a_valid_file(recorded):
    found, count = recorded(steps=2, window=60, diverged_at=2)
    assert found.diverged_at == 2
    assert len(found.tails) == count == 1 + 2 + 2 * 3
    assert found.absolute_increment.size == 0
    assert found.select("entries")[0].alpha.defined  # 64 entries of two steps
    assert undefined(found.select("standardised entries")[0].alpha)
    assert set(found.histograms) == {"run"}
    assert found.missing == dict.fromkeys(("first", "last"), "no whole window was recorded")


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "gradients.h5"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="expected a gradients file"):
        gradients_file.read(path)


def test_a_recording_without_noise_at_fixed_weights_has_all_that_it_holds(tmp_path):
    model = nn.Linear(40, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    torch.manual_seed(0)
    with TrajectoryRecorder(model, tmp_path / "loop.h5", window=60) as recorder:
        for _ in range(120):
            optimizer.zero_grad()
            loss = model(torch.randn(8, 40)).square().mean()
            loss.backward()
            recorder.record(loss)
            optimizer.step()
    found = analyse(Trajectory(tmp_path / "loop.h5"), None)
    quantities = {tail.quantity for tail in found.tails}
    assert "entries" in quantities
    assert not any("fixed weights" in quantity for quantity in quantities)
    assert tail_rows("loop", {}, found)
    gradients_file.write(tmp_path / "gradients.h5", found, {})
    assert len(gradients_file.read(tmp_path / "gradients.h5").tails) == len(found.tails)
