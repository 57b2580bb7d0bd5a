import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.fits.pair_bins import PairBinning, time_blocks


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    abscissa = rng.lognormal(size=(37, 37))
    return abscissa, rng.standard_normal((37, 37))


def brute_force(abscissa, values, bins, left_out=()):
    pairs = [
        (abscissa[i, j], values[i, j], j - i)
        for i in range(37)
        for j in range(i + 1, 37)
        if i not in left_out and j not in left_out
    ]
    x, y, separation = np.array(pairs).T
    upper = abscissa[np.triu_indices(37, 1)]
    edges = np.geomspace(upper.min(), upper.max(), bins + 1)
    index = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, bins - 1)
    with np.errstate(invalid="ignore"):
        count = np.bincount(index, minlength=bins)
        return count, *(np.bincount(index, v, bins) / count for v in (x, y, separation))


def test_means_and_replicates_equal_brute_force(matrices):
    abscissa, values = matrices
    binned = PairBinning(abscissa, bins=6, blocks=5)
    means, replicates = binned.average(lambda a, b: values[a, b])
    count, x, y, separation = brute_force(abscissa, values, 6)
    filled = count > 0
    np.testing.assert_array_equal(binned.pairs, count[filled])
    np.testing.assert_allclose(binned.abscissa, x[filled])
    np.testing.assert_allclose(binned.separation, separation[filled])
    np.testing.assert_allclose(means, y[filled])
    for b, block in enumerate(time_blocks(37, 5)):
        without = brute_force(abscissa, values, 6, range(block.start, block.stop))[2]
        np.testing.assert_allclose(replicates[b], without[filled], atol=1e-12)


def test_one_binning_serves_many_ordinates(matrices):
    abscissa, values = matrices
    squares = np.arange(37.0) ** 2
    functions = [lambda a, b: values[a, b], lambda a, b: squares[None, b] - squares[a, None]]
    alone = [PairBinning(abscissa, bins=6, blocks=5).average(function) for function in functions]
    binning = PairBinning(abscissa, bins=6, blocks=5)
    # As a matrix or as a function, in any order, as often as one likes.
    ordinates = [functions[0], squares[None] - squares[:, None], values, functions[1]]
    for ordinate, index in zip(ordinates, (0, 1, 0, 1), strict=True):
        means, replicates = binning.average(ordinate)
        np.testing.assert_array_equal(means, alone[index][0])
        np.testing.assert_array_equal(replicates, alone[index][1])
        np.testing.assert_array_equal(binning.means(ordinate), means)


def test_a_bin_that_one_block_fills_has_no_replicate_without_it():
    abscissa = np.full((20, 20), 4.0)
    abscissa[2, 3] = 1.0
    means, replicates = PairBinning(abscissa, bins=3, blocks=4).average(abscissa)
    np.testing.assert_allclose(means, [1.0, 4.0])
    np.testing.assert_array_equal(np.isnan(replicates[:, 0]), [True, False, False, False])
    np.testing.assert_allclose(replicates[:, 1], 4.0)


def test_coinciding_positions_are_left_out(matrices):
    abscissa, _ = matrices
    abscissa[3, 8] = 0
    assert PairBinning(abscissa, bins=6, blocks=5).pairs.sum() == 37 * 36 // 2 - 1


def test_blocks_cover_the_window_once():
    blocks = time_blocks(103, 10)
    np.testing.assert_array_equal(np.concatenate([np.arange(103)[b] for b in blocks]), range(103))
    assert {b.stop - b.start for b in blocks} == {10, 11}


def test_bad_input_is_named():
    with pytest.raises(InputError, match="blocks"):
        time_blocks(5, 6)
    with pytest.raises(InputError, match="no two positions"):
        PairBinning(np.zeros((20, 20)), bins=5, blocks=4)
    with pytest.raises(InputError, match=r"\(T, T\)"):
        PairBinning(np.zeros((20, 19)), bins=5, blocks=4)
