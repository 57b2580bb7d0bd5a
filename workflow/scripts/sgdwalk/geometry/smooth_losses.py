"""The smooth landscapes that fit the losses along a walk, from its Gram matrix alone.

On a quadratic landscape `g.x + x'A x / 2` with Gaussian `g` and `A` that prefer no direction, the
losses of a walk are a Gaussian vector of covariance `a K + b K o K`: K the Gram matrix of the
positions, `K o K` its elementwise square. SGD knows its landscape, and its steps are larger along
steep directions: with C the covariance of its increments, `X C X'` and `X C C X'` are Gram matrices
in which steep directions count more. A walk in a bowl adds the bowls' own losses, the diagonals of
these matrices, with free coefficients. What is left is white: noise, or no smooth landscape.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.geometry.distances import CheckedGram

MOST_DRAWN = 500  # positions at which losses are drawn, evenly over the window
FEWEST = 30  # positions, for the six variances
MOST_FITTED = 250  # positions from which the variances are estimated
RESOLUTION = 1e-12  # of the variance of the losses: below is rounding
_SINGULAR = 1e-13  # of its largest eigenvalue, what keeps a covariance from being singular
_LARGEST_LOG = 10.0
_SMALLEST_LOG = -23.0  # logarithms of a share, of the part of the losses that no bowl explains


def thinned(length: int, most: int) -> np.ndarray:
    """Indices of at most so many of `length` samples, at even distances from the first."""
    return np.arange(0, length, -(-length // most))


def noise_like(
    variance: np.ndarray, relative_error: float, rng: np.random.Generator, count: int
) -> np.ndarray:
    """Draw (count, n) noise of (n,) variances that are known to a common relative error."""
    wrong = np.maximum(1 + relative_error * rng.standard_normal((count, 1)), 0)
    return np.sqrt(variance * wrong) * rng.standard_normal((count, len(variance)))


class SmoothLandscape:
    """Smooth landscapes that could have given the losses of a walk.

    Variances of the parts are estimated by restricted maximum likelihood, bowls being its fixed
    effects.

    Args:
        gram: (T-1, T-1) inner products of increments.
        loss: (T,) losses.
        noise_variance: (T,) variance of each at fixed weights; none if they have no noise.
        noise_relative_error: standard error of `noise_variance` relative to it, common to all. The
            fit takes it for larger by 1.645 of these, so that it is exceeded in 5 % of cases.

    Attributes:
        positions: (n,) indices of the positions at which losses are drawn, at most `MOST_DRAWN`.
        remainder_p: p-value of the likelihood ratio of no white remainder beyond the noise; half a
            chi squared of one degree, because a variance is not negative (Self and Liang 1987).

    Raises:
        InputError: if `gram` is none, or the walk or its losses are too short or do not move.

    Source: Patterson and Thompson, Biometrika 58, 545 (1971), for the likelihood.
    """

    def __init__(
        self,
        gram: ArrayLike,
        loss: np.ndarray,
        noise_variance: np.ndarray | None = None,
        noise_relative_error: float = 0.0,
    ):
        checked = CheckedGram.of(gram)
        self.positions = kept = thinned(len(checked) + 1, MOST_DRAWN)
        self._loss = np.asarray(loss, dtype=float)[kept]
        self._noise = np.zeros(len(kept))
        if noise_variance is not None:
            self._noise = np.asarray(noise_variance, dtype=float)[kept]
        self._relative_error = noise_relative_error
        variance = self._loss.var()
        if len(kept) < FEWEST or not variance > 0 or not checked.values.any():
            raise InputError(
                f"smooth landscape: {len(kept)} positions; needs {FEWEST}, and that they and their "
                "losses change"
            )
        kernels, bowls = _kernels(checked.values, kept)
        self._trend = _trend(bowls)
        self._covariance, self._white, self.remainder_p = self._fitted(kernels, variance)

    def draws(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Losses on so many of these landscapes, given the losses that were met; noise is new.

        Returns:
            (count, n) at `positions`.

        Source: Matheron's rule, a draw of the process plus what kriging makes of its residual.
        """
        from scipy.linalg import cho_factor, cho_solve, eigh

        values, vectors = eigh(self._covariance)
        normal = rng.standard_normal((2, len(values), count))
        root = vectors * np.sqrt(np.maximum(values, 0))
        free = root @ normal[0]
        white = self._white + _SINGULAR * max(values[-1], 0.0)
        residual = self._loss[:, None] - free - np.sqrt(white)[:, None] * normal[1]
        factor = cho_factor(root @ root.T + np.diag(white), lower=True)
        weighted = cho_solve(factor, self._trend)
        trend = self._trend @ np.linalg.solve(self._trend.T @ weighted, weighted.T @ residual)
        kriged = self._covariance @ cho_solve(factor, residual - trend)
        return (free + trend + kriged).T + noise_like(self._noise, self._relative_error, rng, count)

    def _fitted(
        self, kernels: Sequence[np.ndarray], variance: float
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Covariance (n, n) of the smooth part, variance (n,) of the white one, and its p-value."""
        from scipy.special import ndtr

        some = thinned(len(self._loss), MOST_FITTED)
        noise = self._noise * (1 + 1.645 * self._relative_error)
        trend = self._trend[some]
        contrasts = np.linalg.qr(trend, mode="complete")[0][:, trend.shape[1] :]
        values = contrasts.T @ self._loss[some]
        scale = max(values @ values / len(values), RESOLUTION * variance)
        rounding = max(RESOLUTION * variance, 1e-9 * scale)
        parts, sizes = [], []
        for kernel in kernels:
            part = contrasts.T @ kernel[np.ix_(some, some)] @ contrasts
            size = np.trace(part) / len(values)
            if size > RESOLUTION * np.trace(kernel) / len(kernel):  # else it is all bowl
                parts.append(part / size)
                sizes.append((kernel, size))
        known = contrasts.T @ ((noise[some] + rounding)[:, None] * contrasts) / scale
        y = values / np.sqrt(scale)
        fit = _Variances([*parts, np.eye(len(y))], known, y)
        smooth, _ = fit.maximum(np.full(len(parts), -np.log(2.0 * max(len(parts), 1))))
        found, likelihood = fit.maximum(np.append(smooth, np.log(0.01)))
        # Again without the remainder, from what was found: neither is to stop early.
        _, without = fit.maximum(found[:-1])
        ratio = max(2 * (likelihood - without), 0.0)
        shares = np.exp(found) * scale
        covariance = sum(
            (share / size * kernel for share, (kernel, size) in zip(shares, sizes, strict=False)),
            start=np.zeros_like(kernels[0]),
        )
        basis = np.linalg.qr(self._trend)[0]
        covariance = covariance - basis @ (basis.T @ covariance)
        covariance -= (covariance @ basis) @ basis.T
        white = noise + rounding + shares[-1]
        return (covariance + covariance.T) / 2, white, float(ndtr(-np.sqrt(ratio)))


class _Variances:
    """Restricted likelihood of the shares of parts of a covariance, by their logarithms."""

    def __init__(self, parts: Sequence[np.ndarray], known: np.ndarray, values: np.ndarray):
        self._parts = np.array(parts).reshape(len(parts), -1)
        self._known, self._values = known, values

    def maximum(self, start: np.ndarray) -> tuple[np.ndarray, float]:
        """Logarithms of the shares of the first parts that are most likely, and log-likelihood."""
        from scipy.optimize import minimize

        bounds = [(_SMALLEST_LOG, _LARGEST_LOG)] * len(start)
        options = {"maxiter": 150}
        if not len(start):
            return start, -self._loss(start)[0]
        found = minimize(
            self._loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        return found.x, -float(found.fun)

    def _loss(self, logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-likelihood but for a constant, and its gradient."""
        from scipy.linalg.lapack import dpotrf, dpotri

        shares, parts = np.exp(logs), self._parts[: len(logs)]
        factor, failed = dpotrf((shares @ parts).reshape(self._known.shape) + self._known, lower=1)
        if failed:
            return 1e10, np.zeros_like(logs)
        inverse = np.tril(dpotri(factor, lower=1)[0])
        inverse = inverse + np.tril(inverse, -1).T
        weighted = inverse @ self._values
        value = self._values @ weighted / 2 + np.log(factor.diagonal()).sum()
        gradient = shares * (parts @ (inverse - np.outer(weighted, weighted)).ravel()) / 2
        return value, gradient


def _kernels(gram: np.ndarray, kept: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Covariances (n, n) of smooth losses at the kept positions, and losses (n,) of bowls there."""
    along = np.zeros((len(gram) + 1, len(gram)))  # each position's product with each increment
    along[1:] = np.cumsum(gram, axis=0)
    along -= along.mean(axis=0)
    products = np.zeros((len(kept), len(gram) + 1))
    products[:, 1:] = np.cumsum(along[kept], axis=1)
    places = products[:, kept] - products.mean(axis=1, keepdims=True)
    places = (places + places.T) / 2
    # Of increments that persist, as with momentum, only what is new shows the noise of the steps.
    memory = max(gram.trace(offset=1) / gram.trace(), 0.0)
    new = along[kept]
    new[:, 1:] -= memory * along[kept, :-1]
    noise = gram.copy()
    noise[:, 1:] -= memory * gram[:, :-1]
    noise[1:] -= memory * noise[:-1].copy()
    steep, steeper = new @ new.T, new @ noise @ new.T
    steeper = (steeper + steeper.T) / 2
    bowls = [kernel.diagonal() for kernel in (places, steep, steeper)]
    return [places, places**2, steep, steep**2, steeper], bowls


def _trend(bowls: Sequence[np.ndarray]) -> np.ndarray:
    """(n, k) a constant and what is independent of it and of each other among the bowls."""
    columns = [bowl - bowl.mean() for bowl in bowls]
    columns = [column / np.linalg.norm(column) for column in columns if column.any()]
    ones = np.ones((len(bowls[0]), 1))
    if not columns:
        return ones
    vectors, sizes, _ = np.linalg.svd(np.array(columns).T, full_matrices=False)
    independent = vectors[:, sizes > 1e-5 * sizes[0]]
    return np.hstack([ones, independent * np.sqrt(len(ones))])
