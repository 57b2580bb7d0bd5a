"""Twenty leading Hessian eigenpairs of ResNet-14 on all training digits, against three others.

All to a residual of 1e-3 of each eigenvalue: curvlinops with ARPACK, hessian-eigenthings (where it
can be imported) with as many Lanczos steps as that needs, found beforehand, and deflated power
iteration on our own products over a tenth of the digits, stopped at 20 times ours, before its end.
"""

import time

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.linalg import eigsh
from sklearn.datasets import load_digits
from timing import ratio
from torch import nn

from sgdwalk.hessian.lanczos import Subspace, extreme_eigenpairs
from sgdwalk.hessian.leading import leading_eigenpairs
from sgdwalk.hessian.product import HessianProduct
from sgdwalk.networks.build import build_network

K, TOLERANCE, SAMPLES = 20, 1e-3, 1437
ROUNDS = 2
POWER_SAMPLES, POWER_LIMIT = 144, 20


def trained() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """ResNet-14 after 100 steps of SGD on 1,437 digits, and these digits."""
    torch.manual_seed(0)
    digits = load_digits()
    chosen = torch.randperm(len(digits.target))[:SAMPLES]
    inputs = torch.tensor(digits.images, dtype=torch.float32)[chosen, None] / 8 - 1
    targets = torch.tensor(digits.target)[chosen]
    model = build_network("resnet14", (1, 8, 8), 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(100):
        batch = torch.randint(0, SAMPLES, (128,))
        optimizer.zero_grad()
        F.cross_entropy(model(inputs[batch]), targets[batch]).backward()
        optimizer.step()
    return model.eval(), inputs, targets


def timed(function):
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def steps_needed(product: HessianProduct) -> int:
    """Fewest plain Lanczos steps from a random vector after which all K residuals pass."""
    space = Subspace(product, 4 * K, seed=1)
    direction, scale = space.random(), 1.0
    while space.size < 4 * K:
        direction = space.extend(direction, scale)
        values, coefficients = space.ritz()
        residuals = float(space.orthogonalised(direction).norm()) * np.abs(coefficients[-1, -K:])
        if space.size >= K and np.all(residuals <= TOLERANCE * np.abs(values[-K:])):
            break
    return space.size


def power_products(product: HessianProduct, limit: int) -> int:
    """Products that deflated power iteration spends on K pairs; at most about `limit`."""
    generator = torch.Generator().manual_seed(0)
    found, spent = torch.zeros(0, product.dimension), 0
    while len(found) < K and spent < limit:
        vector = torch.randn(product.dimension, generator=generator)
        while spent < limit:
            vector -= (found @ vector) @ found
            vector /= vector.norm()
            image = product @ vector
            spent += 1
            value = float(vector @ image)
            if (image - value * vector).norm() <= TOLERANCE * abs(value):
                break
            vector = image
        found = torch.cat([found, vector[None]])
    return spent


def measure() -> dict[str, float]:
    """Our time over theirs, our products beside theirs, and how far the eigenvalues differ."""
    from curvlinops import HessianLinearOperator

    model, inputs, targets = trained()
    data = (inputs, targets)
    calls = 0

    class CountedLoss(nn.CrossEntropyLoss):
        """Cross-entropy that counts its calls, one per product."""

        def forward(self, outputs, labels):
            nonlocal calls
            calls += 1
            return super().forward(outputs, labels)

    operator = HessianLinearOperator(
        model, CountedLoss(), list(model.parameters()), [data], check_deterministic=False
    ).to_scipy()
    start = np.random.default_rng(0).standard_normal(operator.shape[0]).astype(np.float32)
    rivals = {
        "curvlinops + ARPACK": lambda: eigsh(operator, K, which="LA", tol=TOLERANCE, v0=start)[0]
    }
    figures = {}
    try:
        import hessian_eigenthings as peer
    except ImportError:
        figures["hessian-eigenthings"] = "not installed"
    else:
        steps = steps_needed(HessianProduct(model, F.cross_entropy, data))
        figures["products: hessian-eigenthings"] = steps
        theirs = peer.HessianOperator(
            model, [data], lambda network, batch: F.cross_entropy(network(batch[0]), batch[1])
        )
        rivals["hessian-eigenthings"] = lambda: peer.lanczos(
            theirs, k=K, max_iter=steps, which="LA", reorthogonalize=True, seed=1
        ).eigenvalues.numpy()

    seconds = {name: [] for name in ("ours", *rivals)}
    found = {}
    for _ in range(ROUNDS):  # in turn: a drift of the machine's speed touches all alike
        ours, spent = timed(
            lambda: leading_eigenpairs(model, F.cross_entropy, data, K, tolerance=TOLERANCE)
        )
        seconds["ours"].append(spent)
        for name, rival in rivals.items():
            found[name], spent = timed(rival)
            seconds[name].append(spent)
    figures["products: ours, 8 of them to look for missed eigenvalues"] = ours.products
    figures["products: curvlinops + ARPACK"] = calls // ROUNDS
    figures["largest residual / eigenvalue: ours"] = float((ours.residuals / ours.values).max())
    for name, values in found.items():
        figures[f"time: ours / {name}"] = ratio(seconds, "ours", name)
        difference = np.abs(np.sort(values)[::-1] / ours.values - 1).max()
        figures[f"largest relative difference: {name}"] = float(difference)

    few = HessianProduct(model, F.cross_entropy, (inputs[:POWER_SAMPLES], targets[:POWER_SAMPLES]))
    (pairs, _), our_seconds = timed(lambda: extreme_eigenpairs(few, K, tolerance=TOLERANCE))
    power, power_seconds = timed(lambda: power_products(few, POWER_LIMIT * pairs.products))
    figures["time: deflated power iteration, where it was stopped / ours"] = (
        power_seconds / our_seconds
    )
    figures["products: deflated power iteration, where it was stopped / ours"] = (
        power / pairs.products
    )
    return figures
