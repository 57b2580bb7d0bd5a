"""The alpha-stable law: density and random numbers, in Nolan's S0 parameterization.

With stability alpha, skewness beta, scale gamma and location delta the characteristic function is

    log E exp(i t X) = i delta t - |gamma t|^alpha
                       [1 + i beta tan(pi alpha/2) sgn(t) (|gamma t|^(1 - alpha) - 1)]

(Nolan 1997, Communications in Statistics: Stochastic Models 13, 759), its limit at alpha = 1
included: S0 is continuous in all four parameters, which S1 is not. alpha = 2 is the Gaussian with
standard deviation sqrt(2) gamma.

The density is read from a table, made by `sgdwalk.gradients.stable_table`, of the weighted density

    h(u; alpha, beta) = w f(x) (1 + xi^2)^((1 + alpha)/2),   xi = (x - m)/w,
    u = tanh(asinh(xi)/5),

with w(alpha) the width of the peak and m(alpha, beta) a shift that follows the peak. The weight
takes the power-law tails out, u brings the whole line onto [-1, 1], and h is analytic in alpha and
beta, so that Chebyshev nodes for these and a cubic spline in u do: the error of log f is
about 1e-6 on average over the law, and up to 1e-3 only at the foot of a light tail.
"""

from functools import cache, lru_cache
from math import expm1, gamma, log, pi, sin, sqrt, tan
from pathlib import Path

import numpy as np

from sgdwalk.errors import InputError

ALPHA_RANGE = (0.4, 2.0)
"""Stability parameters the table covers."""

# Read by name so that planning knows what this module's results depend on besides its code.
DATA_FILES = ("stable_table.npy",)
TABLE_PATH = Path(__file__).with_name(DATA_FILES[0])


def _chebyshev_nodes(low: float, high: float, count: int) -> np.ndarray:
    return low + (high - low) * (1 - np.cos(pi * np.arange(count) / (count - 1))) / 2


ALPHA_NODES = _chebyshev_nodes(*ALPHA_RANGE, 24)
BETA_NODES = _chebyshev_nodes(0.0, 1.0, 16)
U_NODES = np.linspace(-1.0, 1.0, 401)
COMPRESSION = 0.2

# Far in a light tail, h is smaller than the error of its interpolation and may come out negative.
# It is kept positive, smoothly, at this level: 1e-8 of a density whose peak is about 1.
_FLOOR = 1e-8


def peak_width(alpha: float) -> float:
    """Width of the symmetric density's peak, sqrt(-f(0)/f''(0)), for scale 1."""
    return sqrt(gamma(1 / alpha) / gamma(3 / alpha))


def peak_shift(alpha: float) -> float:
    """Shift per unit of -beta that keeps the peak of a skewed density near xi = 0.

    Any smooth choice is exact. This one cancels the phase of the characteristic function at the
    frequency where its modulus is exp(-5), so what is left varies slowly with beta.
    """
    log_frequency = log(5.0) / alpha
    if abs(alpha - 1) < 1e-9:
        return 2 / pi * log_frequency
    return -tan(pi * alpha / 2) * expm1((alpha - 1) * log_frequency)


def tail_weight(alpha: float, beta: float | np.ndarray) -> float | np.ndarray:
    """Limit of h at u = 1: the Pareto tail f -> alpha C_alpha (1 + beta) x^(-1-alpha).

    C_alpha = sin(pi alpha/2) Gamma(alpha)/pi (Samorodnitsky and Taqqu 1994, property 1.2.15).
    """
    constant = alpha * gamma(alpha) * sin(pi * alpha / 2) / pi if alpha < 2 else 0.0
    return constant * (1 + beta) * peak_width(alpha) ** -alpha


@cache
def _table() -> np.ndarray:
    """Values of h and slopes dh/du of its spline in u, float64.

    Shape `(alpha node, 2 x beta node x u node)`.
    """
    from scipy.interpolate import CubicSpline

    remedy = "make it by python -m sgdwalk.gradients.stable_table"
    if not TABLE_PATH.exists():
        raise FileNotFoundError(f"{TABLE_PATH} is missing: {remedy}")
    h = np.load(TABLE_PATH).astype(np.float64)
    expected = (len(ALPHA_NODES), len(BETA_NODES), len(U_NODES))
    if h.shape != expected:
        raise RuntimeError(f"{TABLE_PATH} has shape {h.shape}, not {expected}: {remedy}")
    slopes = CubicSpline(U_NODES, h, axis=2)(U_NODES, 1)
    return np.stack([h, slopes], axis=1).reshape(len(ALPHA_NODES), -1)


def _chebyshev_weights(nodes: np.ndarray, value: float) -> np.ndarray:
    """Weights of the nodes in the barycentric interpolant (Berrut and Trefethen 2004)."""
    distance = value - nodes
    if not distance.all():
        return (distance == 0).astype(float)
    weights = _alternating(len(nodes)) / distance
    return weights / weights.sum()


@cache
def _alternating(count: int) -> np.ndarray:
    """Signs of the barycentric weights, halved at both ends."""
    signs = (-1.0) ** np.arange(count)
    signs[[0, -1]] /= 2
    return signs


@lru_cache(maxsize=8)
def _at_alpha(alpha: float) -> np.ndarray:
    """The table at one alpha: `(2, beta node, u node)`."""
    weights = _chebyshev_weights(ALPHA_NODES, alpha)
    return (weights @ _table()).reshape(2, len(BETA_NODES), len(U_NODES))


@lru_cache(maxsize=16)
def _weighted_density(alpha: float, beta: float) -> np.ndarray:
    """Values h and slopes dh/du on U_NODES: `(2, u node)`."""
    h, slope = _chebyshev_weights(BETA_NODES, abs(beta)) @ _at_alpha(alpha)
    # f(x; alpha, -beta) = f(-x; alpha, beta)
    return np.stack([h, slope] if beta >= 0 else [h[::-1], -slope[::-1]])


def _interpolated(nodes: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Cubic Hermite interpolation of values and slopes `(2, u node)` at u in [-1, 1]."""
    h, slope = nodes
    spacing = U_NODES[1] - U_NODES[0]
    position = (u + 1) / spacing
    left = np.minimum(position.astype(np.intp), len(U_NODES) - 2)
    s = position - left
    rise = h[left + 1] - h[left]
    enter = slope[left] * spacing - rise
    leave = slope[left + 1] * spacing - rise
    return h[left] + s * (rise + (1 - s) * ((1 - s) * enter - s * leave))


def tabulated_log_density(
    x: np.ndarray, alpha: float, beta: float, scale: float, location: float
) -> np.ndarray:
    """`stable_log_density` without its checks, from the table throughout (alpha = 2 as well)."""
    width = peak_width(alpha)
    xi = ((x - location) / scale + beta * peak_shift(alpha)) / width
    u = np.tanh(COMPRESSION * np.arcsinh(xi))
    h = _interpolated(_weighted_density(alpha, beta), u)
    h = (h + np.hypot(h, 2 * _FLOOR)) / 2
    return np.log(h) - (1 + alpha) * np.log(np.hypot(1.0, xi)) - log(width * scale)


def stable_log_density(
    x: np.ndarray, alpha: float, beta: float, scale: float = 1.0, location: float = 0.0
) -> np.ndarray:
    """Logarithm of the alpha-stable density, Nolan's S0.

    Arguments:
        x: values, any shape.
        alpha: stability parameter, 0.4 to 2.
        beta: skewness, -1 to 1 (without meaning at alpha = 2, where it may be nan).
        scale: S0 scale gamma, units of x, positive; at alpha = 2 it is sd/sqrt(2).
        location: S0 location delta, units of x.

    Returns:
        log f, shape of x. Its error is about 1e-6 on average over the law. Far out in a light tail
        (|beta| near 1, or alpha just below 2) the density levels off near 1e-8 of its peak,
        times a power law, instead of vanishing. At alpha = 2 it is exact.

    Raises:
        InputError: a parameter is outside its range.
    """
    low, high = ALPHA_RANGE
    if not low <= alpha <= high:
        raise InputError(f"alpha = {alpha}: a stability parameter from {low} to {high} is needed")
    if not (alpha == 2 or -1 <= beta <= 1):
        raise InputError(f"beta = {beta}: a skewness from -1 to 1 is needed")
    if not scale > 0:
        raise InputError(f"scale = {scale}: a positive scale is needed")
    x = np.asarray(x, dtype=float)
    if alpha == 2:
        return -(((x - location) / scale) ** 2) / 4 - log(2 * sqrt(pi) * scale)
    return tabulated_log_density(x, float(alpha), float(beta), scale, location)


def stable_density(
    x: np.ndarray, alpha: float, beta: float, scale: float = 1.0, location: float = 0.0
) -> np.ndarray:
    """The alpha-stable density, Nolan's S0, units 1/x: see `stable_log_density`."""
    return np.exp(stable_log_density(x, alpha, beta, scale, location))


@cache
def stable_quartiles(alpha: float, beta: float) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile for scale 1 and location 0, to about 1e-4."""
    stretched = np.arctanh(U_NODES[1:-1]) / COMPRESSION
    x = peak_width(alpha) * np.sinh(stretched) - beta * peak_shift(alpha)
    density = stable_density(x, alpha, beta)
    cumulative = np.concatenate([[0.0], np.cumsum(np.diff(x) * (density[1:] + density[:-1]) / 2)])
    low, median, high = np.interp([0.25, 0.5, 0.75], cumulative / cumulative[-1], x).tolist()
    return low, median, high


def sample_stable(
    alpha: float,
    beta: float,
    size: int | tuple[int, ...],
    seed: int | np.random.Generator,
    scale: float = 1.0,
    location: float = 0.0,
) -> np.ndarray:
    """Independent alpha-stable random numbers, Nolan's S0.

    Arguments:
        alpha: stability parameter, in (0, 2].
        beta: skewness, -1 to 1.
        size: shape of the result.
        seed: an integer, or a generator to draw from.
        scale: S0 scale, units of the result.
        location: S0 location, units of the result.

    Returns:
        Array of shape `size`.

    Raises:
        InputError: a parameter is outside its range.

    Source: Chambers, Mallows and Stuck 1976; Weron 1996 (Statistics and Probability Letters 28,
    165) for S1; the shift beta tan(pi alpha/2) turns S1 into S0.
    """
    if not (0 < alpha <= 2 and -1 <= beta <= 1 and scale > 0):
        raise InputError(
            f"alpha = {alpha}, beta = {beta}, scale = {scale}: alpha in (0, 2], beta in [-1, 1]"
            " and a positive scale are needed"
        )
    generator = np.random.default_rng(seed)
    angle = generator.uniform(-pi / 2, pi / 2, size)
    wait = generator.standard_exponential(size)
    if abs(alpha - 1) < 1e-6:
        bent = pi / 2 + beta * angle
        x = bent * np.tan(angle) - beta * np.log((pi / 2) * wait * np.cos(angle) / bent)
        return location + scale * (2 / pi) * x
    skew = beta * tan(pi * alpha / 2)
    turned = alpha * angle + np.arctan(skew)
    x = (
        (1 + skew**2) ** (1 / (2 * alpha))
        * np.sin(turned)
        / np.cos(angle) ** (1 / alpha)
        * (np.cos(angle - turned) / wait) ** ((1 - alpha) / alpha)
    )
    return location + scale * (x - skew)
