"""Roughness along lines: Brownian lines, fractional ones, smooth functions."""

import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.landscape.line_roughness import line_roughness


def fractional_lines(hurst, lines, points, seed):
    """Exact fractional Brownian motion by the Cholesky factor of its covariance."""
    t = np.arange(1, points + 1.0)
    power = t ** (2 * hurst)
    covariance = (power[:, None] + power - np.abs(t[:, None] - t) ** (2 * hurst)) / 2
    normal = np.random.default_rng(seed).standard_normal((points, lines))
    return (np.linalg.cholesky(covariance) @ normal).T


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.8])
def test_known_exponents_come_back(hurst):
    found = line_roughness(fractional_lines(hurst, 40, 257, 0), spacing=0.1)
    assert found.hurst.value == pytest.approx(hurst, abs=0.04)
    assert found.second_fit.exponent.value / 2 == pytest.approx(hurst, abs=0.04)
    assert found.hurst.low < found.hurst.value < found.hurst.high
    np.testing.assert_allclose(found.zeta, hurst * found.orders, atol=0.15)


def test_msl_of_a_slope_is_its_square():
    found = line_roughness(3.0 * np.arange(33.0) * 0.5, spacing=0.5)
    np.testing.assert_allclose(found.msl, (3.0 * found.separation) ** 2)
    assert found.hurst.value == pytest.approx(1)
    assert np.isnan(found.hurst.low)  # one line has no interval


def test_a_parabola_has_second_differences_of_exponent_two():
    t = np.linspace(-1, 1, 65)
    found = line_roughness(np.array([t**2, 3 * t**2 + t]), spacing=t[1] - t[0])
    assert found.second_fit.exponent.value / 2 == pytest.approx(2, abs=1e-6)
    lag = round(found.separation[2] / (t[1] - t[0]))
    expected = np.mean([(2 * (lag * (t[1] - t[0])) ** 2) ** 2 * c**2 for c in (1, 3)])
    assert found.second_differences[2] == pytest.approx(expected)


def test_exponents_do_not_depend_on_units():
    lines = fractional_lines(0.5, 5, 65, 1)
    first, second = line_roughness(lines, 1.0), line_roughness(1e3 * lines, 1e-6)
    assert first.hurst.value == pytest.approx(second.hurst.value)


@pytest.mark.parametrize(
    ("loss", "spacing"),
    [(np.zeros((2, 9)), 1.0), (np.full((2, 33), np.nan), 1.0), (np.ones((2, 33)), 0.0)],
)
def test_bad_input(loss, spacing):
    with pytest.raises(InputError, match="line roughness"):
        line_roughness(loss, spacing)


@pytest.mark.parametrize("rounding", [1e-7, 1e-6])
def test_rounding_leaves_out_the_lags_it_takes_over(rounding):
    """A smooth function rounded to noise s: its MSL (r g)^2 is 100 s^2 at ten s / g."""
    t = np.linspace(-1, 1, 257)
    slopes = np.random.default_rng(3).uniform(1e-5, 2e-5, (6, 1))
    smooth = slopes * t + slopes * t**2 / 3
    noise = rounding * np.random.default_rng(4).standard_normal(smooth.shape)
    known = line_roughness(smooth + noise, t[1] - t[0], rounding)
    unknown = line_roughness(smooth + noise, t[1] - t[0])
    assert known.rounding_msl == pytest.approx(2 * rounding**2)
    assert not unknown.missing
    assert unknown.hurst.value < 0.9  # the noise passes for roughness
    if rounding == 1e-7:
        assert known.hurst.value == pytest.approx(1, abs=0.02)
        first = known.power_law.fit_low
        assert known.missing["hurst_short_lags"].startswith(f"left out below {first:.3g}")
        used = known.separation >= first * 0.999
        assert (known.msl[used] >= 100 * rounding**2).all()
    else:
        assert not known.hurst.defined
        assert known.missing["hurst"] == (
            "20 of 20 lags are below 50 times what rounding of the losses gives"
        )


def test_what_is_not_defined_says_why():
    flat = line_roughness(np.ones((3, 33)), 0.1)
    assert flat.missing["hurst"] == "the loss is the same all along the lines"
    assert not flat.hurst.defined
    one = line_roughness(fractional_lines(0.5, 1, 65, 2), 0.1)
    assert one.missing["hurst_interval"].startswith("one line")
    assert set(one.missing) == {"hurst_interval", "second_fit_interval"}
