"""Tail indices of recorded gradients: known laws through the whole analysis, and its nulls."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from sgdwalk.errors import InputError
from sgdwalk.gradients import file as gradients_file
from sgdwalk.gradients.along_walk import (
    Gradients,
    entries_mixture,
    gradients_between,
    histogram,
    layer_records,
    pooled_mixture,
    scale_mixture_of,
    standardised_null,
    window_records,
)
from sgdwalk.gradients.fixed_weights import checkpoint_records
from sgdwalk.gradients.run import analyse
from sgdwalk.gradients.scale_mixture import scale_mixture_density, scale_mixture_interval
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
        noise_norm=np.zeros((0, 0)),
        noise_gram=np.zeros((0, 0, 0)),
        mean_gradient=np.zeros((0, 0)),
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
    assert pooled.null_alpha.value == pytest.approx(pooled.alpha.value, abs=0.08)
    assert pooled.null_alpha.low < pooled.alpha.value < pooled.null_alpha.high
    assert single.alpha.value > 1.97
    assert single.null_alpha.value == pytest.approx(single.alpha.value, abs=0.02)
    assert {name: getattr(pooled, name) for name in PLACE} == PLACE


def test_stable_coordinates_keep_their_tail_index_when_standardised(draw, log_normal):
    noise = sample_stable(1.5, 0.0, (2 * STEPS, LAYERS * PER_LAYER), draw)
    window = gradients(noise, log_normal)
    single = by_quantity(window_records(window, PLACE))["standardised entries"]
    assert single.alpha.value == pytest.approx(1.5, abs=0.03)
    assert single.alpha.high < single.null_alpha.low
    for record in layer_records([window, window], ["a", "b", "c"]):
        assert record.alpha.value == pytest.approx(1.5, abs=0.06)
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
        noise_norm=np.linalg.norm(vectors, axis=2),
        noise_gram=vectors @ vectors.transpose(0, 2, 1),
        mean_gradient=draw.standard_normal((epochs, 90)) * log_normal,
    )
    records = window_records(window, PLACE)
    found = by_quantity(records)
    full = found["full-batch entries"]
    assert full.null_alpha.low < full.alpha.value < full.null_alpha.high
    norms = found["noise norms"]
    assert norms.size == epochs * batches
    assert norms.null_alpha.low <= norms.alpha.value <= norms.null_alpha.high
    means, medians = (r for r in records if r.quantity == "noise vectors")
    for record in (means, medians):
        assert record.size == epochs * batches
        assert record.effective_dimension == pytest.approx(dimension, rel=0.15)
        assert record.null_alpha.low < record.alpha.value < record.null_alpha.high
    assert undefined(found["entries"].alpha)
    assert undefined(found["standardised entries"].alpha)


def test_heavy_vectors_are_told_from_gaussian_ones(draw):
    size, sets = 60, 20
    radius = np.abs(sample_stable(1.0, 0.0, (sets, size, 1), draw))
    vectors = draw.standard_normal((sets, size, 50)) * radius
    vectors -= vectors.mean(axis=1, keepdims=True)
    for record in vector_records("v", {}, vectors @ vectors.transpose(0, 2, 1), seed=0):
        assert record.alpha.high < record.null_alpha.low
        assert record.alpha.value == pytest.approx(1.0, abs=0.25)


def test_a_single_gram_matrix_has_no_interval_of_its_own_but_a_null(draw):
    vectors = draw.standard_normal((32, 200))
    vectors -= vectors.mean(axis=0)
    for record in vector_records("v", {}, (vectors @ vectors.T)[None], seed=0):
        assert np.isnan([record.alpha.low, record.alpha.high]).all()
        assert record.null_alpha.low < record.alpha.value < record.null_alpha.high


def test_effective_dimension_is_that_of_the_covariance(draw):
    spectrum = np.geomspace(1, 0.01, 300)
    expected = spectrum.sum() ** 2 / (spectrum**2).sum()
    vectors = draw.standard_normal((200, 300)) * np.sqrt(spectrum)
    vectors -= vectors.mean(axis=0)
    assert noise_dimension(vectors @ vectors.T) == pytest.approx(expected, rel=0.05)
    with pytest.raises(InputError, match="2 vectors"):
        noise_dimension(np.eye(2))


def selected(first, stop, batch_size=None):
    """Of 40 steps in epochs of 8, whose entries are their steps and whose noise is their epoch."""
    steps, per_epoch = 40, 8
    recorded = {
        "sample_value": np.arange(steps)[:, None] * np.ones(2),
        "series_gradient": np.arange(steps)[:, None] * np.ones(3),
        "series_index": np.array([0, 1, 12]),
    }
    place = np.arange(5)[:, None] + np.arange(per_epoch) / 10  # epoch.index
    epochs = {
        "noise_norm": place,
        "noise_gram": np.minimum(place[:, :5, None], place[:, None, :5]),
        "mean_gradient": np.arange(5)[:, None] * np.ones(4),
    }
    return gradients_between(recorded, epochs, np.array([10, 20]), first, stop, batch_size)


def test_selection_leaves_out_the_last_step_of_each_epoch_where_no_sizes_are_known():
    found = selected(10, 35)
    expected = [t for t in range(10, 35) if t not in (15, 23, 31)]
    assert found.entries[:, 0].tolist() == expected
    assert found.series[:, 2].tolist() == expected
    assert found.noise_norm[:, 0].tolist() == [2, 3]  # epochs from 16 to 32 lie within
    assert found.noise_norm.shape == (2, 7)
    assert found.noise_gram.shape == (2, 5, 5)
    assert found.mean_gradient[:, 0].tolist() == [2, 3]
    assert found.layer.tolist() == [0, 0, 1]
    assert found.weight.tolist() == [5, 5, 20]


def test_selection_leaves_out_no_full_batch():
    found = selected(10, 35, np.full(40, 16))
    assert found.entries[:, 0].tolist() == found.series[:, 2].tolist() == list(range(10, 35))
    assert found.noise_norm.shape == (2, 8)
    assert found.noise_gram.shape == (2, 5, 5)


def test_selection_leaves_out_the_smaller_batches_wherever_they_are():
    batch_size = np.full(40, 16)
    batch_size[[12, 18, 26, 39]] = 5  # third of its epoch, twice
    found = selected(10, 35, batch_size)
    assert found.entries[:, 0].tolist() == [t for t in range(10, 35) if t not in (12, 18, 26)]
    np.testing.assert_allclose(found.noise_norm[0], [2.0, 2.1, 2.3, 2.4, 2.5, 2.6, 2.7])
    np.testing.assert_allclose(found.noise_gram[0].diagonal(), [2.0, 2.1, 2.3, 2.4])
    assert found.mean_gradient[:, 0].tolist() == [2, 3]


def test_selection_survives_what_was_not_recorded():
    found = gradients_between({}, {}, np.array([10, 20]), 0, 100)
    assert found.entries.size == found.series.size == found.noise_norm.size == 0
    beyond = gradients_between({}, {}, np.array([10, 20]), 0, 100, np.full(60, 16))
    assert beyond.entries.size == 0
    records = window_records(found, PLACE)
    assert all(undefined(record.alpha) for record in records)
    assert layer_records([found], ["a", "b"])[1].size == 0


def test_dropped_values_are_counted():
    x = np.random.default_rng(0).standard_normal(200)
    x[:30], x[30:40] = 0, np.inf
    found = likelihood_record("q", {}, x)
    assert (found.size, found.zeros, found.nonfinite) == (160, 30, 10)
    kept = likelihood_record("q", {}, np.append(np.arange(1.0, 40), 0.0), zeros=7)
    assert (kept.size, kept.zeros) == (40, 7)
    short = likelihood_record("q", {}, x[:45])
    assert undefined(short.alpha)
    assert short.size == 5


def test_pareto_magnitudes_are_a_power_law():
    draw = np.random.default_rng(0)
    x = draw.pareto(1.5, 5000) + 1
    found = likelihood_record("q", {}, x * draw.choice([-1, 1], 5000), power=True)
    assert found.power_exponent == pytest.approx(1.5, abs=4 * found.power_error)
    assert found.exponential_ratio > 0
    assert found.exponential_p < 0.01


def test_zeros_of_a_mixture_count_as_missing():
    columns = np.random.default_rng(0).standard_normal((400, 3)) * [1.0, 2.0, 3.0]
    columns[:200, 1] = 0
    columns[5:, 2] = 0
    found = scale_mixture_of(columns, np.array([10.0, 10.0, 10.0]), np.arange(3))
    np.testing.assert_allclose(found.weights, [[10, 5, 0]])
    np.testing.assert_allclose(found.scales[0, :2], [1, 2], rtol=0.15)
    both = pooled_mixture([found, found])
    assert both.scales.shape == (2, 3)
    assert not scale_mixture_of(columns[:5], np.ones(3), np.arange(3)).defined


def test_equal_scales_give_a_gaussian_null_without_spread():
    scales, weights = np.ones((1, 20)), np.ones((1, 20))
    alpha = scale_mixture_interval(scales, weights, np.zeros(20), 5000, seed=0)
    assert alpha.value == pytest.approx(2, abs=0.02)
    assert alpha.low > 1.95
    assert alpha.high == 2
    weights = np.r_[np.ones(10), np.zeros(10)][None]
    scales = np.r_[np.ones(10), np.exp(3 * np.arange(10))][None]
    unseen = scale_mixture_interval(scales, weights, np.zeros(20), 5000, seed=0)
    assert unseen.value == pytest.approx(2, abs=0.02)


def test_mixture_density_is_the_weighted_sum_of_gaussians():
    x = np.linspace(-50, 50, 20001)
    density = scale_mixture_density(x, np.array([1.0, 5.0]), np.array([3.0, 1.0]))
    expected = 0.75 * stats.norm.pdf(x) + 0.25 * stats.norm.pdf(x, scale=5)
    np.testing.assert_allclose(density, expected, rtol=1e-12, atol=1e-300)


def test_histogram_has_unit_area_and_follows_its_null(draw, log_normal):
    window = gradients(draw.standard_normal((2 * STEPS, LAYERS * PER_LAYER)), log_normal)
    found = histogram(window.entries, entries_mixture(window))
    width = np.diff(found.edges)
    assert found.density @ width == pytest.approx(1)
    assert found.null @ width == pytest.approx(1, abs=0.02)
    assert np.abs(found.density - found.null) @ width < 0.15
    assert histogram(np.zeros((3, 3)), entries_mixture(window)) is None


def test_short_series_of_gaussians_look_heavier_when_standardised():
    short, long = standardised_null(32, 512), standardised_null(2000, 20)
    assert short.value < 1.96
    assert long.value > 1.99


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
    records = checkpoint_records(9, nan, np.full((32, 32), np.nan), np.nan, np.nan)
    assert len(records) == 3
    for record in records:
        assert record.step == 9
        assert record.size == 0
        assert undefined(record.alpha)
        assert undefined(record.null_alpha)


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
