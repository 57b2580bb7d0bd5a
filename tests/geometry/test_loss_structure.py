import cases
import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import contour_lengths, squared_distances
from sgdwalk.geometry.loss_roughness import mean_squared_loss_difference
from sgdwalk.geometry.loss_structure import structure_functions
from sgdwalk.geometry.smooth_losses import SmoothLandscape


def test_structure_functions_of_a_gaussian_landscape_are_monofractal():
    distance, loss = cases.free_walk(8, 0.5)
    result = structure_functions(distance, distance, loss, None, seed=0)
    assert result.null.low < result.curvature.value < result.null.high
    assert result.p > 0.05
    assert result.curvature.low < 0 < result.curvature.high
    np.testing.assert_allclose(result.zeta, 0.5 * result.orders, atol=0.25)
    second = mean_squared_loss_difference(distance, loss)
    np.testing.assert_allclose(result.moments[3], second.msl)
    assert result.zeta[3] == pytest.approx(second.fit.exponent.value)
    np.testing.assert_allclose(result.monofractal_zeta / result.orders, result.zeta[3] / 2)


def test_a_multifractal_walk_has_negative_curvature():
    # Multifractal random walk of intermittency 0.1 (Bacry, Delour and Muzy 2001):
    # zeta(q) = 0.6 q - 0.05 q^2 below the integral scale, here the window.
    curvature, zeta, p = [], [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        lag = np.arange(1000)
        covariance = 0.1 * np.log(np.maximum(1000 / (lag + 1), 1))
        embedded = np.concatenate([covariance, [0.0], covariance[:0:-1]])
        eigenvalues = np.maximum(np.fft.fft(embedded).real, 0)
        noise = rng.standard_normal(2000) + 1j * rng.standard_normal(2000)
        omega = np.fft.fft(np.sqrt(eigenvalues / 2000) * noise).real[:1000]
        loss = np.cumsum(np.exp(omega) * rng.standard_normal(1000))
        contour = contour_lengths(np.ones((999, 999)))
        smooth = SmoothLandscape(np.ones((999, 999)), loss)
        result = structure_functions(contour, contour + contour.T, loss, smooth, seed)
        curvature.append(result.curvature.value)
        zeta.append(result.zeta[3])
        p.append(result.p)
    assert np.mean(curvature) == pytest.approx(-0.05, abs=0.03)
    assert np.mean(zeta) == pytest.approx(1.0, abs=0.15)
    assert np.median(p) < 0.05


def test_a_bowl_along_a_line_is_no_multifractal():
    without, beside = [], []
    for seed in range(6):
        places = cases.brownian(np.random.default_rng(seed), 150, 1).cumsum(axis=0)
        gram = cases.gram_of_positions(places)
        loss = (places[:, 0] - 5) ** 2
        distance = np.sqrt(squared_distances(gram))
        smooth = SmoothLandscape(gram, loss)
        without.append(structure_functions(distance, distance, loss, None, seed).p)
        beside.append(structure_functions(distance, distance, loss, smooth, seed).p)
    assert min(without) < 0.05
    assert min(beside) > 0.05


def test_a_structure_function_needs_losses_that_belong_to_its_positions():
    with pytest.raises(InputError, match=r"\(T, T\)"):
        structure_functions(np.ones((30, 30)), np.ones((30, 30)), np.zeros(29), None, seed=0)


def test_level_losses_have_no_exponents():
    result = structure_functions(np.ones((30, 30)), np.ones((30, 30)), np.zeros(30), None, seed=0)
    assert np.isnan(result.p)
    assert not result.null.defined
    assert not result.curvature.defined
