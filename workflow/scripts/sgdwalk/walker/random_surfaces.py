"""Random surfaces of given roughness: (multi)fractional Brownian, midpoint displacement.

All live on a square grid over `[-1, 1]^2` with H the exponent of their height differences:
`E (h(a) - h(b))^2 ~ |a - b|^(2 H)`.
"""

from __future__ import annotations

import numpy as np

from sgdwalk.errors import InputError

# Stein's embedding works in units of the square's diagonal; its covariance vanishes beyond this.
_SUPPORT = 2.0


def fractional_brownian_surface(size: int, H: float, rng: np.random.Generator) -> np.ndarray:
    """Draw an exact fractional Brownian surface.

    The heights are Gaussian, `h = 0` at the centre of the square (between the four innermost grid
    points where `size` is even), and `E (h(a) - h(b))^2 = |a - b|^(2 H)` for every pair of points.

    Stein's intrinsic embedding: a stationary surface whose covariance vanishes at a finite distance
    can be wrapped on a torus and drawn there by Fourier synthesis without error; a random tilt then
    restores what that covariance lacks. Filtering white noise by a power law is not exact: for
    H = 0.9 its first differences grow with exponent 0.85, its second ones with 0.94.

    Args:
        size: grid points per side, N >= 2.
        H: Hurst exponent in (0, 1).
        rng: source of randomness.

    Returns:
        Heights `(N, N)`, float64.

    Raises:
        InputError: `size` below 2 or H outside (0, 1).

    Source: Stein, Journal of Computational and Graphical Statistics 11, 587 (2002).
    """
    _check(size, H)
    return _stein_surface(size, H, *_stein_noise(size, rng))


def multifractional_brownian_surface(
    hoelder: np.ndarray, rng: np.random.Generator, spacing: float = 0.05
) -> np.ndarray:
    """Draw a surface whose Hoelder exponent varies in space.

    At each point the surface has the height that the fractional Brownian surface with the exponent
    of that point has there, all exponents being driven by one noise. Surfaces are made at exponents
    at most `spacing` apart and interpolated linearly in between.

    Args:
        hoelder: exponent at each grid point, `(N, N)`, in (0, 1); to be the exponent that is
            measured locally it must vary more smoothly than the surface.
        rng: source of randomness.
        spacing: largest step of the exponents at which surfaces are made.

    Returns:
        Heights `(N, N)`, float64, 0 at the centre.

    Raises:
        InputError: `hoelder` is not a square grid of numbers in (0, 1).

    Source: Peltier and Levy Vehel, INRIA report 2645 (1995); Ly and Gong, Nature Communications 16,
    doi 10.1038/s41467-025-58532-9
    """
    hoelder = np.asarray(hoelder, dtype=float)
    if hoelder.ndim != 2 or hoelder.shape[0] != hoelder.shape[1]:
        raise InputError(f"hoelder: shape {hoelder.shape}; a square grid (N, N) is needed")
    size, low, high = len(hoelder), float(hoelder.min()), float(hoelder.max())
    _check(size, low)
    _check(size, high)
    noise = _stein_noise(size, rng)
    rungs = np.linspace(low, high, 1 + int(np.ceil((high - low) / spacing)))
    heights = np.zeros((size, size))
    for k, H in enumerate(rungs):
        # Linear interpolation over the rungs, one surface in memory at a time: hat functions.
        width = rungs[1] - rungs[0] if len(rungs) > 1 else 1.0
        weight = np.maximum(0.0, 1.0 - np.abs(hoelder - rungs[k]) / width)
        heights += weight * _stein_surface(size, H, *noise)
    return heights


def midpoint_displacement(
    levels: int, H: float, amplitude: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw a fractal surface by midpoint displacement on squares and diamonds.

    Corners are 0. At each level the centre of every square becomes the mean of its corners, then
    the middle of every edge the mean of its (at the border three) nearest known points, both
    displaced by a uniform number from `[-a/2, a/2]`; `a` is `amplitude` at the first level and
    shrinks by `2^-H` per level. The roughness measured at small distances is below H, the more so
    the larger H is, because displaced points are not displaced again.

    Args:
        levels: number of halvings n >= 1; the grid has `N = 2^n + 1` points per side.
        H: exponent in (0, 1].
        amplitude: full width of the first displacement, >= 0.
        rng: source of randomness.

    Returns:
        Heights `(N, N)`, float64.

    Raises:
        InputError: no level or H outside (0, 1].

    Source: Fournier, Fussell and Carpenter, Communications of the ACM 25, 371 (1982); Miller, ACM
    SIGGRAPH 20, 39 (1986).
    """
    if levels < 1:
        raise InputError(f"levels: {levels}; at least 1 is needed")
    if not 0 < H <= 1:
        raise InputError(f"H: {H}; midpoint displacement takes a number in (0, 1]")
    size = 2**levels + 1
    heights = np.zeros((size, size))
    for level in range(levels):
        half = 2 ** (levels - level - 1)
        width = amplitude * 2.0 ** (-H * level)
        corners = heights[:: 2 * half, :: 2 * half]
        mean = (corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:] + corners[1:, 1:]) / 4
        centres = heights[half :: 2 * half, half :: 2 * half]
        centres[:] = mean + width * (rng.random(mean.shape) - 0.5)
        # Edges along the second axis, then along the first, are the same thing transposed.
        for surface in (heights, heights.T):
            known = surface[:: 2 * half, :: 2 * half]
            middle = surface[half :: 2 * half, half :: 2 * half]
            total = known[:, :-1] + known[:, 1:]
            total[1:] += middle
            total[:-1] += middle
            neighbours = np.full((len(known), 1), 4.0)
            neighbours[[0, -1]] = 3.0
            noise = width * (rng.random(total.shape) - 0.5)
            surface[:: 2 * half, half :: 2 * half] = total / neighbours + noise
    return heights


def _check(size: int, H: float) -> None:
    if size < 2:
        raise InputError(f"size: {size}; a surface needs at least 2 grid points per side")
    if not 0 < H < 1:
        raise InputError(f"H: {H}; a fractional Brownian surface takes a number in (0, 1)")


def _torus_cells(size: int) -> int:
    """Cells around the torus: no image of a pair inside the square is nearer than the support."""
    from scipy.fft import next_fast_len

    half = int(np.ceil((_SUPPORT * np.sqrt(2) + 1) * (size - 1) / 2))
    return 2 * next_fast_len(half, real=True)


def _stein_noise(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Half spectrum `(M, M/2 + 1)` of white noise on the torus, and the two numbers of the tilt."""
    cells = _torus_cells(size)
    tilt = rng.standard_normal(2)
    pairs = rng.standard_normal((cells, cells // 2 + 1, 2))
    spectrum = pairs.view(complex)[..., 0]
    spectrum *= cells / np.sqrt(2)
    # Columns of zero and of Nyquist frequency are Hermitian in themselves: they are spectra of
    # real noise in one dimension.
    spectrum[:, [0, -1]] = np.sqrt(cells) * np.fft.fft(rng.standard_normal((cells, 2)), axis=0)
    return spectrum, tilt


def _stein_surface(size: int, H: float, noise: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """Shape the noise of `_stein_noise` into the surface of exponent H."""
    from scipy.fft import dctn, ifft, irfft

    cells = len(noise)
    cell = 1 / (np.sqrt(2) * (size - 1))  # in units of the diagonal
    near = cell * np.arange(cells // 2 + 1)
    far = cell * cells - near  # the same distance the other way round the torus
    covariance = sum(
        _stein_covariance(np.hypot(u[:, None], v), H) for u in (near, far) for v in (near, far)
    )
    # Even in both directions: its transform is a cosine transform of one quadrant. Stein proves it
    # non-negative; what is below zero is rounding.
    root = np.sqrt(np.maximum(dctn(covariance, type=1, overwrite_x=True), 0.0))
    rows = np.minimum(np.arange(cells), cells - np.arange(cells))
    heights = irfft(ifft(noise * root[rows], axis=0)[:size], n=cells, axis=1)[:, :size]
    axis = cell * np.arange(size)
    _, _, quadratic = _stein_coefficients(H)
    heights += np.sqrt(2 * quadratic) * (tilt[0] * axis[:, None] + tilt[1] * axis)
    middle = [(size - 1) // 2, size // 2]
    heights -= heights[np.ix_(middle, middle)].mean()
    # From variance 2 r^(2H), r in diagonals, to d^(2H) with the diagonal 2 sqrt(2) long.
    return heights * (8.0 ** (H / 2) / np.sqrt(2))


def _stein_coefficients(H: float) -> tuple[float, float, float]:
    """Coefficients of Stein's covariance: of the outer part, of r^0 and of r^2 in the inner one.

    They make the two parts meet at r = 1 with equal value and first and second derivative.
    """
    R, power = _SUPPORT, 2 * H
    outer = power * (2 - power) / (3 * R * (R**2 - 1))
    quadratic = (power - outer * (R - 1) ** 2 * (R + 2)) / 2
    return outer, outer * (R - 1) ** 3 + 1 - quadratic, quadratic


def _stein_covariance(distance: np.ndarray, H: float) -> np.ndarray:
    """Covariance at a distance in diagonals: `c0 - r^(2H) + c2 r^2`, a tail beyond r = 1."""
    outer, constant, quadratic = _stein_coefficients(H)
    inner = constant - distance ** (2 * H) + quadratic * distance**2
    tail = outer * np.maximum(_SUPPORT - distance, 0.0) ** 3 / np.maximum(distance, 1.0)
    return np.where(distance <= 1, inner, tail)
