"""Spectra of walks whose spectra and dimensions are known, from their Gram matrices alone."""

import cases
import numpy as np
import pytest

from sgdwalk.geometry.effective_dimension import effective_dimension
from sgdwalk.geometry.spectrum import cosine_modes, pooled_dimension, sine_modes, smooth_spectrum

STEPS, SEEDS = 400, range(10)
J = np.arange(1, STEPS)


def spectrum_of(increments, first=1):
    return smooth_spectrum(cosine_modes(cases.gram(increments)), first)


def spectra(walk):
    """Of ten walks; `walk` takes a generator and a number of steps."""
    return [spectrum_of(walk(np.random.default_rng(seed), STEPS)) for seed in SEEDS]


def shrinking(factor, dimension):
    """Steps that shrink by a factor, exponentially, over the walk."""
    size = factor ** -((np.arange(STEPS) + 0.5) / STEPS)
    return lambda rng, count: size[:, None] * cases.brownian(rng, count, dimension)


def off(found, exact):
    """Largest relative deviation of the mean of spectra, over all modes."""
    return np.abs(np.mean([one.power(J) for one in found], axis=0) / exact - 1).max()


# --- modes


def test_modes_are_sums_of_increments_times_cosines_and_sines():
    n = 30
    steps = cases.brownian(np.random.default_rng(0), n, 4) + 1.0
    j, t = np.arange(n)[:, None], np.arange(n)
    cosines = np.sqrt(2 / n) * np.cos(np.pi * j * (t + 0.5) / n) @ steps
    cosines[0] /= np.sqrt(2)
    np.testing.assert_allclose(cosine_modes(cases.gram(steps)), cases.gram(cosines), atol=1e-12)
    sines = np.sqrt(2 / (n + 1)) * np.sin(np.pi * (j + 1) * (t + 1) / (n + 1)) @ steps
    found = sine_modes(cases.gram(steps))
    np.testing.assert_allclose(found[1:, 1:], cases.gram(sines), atol=1e-12)
    assert not found[0].any()
    assert not found[:, 0].any()


def test_a_drift_is_in_no_mode_but_the_first():
    steps = cases.brownian(np.random.default_rng(1), 100, 5)
    for one, other in zip(
        vars(spectrum_of(steps)).values(), vars(spectrum_of(steps + 3.0)).values(), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_modes_below_the_first_that_is_used_say_nothing():
    modes = cosine_modes(cases.gram(cases.brownian(np.random.default_rng(2), 100, 5)))
    other = modes.copy()
    other[:7], other[:, :7] = 50.0, 50.0
    one, two = smooth_spectrum(modes, 7), smooth_spectrum(other, 7)
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(two, name))


# --- power


@pytest.mark.parametrize(("dimension", "largest"), [(1, 0.3), (30, 0.1), (300, 0.03)])
def test_white_noise_has_a_flat_spectrum(dimension, largest):
    found = spectra(lambda rng, n: cases.brownian(rng, n, dimension))
    assert off(found, dimension) < largest
    assert np.mean([one.power(J).mean() for one in found]) == pytest.approx(dimension, rel=0.1)


@pytest.mark.parametrize("memory", [0.8, 0.95, -0.6])
def test_an_autoregressive_walk_has_its_spectrum(memory):
    """`(1 - m^2) / (1 + m^2 - 2 m cos w)` per dimension."""
    found = spectra(lambda rng, n: cases.autoregressive(rng, n, 100, memory))
    exact = 100 * (1 - memory**2) / (1 + memory**2 - 2 * memory * np.cos(np.pi * J / STEPS))
    assert off(found, exact) < 0.12


@pytest.mark.parametrize("hurst", [0.2, 0.3, 0.7, 0.9])
def test_fractional_noise_has_a_power_law(hurst):
    """Its spectrum goes as `w^(1 - 2 H)`."""
    found = spectra(lambda rng, n: cases.fractional(rng, n, 100, hurst))
    modes = np.geomspace(2, 60, 20)
    slopes = [np.polyfit(np.log(modes), np.log(one.power(modes)), 1)[0] for one in found]
    assert np.mean(slopes) == pytest.approx(1 - 2 * hurst, abs=0.07)
    assert np.std(slopes) < 0.05


def test_below_its_first_band_a_spectrum_goes_on_with_its_slope():
    """A power law down to half a mode, level below."""
    walks = [cases.fractional(np.random.default_rng(s), STEPS, 300, 0.8) for s in SEEDS]
    every = [spectrum_of(walk, first=20) for walk in walks]
    assert np.mean([one.lowest_slope for one in every]) == pytest.approx(-0.6, abs=0.1)
    found = every[0]
    low = np.array([0.5, 1.0, 2.0, 4.0])
    slopes = np.diff(np.log(found.power(low))) / np.log(2)
    np.testing.assert_allclose(slopes, found.lowest_slope)
    assert found.power(np.zeros(1)) == found.power(np.array([0.5]))


def test_products_are_those_of_the_lowest_modes():
    """Means over 400 walks whose steps shrink fivefold; a trend ties neighbouring modes."""
    rng, n, dimension = np.random.default_rng(0), 60, 20
    size = 5.0 ** -((np.arange(n) + 0.5) / n)
    every = [
        cosine_modes(cases.gram(size[:, None] * cases.brownian(rng, n, dimension)))
        for _ in range(400)
    ]
    seen = np.mean(every, axis=0)[:4, :4]
    found = smooth_spectrum(np.mean(every, axis=0), 1).products(4)
    np.testing.assert_allclose(found, seen, atol=0.07 * seen[0, 0])
    assert np.abs(seen - np.diag(seen.diagonal())).max() > 0.4 * seen[0, 0]


# --- dimension


@pytest.mark.parametrize("dimension", [1, 3, 30, 300])
@pytest.mark.parametrize("memory", [0.0, 0.8, -0.6])
def test_equal_directions_are_counted(dimension, memory):
    steps = [
        cases.autoregressive(np.random.default_rng(s), STEPS, dimension, memory) for s in SEEDS
    ]
    found = [np.exp(spectrum_of(one).log_dimension) for one in steps]
    middle = np.mean(found, axis=0)[len(found[0]) // 2 :]
    np.testing.assert_allclose(middle, dimension, rtol=0.1)
    pooled = [pooled_dimension(cosine_modes(cases.gram(one)), 1) for one in steps]
    assert np.mean(pooled) == pytest.approx(dimension, rel=0.05)


def test_unequal_directions_count_by_their_variances():
    variances = np.geomspace(1, 0.01, 100)
    expected = variances.sum() ** 2 / (variances**2).sum()
    found = spectra(lambda rng, n: np.sqrt(variances) * cases.brownian(rng, n, 100))
    middle = np.mean([np.exp(one.log_dimension) for one in found], axis=0)[10:]
    np.testing.assert_allclose(middle, expected, rtol=0.1)


def test_slow_and_fast_motion_have_dimensions_of_their_own():
    """A slow walk in 3 dimensions and a fast one in 200."""

    def slow_and_fast(rng, n):
        slow, fast = (cases.autoregressive(rng, n, d, m) for d, m in ((3, 0.97), (200, -0.5)))
        return np.hstack([5 * slow, fast])

    found = np.mean([one.dimension(J) for one in spectra(slow_and_fast)], axis=0)
    assert found[:4].min() > 2.5
    assert found[:4].max() < 6
    np.testing.assert_allclose(found[-100:], 200, rtol=0.1)


# --- trend


@pytest.mark.parametrize("dimension", [3, 30, 300])
@pytest.mark.parametrize("factor", [1.0, 3.0, 10.0])
def test_a_trend_of_the_steps_is_found_and_takes_no_dimensions(dimension, factor):
    walk = shrinking(factor, dimension)
    found = spectra(walk)
    trends = [one.trend for one in found]
    spread = 0.5 / np.sqrt(dimension)
    assert np.mean(trends) == pytest.approx(-2 * np.log(factor), abs=spread)
    assert np.std(trends) < 2 * spread
    dimensions = [
        effective_dimension(cases.gram(walk(np.random.default_rng(s), STEPS))) for s in SEEDS
    ]
    assert np.mean(dimensions) == pytest.approx(dimension, rel=0.05)


def test_without_its_trend_a_walk_would_seem_to_have_few_directions():
    """What the trend corrects: as many as it has steps of one size, of 300."""
    gram = cases.gram(shrinking(10.0, 300)(np.random.default_rng(0), STEPS))
    off_diagonal = gram[np.triu_indices(STEPS, 1)]
    naive = gram.diagonal().mean() ** 2 / np.mean(off_diagonal**2)
    assert naive > 270  # of uncorrelated steps no correction is needed in time,
    modes = cosine_modes(gram)
    neighbours = modes.diagonal(1)[1:] ** 2
    powers = (modes.diagonal()[1:-1] * modes.diagonal()[2:]).mean()
    assert powers / neighbours.mean() < 5  # of modes one is
    assert effective_dimension(gram) == pytest.approx(300, rel=0.15)
