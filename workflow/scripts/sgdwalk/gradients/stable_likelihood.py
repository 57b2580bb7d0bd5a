"""The likelihood of an alpha-stable law: its maxima, curvature and profile in alpha."""

from math import exp, inf, log, sqrt

import numpy as np

from sgdwalk.gradients.stable_law import ALPHA_RANGE, stable_quartiles, tabulated_log_density

# Size of a run of merged neighbours over its rank, for the fit and for its start: see grouped.
_GROWTH, _COARSE_GROWTH = 0.005, 0.1

# The coarse grid of starting points.
_START_ALPHAS = (0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 1.9)
_START_BETAS = (-0.8, -0.4, 0.0, 0.4, 0.8)

ALL_FREE = np.ones(4, dtype=bool)


def grouped_values(ordered: np.ndarray, growth: float) -> tuple[np.ndarray, np.ndarray]:
    """Means and sizes of runs of neighbours in a sorted sample.

    A run that starts at rank r from the nearer end has 1 + growth r members: the 1/growth outermost
    values stay single, and a run in a power-law tail spans a factor 1 + growth/alpha in x
    whatever its place, so that the error of log f is of order growth^2.
    """
    half = len(ordered) // 2
    edges = [0]
    while edges[-1] < half:
        edges.append(edges[-1] + 1 + int(growth * edges[-1]))
    edges[-1] = half
    upper = [len(ordered) - edge for edge in reversed(edges)]
    starts = np.unique(edges + upper[:-1])
    sizes = np.diff(np.append(starts, len(ordered)))
    return np.add.reduceat(ordered, starts) / sizes, sizes.astype(float)


class StableLikelihood:
    """Mean log-likelihood of a sorted sample over theta = (alpha, beta, log scale, location).

    Arguments:
        ordered: `(n,)` values in increasing order, of order one.
        growth: see `grouped`.
    """

    LOW = np.array([ALPHA_RANGE[0], -1.0, -inf, -inf])
    HIGH = np.array([ALPHA_RANGE[1], 1.0, inf, inf])

    def __init__(self, ordered: np.ndarray, growth: float = _GROWTH):
        self.points, sizes = grouped_values(ordered, growth)
        self.weights = sizes / len(ordered)
        self.size = len(ordered)

    def __call__(self, theta: np.ndarray) -> float:
        """Mean log-likelihood at theta, shape (4,)."""
        alpha, beta, log_scale, location = (float(value) for value in theta)
        values = tabulated_log_density(self.points, alpha, beta, exp(log_scale), location)
        return float(self.weights @ values)

    def gaussian_limit(self) -> np.ndarray:
        """The best theta with alpha = 2 (and beta, which has no meaning there, 0)."""
        mean = self.weights @ self.points
        variance = self.weights @ (self.points - mean) ** 2
        return np.array([2.0, 0.0, log(variance / 2) / 2, mean])

    def _steps(
        self, theta: np.ndarray, free: np.ndarray, size: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Steps forward and back for finite differences, within the bounds; 0 if not free."""
        step = size * np.array([1, 1, 1, exp(theta[2])]) * free
        return np.minimum(step, self.HIGH - theta), np.minimum(step, theta - self.LOW)

    def gradient(self, theta: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Central differences (one-sided at a bound), shape (4,); 0 where not free."""
        forward, back = self._steps(theta, free, 1e-5)
        gradient = np.zeros(4)
        for i in np.flatnonzero(free):
            unit = np.eye(4)[i]
            above, below = self(theta + forward[i] * unit), self(theta - back[i] * unit)
            gradient[i] = (above - below) / (forward[i] + back[i])
        return gradient

    def information(self, theta: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Observed information per value of the free parameters: minus the Hessian."""
        index = np.flatnonzero(free)
        forward, back = self._steps(theta, free, 1e-3)
        step = np.minimum(forward, back)
        units = np.diag(step)[index]
        centre = self(theta)
        hessian = np.empty((len(index), len(index)))
        for i, a in enumerate(units):
            hessian[i, i] = self(theta + a) + self(theta - a) - 2 * centre
            for j, b in enumerate(units[:i]):
                corners = self(theta + a + b) + self(theta - a - b)
                corners -= self(theta + a - b) + self(theta - a + b)
                hessian[i, j] = hessian[j, i] = corners / 4
        return -hessian / np.outer(step[index], step[index])

    def slope(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and its gradient (4,) by forward differences, backward at an upper bound.

        Those of scale and location are of one call of the density, on points moved instead.
        """
        alpha, beta, log_scale, location = (float(value) for value in theta)
        z, step = (self.points - location) / exp(log_scale), 1e-5
        moved = np.concatenate([z, z * exp(-step), z - step])
        values = tabulated_log_density(moved, alpha, beta, 1.0, 0.0).reshape(3, -1)
        value, wider, further = values @ self.weights
        d_alpha = step if alpha + step <= self.HIGH[0] else -step
        d_beta = step if beta + step <= self.HIGH[1] else -step
        other = tabulated_log_density(z, alpha, beta + d_beta, 1.0, 0.0) @ self.weights
        heavier = tabulated_log_density(z, alpha + d_alpha, beta, 1.0, 0.0) @ self.weights
        gradient = [
            (heavier - value) / d_alpha,
            (other - value) / d_beta,
            (wider - value) / step - 1,
            (further - value) / (step * exp(log_scale)),
        ]
        return float(value - log_scale), np.array(gradient)

    def quick_maximum(self, theta: np.ndarray) -> tuple[np.ndarray, float]:
        """As `maximise` over all parameters, in a third of the time, alpha to about 1e-4."""
        from scipy.optimize import minimize

        def downhill(t: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = self.slope(t)
            return -value, -slope

        found = minimize(
            downhill,
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(self.LOW, self.HIGH, strict=True)),
            options={"ftol": 1e-11, "gtol": 1e-5, "maxiter": 200},
        )
        return found.x, -float(found.fun)

    def maximise(
        self, theta: np.ndarray, free: np.ndarray, tolerance: float = 1e-7
    ) -> tuple[np.ndarray, float]:
        """Local maximum from theta over the free parameters, within the bounds.

        It ends where no component of the gradient exceeds `tolerance`.
        """
        from scipy.optimize import minimize

        low, high = np.where(free, self.LOW, theta), np.where(free, self.HIGH, theta)
        found = minimize(
            lambda t: -self(t),
            theta,
            jac=lambda t: -self.gradient(t, free),
            method="L-BFGS-B",
            bounds=list(zip(low, high, strict=True)),
            options={"ftol": 1e-13, "gtol": tolerance, "maxiter": 200},
        )
        return found.x, -float(found.fun)


def starting_point(ordered: np.ndarray) -> np.ndarray:
    """Best of a coarse grid of (alpha, beta), each with the quartiles of the sample.

    `ordered` is the sorted sample with median 0 and interquartile range 1.
    """
    likelihood = StableLikelihood(ordered, _COARSE_GROWTH)
    best, start = -inf, np.empty(4)
    for alpha in _START_ALPHAS:
        for beta in _START_BETAS:
            low, median, high = stable_quartiles(alpha, beta)
            scale = 1 / (high - low)
            theta = np.array([alpha, beta, log(scale), -median * scale])
            value = likelihood(theta)
            if value > best:
                best, start = value, theta
    return start


def profile_end(
    likelihood: StableLikelihood,
    theta: np.ndarray,
    top: float,
    drop: float,
    guess: float,
    end: float,
) -> float:
    """The alpha at which the profile likelihood ratio reaches a given value.

    Arguments:
        likelihood: of the sample.
        theta: its maximum.
        top: the maximal mean log-likelihood.
        drop: the ratio wanted, twice the fall of the whole log-likelihood.
        guess: how far from theta's alpha the answer may be.
        end: the end of the range to look towards.

    Returns:
        The alpha, or `end` if the ratio does not get there. Solved for the square root of the
        ratio, which is nearly linear in alpha, to 1 % of a standard error.
    """
    free = np.array([False, True, True, True])
    nearest, target = theta, sqrt(drop)

    def excess(alpha: float) -> float:
        nonlocal nearest
        start = np.array([alpha, *nearest[1:]])
        nearest, value = likelihood.maximise(start, free, tolerance=1e-5)
        return sqrt(2 * likelihood.size * max(0.0, top - value)) - target

    near, near_excess = theta[0], -target
    far = near + np.sign(end - near) * min(guess, abs(end - near))
    while (far_excess := excess(far)) < 0:
        if far == end:
            return end
        near, near_excess = far, far_excess
        far += np.sign(end - far) * min(2 * guess, abs(end - far))
    while True:
        alpha = far - far_excess * (far - near) / (far_excess - near_excess)
        value = excess(alpha)
        if abs(value) < 0.01 or abs(far - near) < 1e-7:
            return float(alpha)
        if value > 0:
            far, far_excess, near_excess = alpha, value, near_excess / 2
        else:
            near, near_excess, far_excess = alpha, value, far_excess / 2
