"""Piecewise lines against splines of SciPy and lines of NumPy, and how often noise is split."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.interpolate import LSQUnivariateSpline

from sgdwalk.fits.pieces import PieceFamily, choose_pieces, slope_weights

X = np.linspace(0, np.log(250), 36)
WIDTH = np.log(3)
COUNTS = pytest.mark.parametrize("count", [1, 2, 3])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def line(slopes, knots=()):
    """Continuous line through the origin, of these slopes between these places."""
    y = slopes[0] * X
    for before, after, knot in zip(slopes, slopes[1:], knots, strict=False):
        y = y + (after - before) * np.maximum(X - knot, 0)
    return y


def spline(x, y, weights, knots):
    """The best continuous line with these knots; SciPy's weights are of what is squared."""
    return LSQUnivariateSpline(x, y, x[np.array(knots[1:-1], dtype=int)], w=np.sqrt(weights), k=1)


def chosen(y, errors):
    return choose_pieces(X, y, np.full(X.size, 1 / errors.var()), errors, WIDTH)[0]


@COUNTS
def test_all_knots_that_leave_room_are_tried(count):
    x = np.linspace(0, 4, 16) + np.random.default_rng(1).uniform(-0.1, 0.1, 16)
    wanted = [
        (0, *inner, 15)
        for inner in combinations(range(16), count - 1)
        if all(b >= a + 3 and x[b] - x[a] >= 0.9 for a, b in pairwise((0, *inner, 15)))
    ]
    assert len(wanted) >= count
    found = PieceFamily(x, np.ones(16), count, 0.9).knots
    assert sorted(map(tuple, found.tolist())) == sorted(wanted)


def test_a_piece_may_be_as_short_as_the_width():
    """To rounding, as lags 1 and 3 are."""
    x = np.log([1, 1.4, 2, 3, 4, 6, 9])
    np.testing.assert_array_equal(PieceFamily(x, np.ones(7), 2, WIDTH).knots, [[0, 3, 6]])
    assert not PieceFamily(x[:-1], np.ones(6), 2, WIDTH)
    assert PieceFamily(x[:-1], np.ones(6), 1, WIDTH)


@COUNTS
def test_the_best_knots_are_those_of_the_best_spline(rng, count):
    x = np.linspace(0, 4, 16) + rng.uniform(-0.1, 0.1, 16)
    weights = rng.uniform(0.1, 10, 16)
    rows = np.sin(2 * x) + 0.3 * rng.standard_normal((3, 16))
    family = PieceFamily(x, weights, count, 0.9)
    every = [[spline(x, y, weights, k).get_residual() for k in family.knots] for y in rows]
    np.testing.assert_allclose(family.squares(rows), np.min(every, axis=1), rtol=1e-9)
    np.testing.assert_array_equal(family.best(rows), np.argmin(every, axis=1))
    for y, best in zip(rows, np.argmin(every, axis=1), strict=True):
        found, knots = family.pieces(y), family.knots[best]
        np.testing.assert_array_equal(found.knots, knots)
        np.testing.assert_allclose(found.fitted, spline(x, y, weights, knots)(x), atol=1e-9)
        alone = [np.polyfit(x[a : b + 1], y[a : b + 1], 1)[0] for a, b in pairwise(knots)]
        np.testing.assert_allclose(found.slopes, alone)


def test_one_piece_is_a_weighted_line(rng):
    weights, y = rng.uniform(0.1, 10, X.size), rng.standard_normal(X.size)
    found = PieceFamily(X, weights, 1, WIDTH).pieces(y)
    expected = np.polyval(np.polyfit(X, y, 1, w=np.sqrt(weights)), X)
    np.testing.assert_allclose(found.fitted, expected)


def test_slope_weights_give_the_least_squares_slope(rng):
    y = rng.standard_normal(X.size)
    assert slope_weights(X) @ y == pytest.approx(np.polyfit(X, y, 1)[0])
    assert slope_weights(X) @ (2.5 * X - 7) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("slopes", "places"),
    [
        ((0.7,), ()),
        ((0.7, 1.4), (20,)),
        ((1.4, 0.7), (15,)),
        ((0.8, 1.4, 0.6), (12, 24)),
        ((1.0, 1.2, 1.0), (12, 24)),
    ],
)
def test_pieces_are_found_where_they_are(rng, slopes, places):
    errors = 1e-3 * rng.standard_normal((200, X.size))
    found = chosen(line(slopes, X[list(places)]), errors)
    np.testing.assert_array_equal(found.knots, [0, *places, 35])
    np.testing.assert_allclose(found.slopes, slopes)
    np.testing.assert_allclose(found.fitted, line(slopes, X[list(places)]), atol=1e-9)


@pytest.mark.parametrize(("change", "count"), [(0.04, 1), (0.06, 2)])
def test_slopes_that_hardly_differ_are_one(rng, change, count):
    y = line((1.0, 1.0 + change), (X[18],))
    assert len(chosen(y, 1e-4 * rng.standard_normal((200, X.size))).slopes) == count


def test_a_range_too_short_for_two_pieces_has_one(rng):
    x = X[:14]
    assert x[-1] < 2 * WIDTH
    found, family = choose_pieces(
        x, x**2, np.ones(14), 1e-3 * rng.standard_normal((200, 14)), WIDTH
    )
    assert family.count == 1
    assert found.slopes == pytest.approx(np.polyfit(x, x**2, 1)[:1])


@pytest.mark.parametrize("memory", [0.0, 0.95])
def test_noise_is_split_at_its_level(rng, memory):
    """3 % by two pieces and 1 % of the rest by three, or fewer: of 250, more than 22 in 0.1 %."""
    distance = np.abs(np.arange(X.size) - np.arange(X.size)[:, None])
    root = 0.1 * np.linalg.cholesky(memory**distance)
    errors = rng.standard_normal((600, X.size)) @ root.T
    lines = line((1.0,)) + rng.standard_normal((250, X.size)) @ root.T
    split = sum(len(chosen(y, errors).slopes) > 1 for y in lines)
    assert 1 <= split <= 22


def test_a_wave_about_a_line_is_three_pieces_in_spite_of_noise(rng):
    errors = 0.12 * rng.standard_normal((600, X.size))
    y = line((1.0, 1.4, 1.0), (X[12], X[23]))
    lines = y + 0.12 * rng.standard_normal((30, X.size))
    assert [len(chosen(y, errors).slopes) for y in lines].count(3) >= 25
