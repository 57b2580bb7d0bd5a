import cases
import numpy as np
import pytest
from sklearn.decomposition import PCA

from sgdwalk.geometry.components import walk_modes


def test_modes_are_those_of_the_positions():
    increments = cases.brownian(np.random.default_rng(0), 199, 6)
    positions = np.vstack([np.zeros(6), increments.cumsum(axis=0)])
    modes = walk_modes(cases.gram(increments), 4)
    peer = PCA(4).fit(positions)
    np.testing.assert_allclose(modes.variance, peer.explained_variance_)
    np.testing.assert_allclose(modes.share, peer.explained_variance_ratio_)
    np.testing.assert_allclose(np.abs(modes.coordinates), np.abs(peer.transform(positions)))


def test_a_brownian_walk_meets_its_null():
    modes = walk_modes(cases.gram(cases.brownian(np.random.default_rng(1), 999, 400)), 10)
    inside = (modes.share_low < modes.brownian) & (modes.brownian < modes.share_high)
    assert inside.sum() >= 8
    assert np.sum(np.abs(modes.share - modes.brownian) < 2.6 * modes.brownian_error) >= 9
    assert modes.dimension == pytest.approx(400, rel=0.05)
    for k in range(3):
        cosine = np.corrcoef(modes.coordinates[:, k], modes.brownian_coordinates[:, k])[0, 1]
        assert cosine > 0.95
    np.testing.assert_allclose(
        modes.brownian_coordinates.var(axis=0, ddof=1), modes.variance, rtol=1e-6
    )


def test_intervals_cover_the_spread_of_walks_in_few_dimensions():
    rng = np.random.default_rng(2)
    results = [walk_modes(cases.gram(cases.brownian(rng, 299, 20)), 3) for _ in range(40)]
    inside = [(r.share_low < r.brownian) & (r.brownian < r.share_high) for r in results]
    assert np.all(np.sum(inside, axis=0) >= 34)


def test_a_persistent_walk_has_more_in_its_first_mode():
    increments = cases.fractional(np.random.default_rng(3), 499, 100, 0.8)
    modes = walk_modes(cases.gram(increments), 3)
    assert modes.share_low[0] > modes.brownian[0] + 2 * modes.brownian_error[0]
