"""The map itself: what it keeps of inner products, and that it is one map everywhere."""

import numpy as np
import pytest
import torch

from sgdwalk.errors import InputError
from sgdwalk.recording.sketch import Buckets, Sketch

SIZES = [700, 300_000]  # less than one block, and two
K = 64


def dense(size, seed):
    return np.random.default_rng(seed).standard_normal(size)


def constant(size, seed):
    return np.ones(size)


def few(size, seed):
    found = np.zeros(size)
    found[np.random.default_rng(seed).integers(0, size, 200)] = 1.0
    return found


def periodic(size, seed):
    """As the rows of a matrix of which some columns alone move."""
    return dense(size, seed) * (np.arange(size) % 1024 < 8)


def of_a_block(size, seed):
    """The same entries of every block."""
    return 1.0 * (np.arange(size) % 2**17 < 40)


VECTORS = [dense, constant, few, periodic, of_a_block]


def sketches(vector, k, seeds):
    tensors = list(torch.from_numpy(vector).split(5001))
    return np.array([Sketch(tensors, k, seed).apply(tensors) for seed in range(seeds)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("vector", VECTORS)
def test_inner_products_are_unbiased_and_scatter_as_said(vector, size):
    x, y = vector(size, 0), vector(size, 1) + 0.5 * vector(size, 0)
    seeds = 40
    of_x, of_y = sketches(x, K, seeds), sketches(y, K, seeds)
    products = np.einsum("sk,sk->s", of_x, of_y)
    bound = np.sqrt(((x @ x) * (y @ y) + (x @ y) ** 2) / K)
    assert abs(products.mean() - x @ y) < 4 * bound / np.sqrt(seeds)
    assert products.std() < 1.45 * bound  # 4 standard errors of a standard deviation
    squares = np.einsum("sk,sk->s", of_x, of_x)
    assert np.std(squares / (x @ x)) < 1.45 * np.sqrt(2 / K)


def test_there_is_no_error_where_every_parameter_has_its_own_bucket():
    x = dense(50, 0)
    for k in (50, 51, 400):
        found = sketches(x, k, 3)
        np.testing.assert_allclose(np.sort(abs(found[0]))[-50:], np.sort(abs(x)))
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(x))


def test_signs_and_buckets_are_the_same_on_every_machine():
    """Numbers of one machine: files of another must live in the same space."""
    found = Sketch([torch.arange(1.0, 11.0)], 4, seed=7).apply([torch.arange(1.0, 11.0)])
    assert found.tolist() == FROZEN


FROZEN = [2.0, -14.0, 4.0, 1.0]


def test_seeds_differ():
    x = dense(1000, 0)
    a, b = sketches(x, K, 2)
    assert abs(a - b).max() > 1


@pytest.mark.parametrize("size", SIZES)
def test_the_map_is_linear_and_does_not_see_how_numbers_are_cut(size):
    x, y = (torch.from_numpy(dense(size, s)) for s in (0, 1))
    one = Sketch([x], K)
    many = Sketch(list(x.split(1113)), K)
    np.testing.assert_allclose(many.apply(x.split(1113)), one.apply([x]), atol=1e-9)
    both = one.apply([2 * x - y])
    np.testing.assert_allclose(both, 2 * one.apply([x]) - one.apply([y]), atol=1e-9)


def test_it_is_the_sum_of_signed_parameters_of_each_bucket():
    """Unit vectors, one at a time, of a map of more than one block."""
    size, k = 2**17 + 700, 256
    map_ = Sketch([torch.zeros(size)], k, seed=3)
    seen = set()
    for i in [0, 1, 17, 2**17 - 1, 2**17, 2**17 + 1, size - 1]:
        unit = torch.zeros(size)
        unit[i] = 1
        found = map_.apply([unit])
        assert np.count_nonzero(found) == 1
        assert abs(found).max() == 1
        seen.add(int(np.flatnonzero(found)[0]))
    assert len(seen) > 3


def test_small_increments_of_large_positions_keep_their_digits():
    """Sums of float32 positions are float64, so that differences are those of the positions."""
    start = torch.from_numpy(dense(400_000, 0)).float()
    end = start + 1e-6 * torch.from_numpy(dense(400_000, 1)).float()
    map_ = Sketch([start], 1024)
    found = map_.apply([end]) - map_.apply([start])
    expected = map_.apply([end.double() - start.double()])
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.linalg.norm(expected))


def test_float32_sums_of_increments_are_as_exact_as_an_increment():
    x = torch.from_numpy(dense(600_000, 0)).float()
    sums = {}
    for dtype in (torch.float32, torch.float64):
        buckets = Buckets(len(x), 1024, 0, dtype, x.device)
        buckets.add(x, 0)
        sums[dtype] = buckets.take().double()
    error = (sums[torch.float32] - sums[torch.float64]).norm() / sums[torch.float64].norm()
    assert error < 1e-6


def test_sums_are_forgotten_once_taken():
    x = torch.ones(300)
    buckets = Buckets(300, 8, 0, torch.float64, x.device)
    buckets.add(x, 0)
    first = buckets.take().clone()
    assert buckets.take().abs().sum() == 0
    for part, place in ((x[:100], 0), (x[100:], 100)):
        buckets.add(part, place)
    np.testing.assert_allclose(buckets.take(), first)
    found = buckets.of_small([(np.ones(300), 0)])
    np.testing.assert_allclose(found, first)


def test_complex_numbers_are_two():
    z = torch.complex(torch.arange(5.0), -torch.arange(5.0))
    assert Sketch([z], 16).size == 10
    found = Sketch([z], 16).apply([z])
    reals = torch.view_as_real(z).reshape(-1)
    np.testing.assert_array_equal(found, Sketch([reals], 16).apply([reals]))


def test_what_is_refused():
    parameters = [torch.ones(3), torch.ones(4)]
    for k in (0, -1, 2.5, "many"):
        with pytest.raises(InputError, match=r"sketch: .*allowed: a whole number from 1 to"):
            Sketch(parameters, k)
    with pytest.raises(InputError, match="seed: -1; allowed"):
        Sketch(parameters, 4, seed=-1)
    with pytest.raises(InputError, match="of no parameters"):
        Sketch([], 4)
    with pytest.raises(InputError, match=r"tensors of \[3\] numbers; allowed: of \[3, 4\]"):
        Sketch(parameters, 4).apply([torch.ones(3)])
    for given in (torch.nn.Linear(2, 2), torch.nn.Linear(2, 2).named_parameters(), [np.ones(3)]):
        with pytest.raises(
            InputError, match=r"sketch: a .*; allowed: tensors, as model.parameters"
        ):
            Sketch(given, 4)


def test_sparse_and_conjugate_tensors_are_numbers_as_well():
    dense = torch.tensor([[0.0, 2.0], [0.0, -1.0]])
    np.testing.assert_array_equal(
        Sketch([dense], 3).apply([dense.to_sparse()]), Sketch([dense], 3).apply([dense])
    )
    z = torch.tensor([1 + 2j, -3j])
    np.testing.assert_array_equal(
        Sketch([z], 3).apply([z.conj()]), Sketch([z], 3).apply([z.conj().resolve_conj()])
    )
