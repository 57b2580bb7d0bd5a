"""Makes the table of alpha-stable densities that `sgdwalk.gradients.stable_law` interpolates.

`python -m sgdwalk.gradients.stable_table` writes it beside the module, in seconds on one core.

The density is the Fourier integral of the characteristic function (S0, scale 1, location 0), for
x = y + m shifted by m = -beta peak_shift(alpha):

    f(x) = (1/pi) Re int_0^inf exp(-i t y + B(t)) dt,
    B(t) = -t^alpha - i t m - i beta tan(pi alpha/2) (t - t^alpha).

For y > 0 the path is bent below the real axis, t = r - i c r/(r + r_0): it leaves the origin
steeply and then runs parallel to the axis. There |exp(-i t y)| = exp(-c y r/(r + r_0)), so that at
large y all that counts lies near the origin, and the points, dense there on a logarithmic scale,
serve every y at once. (For y < 0, the mirror image.) The trapezoidal rule in
r = r_1 log(1 + e^q) converges exponentially. Far out, exp(B) - 1 is integrated instead of exp(B):
the integral of exp(-i t y) alone is imaginary, and dropping it avoids the cancellation that would
otherwise swamp the tail. Two different paths agree on h to 1e-10.
"""

from math import pi, tan

import numpy as np

from sgdwalk.gradients.stable_law import (
    ALPHA_NODES,
    BETA_NODES,
    COMPRESSION,
    TABLE_PATH,
    U_NODES,
    peak_shift,
    peak_width,
    tail_weight,
)

# Where |exp(-i t y)| on the level part of the path is exp(-40): beyond, it is nothing.
_FAR = 40.0


def _skew_phase(t: np.ndarray, alpha: float) -> np.ndarray:
    """tan(pi alpha/2) (t - t^alpha), without cancellation at alpha near 1."""
    if abs(alpha - 1) < 1e-9:
        return 2 / pi * t * np.log(t)
    return -tan(pi * alpha / 2) * t * np.expm1((alpha - 1) * np.log(t))


def standard_density(
    xi: np.ndarray, alpha: float, betas: np.ndarray, bend: float = 1.0
) -> np.ndarray:
    """Alpha-stable density by quadrature, for scale 1 and location 0 (S0).

    Arguments:
        xi: `(n,)` points (x + beta peak_shift(alpha)) / peak_width(alpha).
        alpha: stability parameter, 0.4 to 2.
        betas: `(m,)` skewness parameters, 0 to 1.
        bend: depth of the path below the axis, in 1/peak_width; no result depends on it.

    Returns:
        `(m, n)` density with respect to xi; absolute error about 1e-13 (1 + |xi|)^(-1-alpha) to
        |xi| = 1e3, 1e-10 of the same at the end of the table.
    """
    width, shift = peak_width(alpha), peak_shift(alpha)
    level, step = 1.5 / (_FAR * width), 0.12
    # exp(-t^alpha) is below 1e-13 at the last point; at the first, t is 1e-33.
    q = np.arange(-75.0, 1.3 * 32 ** (1 / alpha) / level, step)
    r = level * np.logaddexp(0.0, q)
    dr = level * step / (1 + np.exp(-q))
    depth = bend / width
    turn = 0.3 * depth
    density = np.empty((len(betas), len(xi)))
    for side in (1, -1):
        t = r - 1j * side * depth * r / (r + turn)
        dt = (1 - 1j * side * depth * turn / (r + turn) ** 2) * dr
        phase = _skew_phase(t, alpha) - shift * t
        exponent = -np.exp(alpha * np.log(t)) - 1j * np.multiply.outer(betas, phase)
        here = xi >= 0 if side == 1 else xi < 0
        for far in (False, True):
            points = np.flatnonzero(here & ((np.abs(xi) > _FAR) == far))
            integrand = (np.expm1(exponent) if far else np.exp(exponent)) * dt
            for some in np.array_split(points, 1 + len(points) * len(t) // 2_000_000):
                waves = np.exp(-1j * width * np.multiply.outer(t, xi[some]))
                density[:, some] = (integrand @ waves).real * width / pi
    return density


def weighted_density(alpha: float, betas: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The quantity h of `sgdwalk.gradients.stable_law`, by quadrature: `(len(betas), len(u))`.

    At u = -1 and 1 it is the weight of the Pareto tail, known in closed form.
    """
    betas = np.asarray(betas, dtype=float)
    inside = np.abs(u) < 1
    xi = np.sinh(np.arctanh(u[inside]) / COMPRESSION)
    h = np.empty((len(betas), len(u)))
    h[:, inside] = standard_density(xi, alpha, betas) * (1 + xi**2) ** ((1 + alpha) / 2)
    for end in (-1, 1):
        h[:, u == end] = np.asarray(tail_weight(alpha, end * betas))[:, None]
    return h


def tabulate() -> np.ndarray:
    """The whole table: `(alpha node, beta node, u node)` float32."""
    rows = [weighted_density(alpha, BETA_NODES, U_NODES) for alpha in ALPHA_NODES]
    return np.array(rows, dtype=np.float32)


if __name__ == "__main__":
    np.save(TABLE_PATH, tabulate())
