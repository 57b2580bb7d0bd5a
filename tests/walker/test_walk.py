import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.errors import InputError
from sgdwalk.walker.terrain import Terrain, make_terrain
from sgdwalk.walker.valleys import steps_along_valleys
from sgdwalk.walker.walk import ensemble_msd, simulate_walkers

FLAT = Terrain(np.zeros((5, 5)), "flat")


def plane(slope_x, slope_y):
    axis = np.linspace(-1, 1, 11)
    return Terrain(slope_x * axis[:, None] + slope_y * axis, "plane")


def test_cone_without_noise_is_descended_along_the_radius():
    """Gradient 1/2 towards the centre: the radius shrinks by eta / 2 per step."""
    start = np.array([(0.8, 0.6), (-0.3, 0.9), (0.5, -0.5), (-0.9, 0.0)])
    walks = simulate_walkers(make_terrain("convex"), 4, 40, noise=0.0, start=start)
    radius = np.linalg.norm(start, axis=1)[:, None, None]
    shrunk = 1 - 0.01 * np.arange(41)[:, None] / radius
    # Bilinear interpolation over cells of 1/512 turns the gradient by half a cell over the radius.
    np.testing.assert_allclose(walks.positions, start[:, None] * shrunk, atol=1.5e-3)
    np.testing.assert_allclose(walks.losses, 9 + (radius * shrunk)[..., 0] / 2, atol=2e-3)
    assert not walks.stuck.any()


def test_plane_without_noise_is_descended_steadily_and_held_at_the_wall():
    walks = simulate_walkers(plane(3.0, -1.0), 2, 30, noise=0.0, start=(-0.39, 0.3))
    steps = np.minimum(np.arange(31), 10)[:, None]
    expected = np.array([-0.39, 0.3]) + steps * 0.02 * np.array([-3.0, 1.0])
    np.testing.assert_allclose(walks.positions, np.broadcast_to(expected, (2, 31, 2)), atol=1e-12)
    assert walks.stuck.tolist() == [20, 20]
    assert len(walks.select(walks.stuck == 0).losses) == 0


def test_step_is_drift_plus_noise_on_rough_terrain():
    terrain = make_terrain("spectral", 3, size=129, amplitude=0.2)
    walks = simulate_walkers(terrain, 500, 20, seed=1, start=np.full((500, 2), 0.1))
    losses, gradients = terrain.loss_and_gradient(walks.positions)
    np.testing.assert_allclose(walks.losses, losses, atol=1e-13)
    np.testing.assert_allclose(walks.gradients, gradients, atol=1e-13)
    assert np.abs(walks.positions).max() < 0.9  # no walls involved
    shocks = np.diff(walks.positions, axis=1) + 0.02 * walks.gradients[:, :-1]
    assert stats.kstest(shocks.ravel() / 0.01, "norm").pvalue > 1e-3


def test_proposals_outside_are_redrawn_up_to_a_hundred_times():
    """From the corner, drift pressing out of it: truncated normal, failures (1 - p)^100."""
    slopes, noise = np.array([1.1, 0.4]), 0.01
    walkers = 20_000
    walks = simulate_walkers(plane(*slopes), walkers, 1, seed=2, start=(-1, -1))
    gap = 0.02 * slopes / noise  # drift beyond the wall, in units of the noise
    inside = np.prod(ndtr(-gap))
    failing = (1 - inside) ** 101
    assert 0.2 < failing < 0.8
    spread = np.sqrt(failing * (1 - failing) / walkers)
    assert walks.stuck.mean() == pytest.approx(failing, abs=5 * spread)
    moved = walks.stuck == 0
    assert np.all(walks.positions[~moved, 1] == -1)
    step = (walks.positions[moved, 1] + 1) / noise
    for axis in (0, 1):
        law = stats.truncnorm(gap[axis], np.inf, loc=-gap[axis])
        assert stats.kstest(step[:, axis], law.cdf).pvalue > 1e-3


def test_redraws_at_the_upper_walls_mirror_those_at_the_lower():
    walks = simulate_walkers(plane(-1.1, -0.4), 20_000, 1, seed=3, start=(1, 1))
    failing = (1 - ndtr(-2.2) * ndtr(-0.8)) ** 101
    assert walks.stuck.mean() == pytest.approx(failing, abs=0.02)
    assert np.abs(walks.positions).max() <= 1


def test_pure_noise_on_flat_terrain_diffuses_normally():
    walks = simulate_walkers(FLAT, 400, 100, seed=4, start=(0, 0))
    curves = ensemble_msd(walks)
    expected = 2 * 0.01**2 * curves.lags
    # At lag tau the mean over 400 independent displacements in two dimensions.
    error = 5 / np.sqrt(400)
    np.testing.assert_allclose(curves.ensemble_averaged, expected, rtol=error)
    time_averaged = curves.time_averaged.mean(axis=0)
    np.testing.assert_allclose(time_averaged, expected, rtol=error)
    exponent = np.polyfit(np.log(curves.lags[:50]), np.log(time_averaged[:50]), 1)[0]
    assert exponent == pytest.approx(1, abs=0.05)


def test_pure_noise_saturates_at_the_walls_as_the_exact_chain_does():
    """Redrawing makes each coordinate a Markov chain with a truncated normal kernel."""
    noise, steps = 0.1, 400
    cells = 200
    centres = (np.arange(cells) + 0.5) * 2 / cells - 1
    kernel = np.exp(-((centres[:, None] - centres) ** 2) / (2 * noise**2))
    weight = kernel.sum(axis=1)
    kernel /= weight[:, None]
    stationary = weight / weight.sum()  # detailed balance: the kernel is symmetric but for weight
    walks = simulate_walkers(FLAT, 250, steps + 100, seed=5, noise=noise)
    measured = ensemble_msd(walks, first=100).time_averaged
    error = 5 * measured.std(axis=0) / np.sqrt(250)
    squares, moved = centres**2, centres.copy()
    for lag in range(1, 201):
        moved = kernel @ moved
        if lag in (1, 10, 100, 200):
            exact = 2 * 2 * (stationary @ squares - stationary @ (centres * moved))
            assert abs(measured[:, lag - 1].mean() - exact) < error[lag - 1]
    assert exact == pytest.approx(4 * stationary @ squares, rel=0.15)


def test_walks_are_reproducible_and_start_where_asked():
    terrain = make_terrain("shuffled", 0, size=65)
    first, second = (simulate_walkers(terrain, 20, 30, seed=6) for _ in range(2))
    assert np.array_equal(first.positions, second.positions)
    assert not np.array_equal(first.positions, simulate_walkers(terrain, 20, 30, seed=7).positions)
    assert first.positions.shape == first.gradients.shape == (20, 31, 2)
    assert first.losses.shape == (20, 31)
    assert first.stuck.shape == (20,)
    uniform = simulate_walkers(terrain, 5000, 1).positions[:, 0]
    assert stats.kstest(uniform.ravel(), stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert np.all(simulate_walkers(terrain, 3, 1, start=(-1, -1)).positions[:, 0] == -1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"walkers": 0}, "walkers"),
        ({"steps": 0}, "steps"),
        ({"noise": -1}, "noise"),
        ({"learning_rate": np.nan}, "learning_rate"),
        ({"start": (0, 0, 0)}, "start: shape"),
        ({"start": (0, 1.1)}, "start: points"),
        ({"start": (0, np.nan)}, "start: points"),
    ],
)
def test_bad_simulations_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        simulate_walkers(FLAT, **arguments)


def test_msd_is_that_of_the_networks():
    """The code that serves networks works on Gram matrices: same numbers, from each walker's."""
    walks = simulate_walkers(make_terrain("shuffled", size=65), 70, 60, seed=10)
    curves = ensemble_msd(walks, first=3)
    for walker in (0, 63, 64, 69):
        increments = np.diff(walks.positions[walker, 3:], axis=0)
        lags, msd = mean_squared_displacement(increments @ increments.T)
        assert np.array_equal(lags, curves.lags)
        np.testing.assert_allclose(curves.time_averaged[walker], msd, rtol=1e-10)


def test_walk_does_not_repeat_the_numbers_that_made_its_terrain():
    starts = simulate_walkers(FLAT, 4, 1, seed=11).positions[:, 0].ravel()
    assert not np.isin(starts, np.random.default_rng(11).uniform(-1, 1, 8)).any()


def test_msd_of_a_stretch_matches_the_definition():
    walks = simulate_walkers(make_terrain("convex", size=33), 3, 40, seed=8)
    curves = ensemble_msd(walks, first=5, last=25)
    x = walks.positions[:, 5:26]
    assert curves.lags.tolist() == list(range(1, 21))
    for lag in (1, 7, 20):
        squared = np.sum((x[:, lag:] - x[:, :-lag]) ** 2, axis=2)
        np.testing.assert_allclose(curves.time_averaged[:, lag - 1], squared.mean(axis=1))
        np.testing.assert_allclose(curves.ensemble_averaged[lag - 1], squared[:, 0].mean())
    for first, last in ((-1, 5), (5, 6), (5, 41)):
        with pytest.raises(InputError, match="stretch"):
            ensemble_msd(walks, first, last)


def test_steps_in_a_trough_are_resolved_along_and_across_it():
    """A trough at 30 degrees: free along it, an Ornstein-Uhlenbeck walk across."""
    axis, angle, stiffness = np.linspace(-1, 1, 401), np.pi / 6, 10.0
    across = -np.sin(angle) * axis[:, None] + np.cos(angle) * axis
    trough = Terrain(stiffness / 2 * across**2, "trough")
    walks = simulate_walkers(trough, 200, 300, seed=9, start=(0, 0))
    resolved = steps_along_valleys(walks, trough)
    total = resolved.along**2 + resolved.across**2
    squared = np.sum(np.diff(walks.positions, axis=1) ** 2, axis=2)
    np.testing.assert_allclose(total, squared, atol=1e-14)
    assert resolved.inside.mean() > 0.99
    settled = np.s_[:, 50:]
    assert np.mean(resolved.along[settled] ** 2) == pytest.approx(0.01**2, rel=0.03)
    # x <- (1 - k) x + s xi: the stationary steps have variance 2 s^2 / (2 - k).
    variance = 2 * 0.01**2 / (2 - 0.02 * stiffness)
    assert np.mean(resolved.across[settled] ** 2) == pytest.approx(variance, rel=0.03)
    raised = steps_along_valleys(walks, Terrain(trough.values + 100, "raised trough"))
    np.testing.assert_array_equal(raised.inside, resolved.inside)
    np.testing.assert_allclose(raised.along, resolved.along, atol=1e-9)
    ridge = Terrain(-trough.values, "ridge")
    assert not steps_along_valleys(walks, ridge).inside.any()
    with pytest.raises(InputError, match="scale"):
        steps_along_valleys(walks, trough, scale=0)
