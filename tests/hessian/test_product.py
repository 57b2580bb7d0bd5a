"""Hessian products, eigenpairs, trace, density: closed forms, dense Hessians, curvlinops."""

from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sgdwalk.datasets.subsets import balanced_subset
from sgdwalk.errors import InputError
from sgdwalk.hessian.lanczos import extreme_eigenpairs
from sgdwalk.hessian.leading import leading_eigenpairs
from sgdwalk.hessian.product import HessianProduct
from sgdwalk.hessian.spectral_density import spectral_density, trace
from sgdwalk.networks.build import build_network

torch.set_num_threads(1)


class Matrix:
    """A dense symmetric or, from a vector, diagonal matrix as the solvers want it."""

    device = torch.device("cpu")

    def __init__(self, entries, dtype=torch.float32):
        self.entries = torch.as_tensor(np.asarray(entries), dtype=dtype)
        self.dimension, self.dtype, self.products = len(entries), dtype, 0

    def __matmul__(self, vector):
        self.products += 1
        return self.entries * vector if self.entries.dim() == 1 else self.entries @ vector


class Quadratic(nn.Module):
    """Loss mean_i c_i x^T A x / 2 at parameters x in two pieces, c_i the inputs."""

    def __init__(self, matrix):
        super().__init__()
        self.matrix = matrix
        self.head = nn.Parameter(torch.ones(2))
        self.tail = nn.Parameter(torch.ones(1, len(matrix) - 2))

    def forward(self, inputs):
        x = torch.cat([self.head, self.tail.reshape(-1)])
        return inputs * (x @ self.matrix @ x) / 2


def mean_output(outputs, targets):
    return outputs.mean()


def small_network(batch_norm=True, dtype=torch.float32):
    """Convolutions with and without bias, groups and strides; batch norm after, before, apart."""
    torch.manual_seed(1)

    def norm(layer):
        return layer if batch_norm else nn.Identity()

    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), norm(nn.BatchNorm2d(4)), nn.Tanh(),
        nn.Conv2d(4, 4, (3, 1), stride=(2, 1), groups=2), norm(nn.BatchNorm2d(4, affine=False)),
        nn.Softplus(), norm(nn.BatchNorm2d(4)), nn.Conv2d(4, 2, 2, dilation=2, padding="same"),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8, 5), norm(nn.BatchNorm1d(5)),
        nn.Dropout(0.5), nn.Tanh(), nn.Linear(5, 3),
    )  # fmt: skip
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
    return network.to(dtype)


def small_data(samples=23, dtype=torch.float32):
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(samples, 1, 6, 6, generator=generator, dtype=dtype)
    return inputs, torch.randint(0, 3, (samples,), generator=generator)


def dense_hessian(model, loss, inputs, targets):
    """By plain double backward, row by row, in whatever mode the model is."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(loss(model(inputs), targets), parameters, create_graph=True)
    flat = torch.cat([g.reshape(-1) for g in gradients])
    rows = [
        torch.autograd.grad(
            entry, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for entry in flat
    ]
    return torch.stack([torch.cat([part.reshape(-1) for part in row]) for row in rows])


@cache
def exact_hessian(batch_norm=True):
    """Of the small network on the small data, in double precision and eval mode."""
    model, data = small_network(batch_norm, torch.float64), small_data(dtype=torch.float64)
    return dense_hessian(model.eval(), F.cross_entropy, *data)


def assert_is(product, dense):
    """Compared on random vectors."""
    generator = torch.Generator().manual_seed(9)
    vectors = torch.randn(product.dimension, 5, dtype=torch.float64, generator=generator)
    products = torch.stack([product @ vector for vector in vectors.T], dim=1)
    torch.testing.assert_close(products, dense @ vectors, rtol=1e-9, atol=1e-11)


# --- products


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("memory", [2**31, 1])
def test_product_is_the_dense_hessian(batch_norm, memory):
    model, data = small_network(batch_norm, torch.float64), small_data(dtype=torch.float64)
    product = HessianProduct(model, F.cross_entropy, data, memory=memory)
    assert product.retained == (memory > 1)
    assert_is(product, exact_hessian(batch_norm))


def test_train_mode_differentiates_through_batch_statistics():
    model, data = small_network(dtype=torch.float64), small_data(dtype=torch.float64)
    model.train()[12].eval()  # all but the dropout
    inputs, targets = data
    expected = sum(
        dense_hessian(model, F.cross_entropy, inputs[part], targets[part]) * len(inputs[part]) / 23
        for part in (slice(0, 16), slice(16, 23))
    )
    product = HessianProduct(model, F.cross_entropy, data, train_mode=True, batch_size=16)
    assert_is(product, expected)


@pytest.mark.parametrize("sizes", [(10, 10, 3), (1, 22)])
def test_every_sample_counts_the_same_in_batches_of_unequal_size(sizes):
    """A plain mean over batches is another Hessian: the dense one of all samples decides."""
    model, data = small_network(dtype=torch.float64), small_data(dtype=torch.float64)
    batches = list(zip(data[0].split(sizes), data[1].split(sizes), strict=True))
    largest = np.linalg.eigvalsh(exact_hessian())[-1]
    pairs = leading_eigenpairs(model, F.cross_entropy, batches, 1, tolerance=1e-8)
    assert pairs.values[0] == pytest.approx(largest, rel=1e-9)
    model.eval()
    unweighted = sum(dense_hessian(model, F.cross_entropy, *batch) for batch in batches)
    unweighted_largest = np.linalg.eigvalsh(unweighted / len(batches))[-1]
    assert abs(unweighted_largest / largest - 1) > 1e-3


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resnet14", (1, 8, 8)),
        ("resnet14_noshort_nobatchnorm", (1, 8, 8)),
        ("alex", (3, 32, 32)),
        ("fc3", (1, 8, 8)),
        ("simplenet", (1, 28, 28)),
        ("vgg9", (3, 32, 32)),
    ],
)
def test_product_agrees_with_curvlinops(name, shape):
    from curvlinops import HessianLinearOperator

    torch.manual_seed(0)
    model = build_network(name, shape, 10).eval()
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
        elif isinstance(module, nn.Linear):  # at its first, tiny values much of H vanishes
            nn.init.normal_(module.weight, std=0.1)
    inputs, targets = torch.randn(2, *shape), torch.arange(2)
    product = HessianProduct(model, F.cross_entropy, (inputs, targets))
    peer = HessianLinearOperator(
        model,
        nn.CrossEntropyLoss(),
        list(model.parameters()),
        [(inputs, targets)],
        check_deterministic=False,
    )
    vector = torch.randn(product.dimension)
    ours, theirs = product @ vector, peer @ vector
    assert (ours - theirs).norm() < 1e-4 * theirs.norm()


def test_attention_has_second_derivatives():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True).double()
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(12, 3)).double()
    data = torch.randn(6, 3, 4, dtype=torch.float64), torch.arange(6) % 3
    product = HessianProduct(model, F.cross_entropy, data)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        expected = dense_hessian(model.eval(), F.cross_entropy, *data)
    assert_is(product, expected)


def test_batch_norm_after_a_change_in_place_is_not_folded():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
            self.norm.running_var.fill_(2)

        def forward(self, x):
            y = self.conv(x)
            y.mul_(y.detach().sigmoid())
            return self.norm(y).square().sum(dim=(1, 2, 3))

    torch.manual_seed(0)
    model, (inputs, targets) = InPlace().double(), small_data(4, torch.float64)
    product = HessianProduct(model, mean_output, (inputs, targets))
    expected = dense_hessian(model.eval(), mean_output, inputs, targets)
    assert_is(product, expected)


def test_gradient_of_the_same_loss():
    model, data = small_network(), small_data()
    expected = torch.autograd.grad(
        F.cross_entropy(model.eval()(data[0]), data[1]), list(model.parameters())
    )
    product = HessianProduct(model, F.cross_entropy, data, memory=1)
    torch.testing.assert_close(
        product.gradient(), torch.cat([g.reshape(-1) for g in expected]), rtol=1e-4, atol=1e-6
    )


def test_initial_batch_norm_statistics_are_those_of_the_data():
    model, data = small_network(dtype=torch.float64), small_data(dtype=torch.float64)
    model[1].reset_running_stats()
    raw = model[0](data[0]).detach()
    filled = small_network(dtype=torch.float64).eval()
    filled[1].running_mean.copy_(raw.mean(dim=(0, 2, 3)))
    filled[1].running_var.copy_(raw.var(dim=(0, 2, 3)))
    product = HessianProduct(model, F.cross_entropy, data)
    expected = dense_hessian(filled, F.cross_entropy, *data)
    assert_is(product, expected)
    assert model[1].running_mean.abs().max() == 0


@pytest.mark.parametrize("train_mode", [False, True])
def test_model_is_left_as_it_was(train_mode):
    model, data = small_network(), small_data()
    model[1].reset_running_stats()
    model.train()[4].eval()
    model[0].weight.requires_grad_(False)
    model[10].bias.grad = torch.ones(5)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [(m.training, getattr(m, "momentum", None)) for m in model.modules()]
    random_state = torch.get_rng_state()
    pairs = leading_eigenpairs(model, F.cross_entropy, data, 2, train_mode=train_mode)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert pairs.vectors.shape == (trainable, 2)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert modes == [(m.training, getattr(m, "momentum", None)) for m in model.modules()]
    assert [p.grad is None for p in model.parameters()].count(False) == 1
    assert torch.equal(model[10].bias.grad, torch.ones(5))
    assert torch.equal(random_state, torch.get_rng_state())


def test_product_keeps_no_hold_on_later_changes_of_the_model():
    model, data = small_network(), small_data()
    product = HessianProduct(model, F.cross_entropy, data)
    vector = torch.ones(product.dimension)
    before = product @ vector
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert torch.equal(product @ vector, before)


def test_chunks_follow_the_memory():
    model, data = small_network(), small_data(400)
    whole = HessianProduct(model, F.cross_entropy, data)
    fixed, per_sample = whole._graph_bytes()
    tight = HessianProduct(model, F.cross_entropy, data, memory=int(2 * fixed + 100 * per_sample))
    assert (whole.retained, len(whole._chunks)) == (True, 1)
    assert (tight.retained, len(tight._chunks)) == (False, 8)
    vector = torch.ones(whole.dimension)
    torch.testing.assert_close(tight @ vector, whole @ vector, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_product_on_a_gpu():
    data = small_data(dtype=torch.float64)
    here = HessianProduct(small_network(dtype=torch.float64), F.cross_entropy, data)
    there = HessianProduct(small_network(dtype=torch.float64).cuda(), F.cross_entropy, data)
    vector = torch.ones(here.dimension, dtype=torch.float64)
    torch.testing.assert_close((there @ vector.cuda()).cpu(), here @ vector, rtol=1e-9, atol=1e-12)
    first = leading_eigenpairs(small_network().cuda(), F.cross_entropy, small_data(), 3)
    second = leading_eigenpairs(small_network(), F.cross_entropy, small_data(), 3)
    np.testing.assert_allclose(first.values, second.values, rtol=2e-3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "not empty"),
        ((torch.ones(3, 1), torch.ones(2)), "3 inputs and 2 targets"),
        ((torch.ones(0, 1), torch.ones(0)), "0 inputs and 0 targets"),
    ],
)
def test_bad_data_is_named(data, message):
    with pytest.raises(InputError, match=message):
        HessianProduct(nn.Linear(1, 1), F.mse_loss, data)


def test_bad_models_and_losses_are_named():
    data = torch.ones(3, 1), torch.ones(3, 1)
    with pytest.raises(InputError, match="no trainable parameters"):
        HessianProduct(nn.Linear(1, 1).requires_grad_(False), F.mse_loss, data)
    with pytest.raises(InputError, match="must be a scalar"):
        HessianProduct(nn.Linear(1, 1), nn.MSELoss(reduction="none"), data)


def test_balanced_subset():
    targets = torch.tensor([0] * 50 + [1] * 4 + [2] * 46)
    chosen = balanced_subset(targets, 30, seed=3)
    assert np.bincount(targets[chosen]).tolist() == [13, 4, 13]
    assert len(set(chosen)) == 30
    assert np.array_equal(chosen, balanced_subset(targets, 30, seed=3))
    assert not np.array_equal(chosen, balanced_subset(targets, 30, seed=4))
    assert np.array_equal(balanced_subset(targets, 100), np.arange(100))
    with pytest.raises(InputError, match="size is 101"):
        balanced_subset(targets, 101)


# --- eigenpairs


def test_quadratic_with_known_spectrum():
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(120, 120)))
    spectrum = np.r_[np.linspace(-3, 1, 117), 4.0, 6.0, 9.0]
    model = Quadratic(torch.tensor((basis * spectrum) @ basis.T))
    model.double()
    inputs = torch.tensor([0.5, 1.5, 1.0], dtype=torch.float64)  # mean 1
    pairs = leading_eigenpairs(model, mean_output, (inputs, inputs), 3, tolerance=1e-9)
    np.testing.assert_allclose(pairs.values, [9, 6, 4], rtol=1e-12)
    np.testing.assert_allclose(
        np.abs(pairs.vectors.T @ basis[:, [119, 118, 117]]), np.eye(3), atol=1e-8
    )
    assert pairs.converged.all()
    values, vectors, residuals = pairs
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-12)
    assert residuals.max() < 1e-8
    assert values is pairs.values


@pytest.mark.parametrize("batch_norm", [True, False])
def test_both_ends_of_an_indefinite_network_hessian(batch_norm):
    model, data = small_network(batch_norm), small_data()
    dense = dense_hessian(model.double().eval(), F.cross_entropy, data[0].double(), data[1])
    exact = np.linalg.eigvalsh(dense)
    assert exact[0] < -1e-3
    product = HessianProduct(model.float(), F.cross_entropy, data)
    largest, smallest = extreme_eigenpairs(product, 6, 3, tolerance=1e-3)
    for pairs, expected in ((largest, exact[::-1][:6]), (smallest, exact[:3])):
        np.testing.assert_allclose(pairs.values, expected, atol=2e-5 * exact[-1])
        images = dense.numpy() @ pairs.vectors - pairs.values * pairs.vectors
        np.testing.assert_allclose(
            pairs.residuals, np.linalg.norm(images, axis=0), atol=1e-5 * exact[-1]
        )
        assert (pairs.residuals <= 1e-3 * np.maximum(np.abs(expected), exact[-1] / 100)).all()
        assert pairs.converged.all()
    assert largest.products == smallest.products == product.products


def test_one_linear_layer():
    """Under squared error its Hessian is I kron 2 X^T X / (N outputs): each value twelve times."""
    rng = np.random.default_rng(5)
    inputs = rng.normal(size=(40, 30)) * np.linspace(0.2, 3, 30)
    data = torch.tensor(inputs, dtype=torch.float32), torch.zeros(40, 12)
    pairs = leading_eigenpairs(nn.Linear(30, 12, bias=False), F.mse_loss, data, 20)
    single = np.linalg.eigvalsh(2 * inputs.T @ inputs / (40 * 12))[::-1]
    np.testing.assert_allclose(pairs.values, np.repeat(single, 12)[:20], rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dimension", [40, 3000])
def test_repeated_eigenvalues_are_found_as_often_as_they_are(dimension, seed):
    leading = [10.0, 10, 10, 8, 8, 5, 5, 5, 5, 4]
    bulk = np.minimum(np.random.default_rng(0).exponential(0.3, dimension - 10), 2.9)
    pairs, _ = extreme_eigenpairs(Matrix(np.r_[leading, bulk]), 10, seed=seed)
    np.testing.assert_allclose(pairs.values, leading, rtol=1e-4)
    missing, _ = extreme_eigenpairs(Matrix(np.r_[leading, bulk]), 10, seed=seed, search=0)
    assert dimension == 40 or np.abs(missing.values - leading).max() > 0.5


@pytest.mark.parametrize("k", [24, 25])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_k_close_to_the_dimension(k, dtype):
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(25, 25))
    matrix += matrix.T
    pairs, _ = extreme_eigenpairs(Matrix(matrix, dtype), k)
    exact = np.linalg.eigvalsh(matrix)[::-1][:k]
    np.testing.assert_allclose(pairs.values, exact, atol=1e-5 if dtype == torch.float32 else 1e-12)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(k), atol=2e-6)


@pytest.mark.parametrize("entries", [np.zeros(60), np.ones(60), [2.0], [-1.0, 3.0]])
def test_degenerate_matrices(entries):
    k = min(3, len(entries))
    pairs, _ = extreme_eigenpairs(Matrix(entries), k)
    np.testing.assert_allclose(pairs.values, np.sort(entries)[::-1][:k], atol=1e-6)
    assert pairs.converged.all()


def test_restarts_lose_nothing():
    spectrum = np.r_[np.random.default_rng(2).uniform(-5, 5, 1990), 6 + 0.3 * np.arange(10)]
    exact = np.sort(spectrum)
    product = Matrix(spectrum)
    upper, lower = extreme_eigenpairs(
        product, 10, 2, tolerance=1e-5, capacity=22, max_products=2000
    )
    np.testing.assert_allclose(upper.values, exact[::-1][:10], rtol=1e-5)
    np.testing.assert_allclose(lower.values, exact[:2], rtol=1e-5)
    assert product.products > 100
    assert upper.converged.all()
    assert lower.converged.all()
    np.testing.assert_allclose(upper.vectors.T @ upper.vectors, np.eye(10), atol=1e-5)


def test_neighbouring_eigenvectors_as_a_start_save_products():
    rng = np.random.default_rng(3)
    matrix = np.diag(np.r_[rng.exponential(0.5, 390), 5 + np.arange(10.0)])
    change = rng.normal(size=(400, 400)) * 0.002
    before, _ = extreme_eigenpairs(Matrix(matrix), 10)
    after = Matrix(matrix + change + change.T)
    cold, _ = extreme_eigenpairs(after, 10)
    warm, _ = extreme_eigenpairs(after, 10, start=before.vectors)
    assert warm.products < cold.products
    np.testing.assert_allclose(warm.values, cold.values, rtol=1e-5)


def test_a_start_without_the_leading_direction_still_finds_it():
    start = np.ones(500)
    start[0] = 0
    pairs, _ = extreme_eigenpairs(Matrix(np.r_[9.0, np.linspace(0, 3, 499)]), 1, start=start)
    assert pairs.values[0] == pytest.approx(9, rel=1e-5)


def test_what_has_not_converged_says_so():
    pairs, _ = extreme_eigenpairs(Matrix(np.linspace(0, 1, 5000)), 5, max_products=12)
    assert pairs.products == 12
    assert not pairs.converged.any()
    assert (pairs.residuals > 1e-3 * pairs.values).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"largest": 0}, "0 largest and 0 smallest"),
        ({"largest": 4, "smallest": 7}, "allowed: 1 to 10"),
        ({"largest": 4, "start": np.zeros(10)}, "zero or not finite"),
        ({"largest": 4, "start": np.ones((3, 2))}, r"start has shape \(3, 2\)"),
        ({"largest": 4, "max_products": 3}, "max_products is 3"),
    ],
)
def test_bad_arguments_of_the_solver_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        extreme_eigenpairs(Matrix(np.arange(10.0)), **arguments)


def test_a_hessian_that_is_not_finite_is_named():
    with pytest.raises(InputError, match="not finite"):
        extreme_eigenpairs(Matrix([1.0, np.nan, 2.0]), 1)


# --- trace and density


def test_trace_is_unbiased_within_its_standard_error():
    spectrum = np.r_[50 / np.arange(1, 21), np.random.default_rng(0).normal(0, 0.05, 480)]
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(500, 500)))
    matrix = Matrix((rotation * spectrum) @ rotation.T, torch.float64)
    scores = []
    for seed in range(20):
        estimate = trace(matrix, 60, seed=seed)
        assert estimate.products == 60
        scores.append((estimate.value - spectrum.sum()) / estimate.standard_error)
    assert abs(np.mean(scores)) < 3 / np.sqrt(20)
    assert 0.5 < np.std(scores) < 1.6
    # Hutchinson's own error with as many products: sqrt(2 (|H|_F^2 - |diag H|^2) / 60).
    dense = matrix.entries.numpy()
    plain = np.sqrt(2 * ((dense**2).sum() - (np.diag(dense) ** 2).sum()) / 60)
    assert estimate.standard_error < plain / 10


def test_known_eigenpairs_serve_the_trace():
    spectrum = np.r_[100 / np.arange(1, 11), np.full(290, 0.2)]
    matrix = Matrix(spectrum, torch.float64)
    pairs, _ = extreme_eigenpairs(matrix, 10, tolerance=1e-10)
    estimate = trace(matrix, 4, leading=pairs)
    assert estimate.products == 4
    assert estimate.value == pytest.approx(spectrum.sum(), rel=2e-3)


def test_trace_of_a_small_matrix_is_exact():
    estimate = trace(Matrix(np.arange(1.0, 9.0)), 60)
    assert estimate.value == pytest.approx(36, rel=1e-5)
    assert estimate.standard_error == 0


def test_density_of_a_semicircle():
    """Wigner's law: density sqrt(4 - x^2) / (2 pi) on [-2, 2]."""
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(800, 800))
    quadrature = spectral_density(Matrix((matrix + matrix.T) / np.sqrt(1600)), 6, 40, seed=1)
    np.testing.assert_allclose(quadrature.weights.sum(axis=1), 1, rtol=1e-10)
    moments = [(quadrature.weights * quadrature.nodes**p).sum(axis=1).mean() for p in (1, 2, 4)]
    np.testing.assert_allclose(moments, [0, 1, 2], atol=0.06)
    grid = np.linspace(-1.5, 1.5, 31)
    density, error = quadrature.density(grid, 0.15)
    np.testing.assert_allclose(density, np.sqrt(4 - grid**2) / (2 * np.pi), atol=0.03)
    assert (error < 0.03).all()
    wide = np.linspace(-4, 4, 4001)
    assert np.trapezoid(quadrature.density(wide, 0.15)[0], wide) == pytest.approx(1, rel=1e-6)


def test_density_of_few_distinct_eigenvalues_is_exact():
    """Two values, 70 and 30 of each: after two steps the rest of the nodes weigh nothing."""
    quadrature = spectral_density(Matrix([1.0] * 70 + [5.0] * 30), 50, 6)
    at_five = np.where(np.abs(quadrature.nodes - 5) < 1e-4, quadrature.weights, 0).sum(axis=1)
    at_one = np.where(np.abs(quadrature.nodes - 1) < 1e-4, quadrature.weights, 0).sum(axis=1)
    np.testing.assert_allclose(at_one + at_five, 1, atol=1e-5)
    assert at_five.mean() == pytest.approx(0.3, abs=4 * np.sqrt(2 * 0.3 * 0.7 / 100 / 50))


def test_bad_arguments_of_trace_and_density_are_named():
    matrix = Matrix(np.arange(10.0))
    with pytest.raises(InputError, match="products is 5"):
        trace(matrix, 5)
    with pytest.raises(InputError, match="11 steps"):
        spectral_density(matrix, 2, 11)
    with pytest.raises(InputError, match="width is 0"):
        spectral_density(matrix, 2, 5).density(np.zeros(1), 0)
