import cases
import numpy as np
import pytest
from sklearn.decomposition import PCA

from sgdwalk.errors import InputError
from sgdwalk.geometry.components import (
    FRAMES,
    brownian_shares,
    variance_shares,
    walk_modes,
)


def test_modes_are_those_of_the_positions():
    increments = cases.brownian(np.random.default_rng(0), 199, 6)
    positions = np.vstack([np.zeros(6), increments.cumsum(axis=0)])
    modes = walk_modes(cases.gram(increments), 4)
    peer = PCA(4).fit(positions)
    np.testing.assert_allclose(modes.variance, peer.explained_variance_)
    np.testing.assert_allclose(modes.shares["centred"], peer.explained_variance_ratio_)
    np.testing.assert_allclose(np.abs(modes.coordinates), np.abs(peer.transform(positions)))


@pytest.mark.parametrize("dimension", [1, 3, 300])
def test_shares_are_those_of_singular_values_in_every_frame(dimension):
    increments = cases.brownian(np.random.default_rng(0), 150, dimension)
    places = cases.positions(increments)
    away = places[1:]
    matrices = {
        "centred": places - places.mean(axis=0),
        "uncentred": away,
        "row_normalised": away / np.linalg.norm(away, axis=1)[:, None],
    }
    found = variance_shares(cases.gram(increments), 4)
    assert tuple(found) == FRAMES
    for frame, matrix in matrices.items():
        squares = np.pad(np.linalg.svd(matrix, compute_uv=False) ** 2, (0, 4))
        np.testing.assert_allclose(found[frame], squares[:4] / squares.sum(), atol=1e-4)


def test_a_long_brownian_walk_in_many_dimensions_has_the_known_shares():
    """Checked on its expected inner products, `min(s, t)`."""
    found = variance_shares(np.eye(2000), 4)
    for frame in FRAMES:
        np.testing.assert_allclose(found[frame], brownian_shares(frame, 4), rtol=1.5e-3)
    assert brownian_shares("uncentred", 4) == pytest.approx([0.811, 0.090, 0.032, 0.017], abs=6e-4)
    assert brownian_shares("centred", 2000).sum() == pytest.approx(1, abs=1e-3)
    assert brownian_shares("uncentred", 2000).sum() == pytest.approx(1, abs=1e-3)
    assert brownian_shares("row_normalised", 2000).sum() == pytest.approx(1, abs=1e-3)


def test_positions_at_rest_at_first_have_no_direction():
    increments = cases.brownian(np.random.default_rng(2), 100, 4)
    increments[:30] = 0
    found = variance_shares(cases.gram(increments), 3)["row_normalised"]
    rest = variance_shares(cases.gram(increments[30:]), 3)["row_normalised"]
    np.testing.assert_allclose(found, rest, atol=1e-4)


def test_a_walk_that_does_not_move_has_no_shares():
    with pytest.raises(InputError, match="does not move"):
        variance_shares(np.zeros((9, 9)), 2)


def test_another_frame_is_named():
    with pytest.raises(InputError, match="allowed: centred"):
        brownian_shares("whitened", 2)


def test_a_brownian_walk_looks_like_cosines():
    modes = walk_modes(cases.gram(cases.brownian(np.random.default_rng(1), 999, 400)), 10)
    assert modes.dimension == pytest.approx(400, rel=0.05)
    for k in range(3):
        cosine = np.corrcoef(modes.coordinates[:, k], modes.brownian_coordinates[:, k])[0, 1]
        assert cosine > 0.95
    np.testing.assert_allclose(
        modes.brownian_coordinates.var(axis=0, ddof=1), modes.variance, rtol=1e-6
    )
