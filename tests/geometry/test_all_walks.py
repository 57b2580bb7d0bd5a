"""Every analysis of geometry meets every walk: right, or refused in one line."""

import warnings

import cases
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sgdwalk.geometry.distances import contour_lengths, principal_components, squared_distances
from sgdwalk.geometry.effective_dimension import effective_dimension
from sgdwalk.geometry.velocity import velocity_autocorrelation
from sgdwalk.geometry.window import WindowGeometry, analyse_window
from sgdwalk.recording.trajectory import Window

# Where nan says that a number is not defined: in an estimate or a fit, in the error of a bin that
# rests on one block of time, in a distance that cannot be told from rounding.
MAY_BE_UNDEFINED = {
    *("value", "low", "high", "dimension", "p"),
    *("exponent", "exponent_low", "exponent_high", "prefactor", "fit_low", "fit_high"),
    *("error", "msl_error", "msl_upper", "moments_error", "excursion_squared"),
}
NOT_RECORDED = {"distance.probe", "contour.probe", "smooth_probe"}
WITH_MSD = [walk for walk in cases.WALKS if walk.msd is not None and walk.msd(1) > 0]
# One power law, and room for an excursion.
ORDINARY = [walk for walk in cases.WALKS if walk.exponent not in (None, 2.0) and walk.dimension > 1]


def analysed(increments, probe=False) -> WindowGeometry:
    """The window of a walk in a bowl, every warning an error."""
    losses = ((cases.positions(increments) - 3.0) ** 2).sum(axis=1)
    step = np.arange(len(losses))
    window = Window(
        len(losses), 1, 0, cases.gram(increments), losses, step, losses if probe else None
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return analyse_window(window, None, fragments=(20, 50), components=10, seed=0)


def absent(found: WindowGeometry) -> set[str]:
    """Names of the analyses without a result."""
    none = {name for name, result in vars(found).items() if result is None}
    for separation in ("distance", "contour"):
        curves = vars(getattr(found, separation))
        none |= {f"{separation}.{name}" for name, curve in curves.items() if curve is None}
    none |= {
        f"velocity.{n}" for n in {"autocorrelation", "reversals", "cosine"} - {*found.velocity}
    }
    sources = {"minibatch": found.distance.minibatch, "probe": found.distance.probe}
    none |= {f"smooth_{name}" for name, c in sources.items() if c is None or c.smooth is None}
    none |= {f"excursions.{length}" for length in {"20", "50"} - {*found.excursions}}
    none |= set() if found.nulls else {"nulls"}
    return none


@cases.every_walk()
def test_distances_and_path_lengths_are_those_of_the_positions(walk):
    increments = walk(seed=0)
    places, gram = cases.positions(increments), cases.gram(increments)
    squares = cdist(places, places, "sqeuclidean")
    # Directly, too, a distance is only as good as the digits of the positions.
    rounding = 1e-15 * (places**2).sum(axis=1).max()
    np.testing.assert_allclose(squared_distances(gram), squares, rtol=1e-10, atol=rounding)
    travelled = np.concatenate([[0.0], np.linalg.norm(increments, axis=1).cumsum()])
    between = np.triu(travelled - travelled[:, None])
    np.testing.assert_allclose(contour_lengths(gram), between, atol=1e-12 * travelled[-1])


def test_a_repeated_position_is_at_no_distance():
    (walk,) = [walk for walk in cases.WALKS if walk.name == "repeated_positions"]
    squares = squared_distances(cases.gram(walk(seed=0)))
    assert np.count_nonzero(squares == 0) > 2 * len(squares)


@cases.every_walk()
def test_all_components_together_have_the_distances_of_the_walk(walk):
    gram = cases.gram(walk(seed=1))
    squares = squared_distances(gram)
    coordinates, variance = principal_components(gram, len(gram))
    found = cdist(coordinates, coordinates, "sqeuclidean")
    np.testing.assert_allclose(found, squares, atol=1e-11 * squares.max())
    np.testing.assert_allclose((coordinates**2).sum(axis=0) / len(gram), variance)
    assert np.all(variance[walk.dimension :] <= 1e-12 * variance[0])


@pytest.mark.parametrize("probe", [False, True], ids=["minibatch", "probe"])
@cases.every_walk()
def test_a_window_has_finite_results_or_a_reason(walk, probe):
    found = analysed(walk(seed=int(probe)), probe)
    for name, values in cases.numbers(found):
        assert not np.isinf(values).any(), name
        if name.split(".")[-1] not in MAY_BE_UNDEFINED:
            assert not np.isnan(values).any(), name
    none = absent(found) - (set() if probe else NOT_RECORDED)
    assert none == found.missing.keys()
    assert all(reason and "\n" not in reason for reason in found.missing.values())


@cases.every_walk(ORDINARY)
def test_ordinary_walks_have_all_their_numbers(walk):
    found = analysed(walk(seed=2))
    # A lattice walk may rest or come back at any time: H has no logarithm to fit.
    lattice = {"exponents"} if walk.name == "repeated_positions" else set()
    assert absent(found) <= NOT_RECORDED | lattice
    for part in (found.path.dimension, found.modes, found.velocity, found.homology.dimension):
        for name, values in cases.numbers(part):
            assert np.isfinite(values).all(), name


@cases.every_walk(WITH_MSD)
def test_the_expected_msd_gives_the_autocorrelation(walk):
    """Increments correlate as half the second difference of the MSD."""
    lag = np.arange(1, 5)
    curves = [velocity_autocorrelation(cases.gram(walk(s)), largest_lag=4).value for s in range(20)]
    expected = (walk.msd(lag + 1) - 2 * walk.msd(lag) + walk.msd(lag - 1)) / (2 * walk.msd(1))
    error = np.std(curves, axis=0, ddof=1) / np.sqrt(20)
    np.testing.assert_array_less(np.abs(np.mean(curves, axis=0) - expected), 5 * error + 1e-9)


@cases.every_walk()
def test_a_walk_has_no_more_effective_dimensions_than_its_space(walk):
    assert max(effective_dimension(cases.gram(walk(s))) for s in range(3)) < 2 * walk.dimension
